"""Ground floor: where a model is, by folder, bundled name or Hub repository, and what its folder says of itself.

Enters: a name, or a folder to upload. Leaves: a local folder; the record in it; a commit's address.
Does not know: what kinds of models there are. Nothing here unpickles, no code is downloaded, and a Hub that does not
answer is waited for as long as `PATIENCE` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from tasteprint.checksums import CHECKSUMS, read_object, require_unchanged, write_checksums
from tasteprint.files import disk_faults, write_json
from tasteprint.loading import brief

FORMAT = 1
ABOUT = "tasteprint.json"
"""The record in a model's folder: its format, its kind, its settings."""

BUNDLED = ("mini", "mini-posterior", "photos")
"""Models that come with the package, and need no download."""

WEIGHTS = Path(str(resources.files("tasteprint"))) / "weights"
"""The folder of what comes with the package."""

PATTERNS = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "README.md", "prompt_pool*.pt")
"""What a model consists of. Nothing else is downloaded: no code, and no pickle but LUP's preference tokens, which
`incontext.published` reads as tensors only."""

PATIENCE = 4.0
"""Seconds until a Hub that says nothing counts as away."""


def find_model(name: str | Path) -> Path:
    """Give the local folder of a model: one that comes with the package, a folder, or a download from the Hub.

    A bundled name means the bundled model even beside a folder of that name, as a person's `photos` may well be; such a
    folder is `./photos`. Of a run's folder, the model in it. ValueError where there is none, or a file in it is not as
    it was written.
    """
    if str(name) in BUNDLED:
        folder = WEIGHTS / str(name)
    else:
        folder = local_folder(
            name, "model", f"one of {', '.join(BUNDLED)}, a folder that `save_pretrained` or `tasteprint train` wrote"
        )  # fmt: skip
        folder = folder / "model" if (folder / "model").is_dir() else folder
    require_unchanged(folder)
    return folder


def local_folder(
    name: str | Path,
    what: str,
    expected: str,
    patterns: Sequence[str] = PATTERNS,
    revision: str | None = None,
) -> Path:
    """Give a folder as it is, or fetch a Hub repository's files that fit the patterns, once.

    Where the Hub does not answer within `PATIENCE`, the copy that is here already serves. ValueError where there is
    none: the sentence names `what` was to be opened, and what was `expected` beside a Hub repository.
    """
    if str(name) and Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download  # here and below: it takes half a second to import
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    commit, why = _asked(str(name), revision)
    try:
        return Path(
            snapshot_download(
                str(name),
                revision=commit or revision,
                allow_patterns=list(patterns),
                etag_timeout=PATIENCE,
                local_files_only=commit is None,
            )
        )
    except (HfHubHTTPError, HFValidationError, OSError) as fault:
        raise ValueError(
            f"{what} {str(name)!r} could not be opened ({why or f'the download failed: {brief(fault)}'}); expected "
            f"{expected}, or a Hub repository that can be reached: check the spelling, or, to work offline, fetch it "
            f"where there is a network (hf download {name}) and name the folder."
        ) from fault


def require_hub(name: str, what: str, expected: str) -> bool:
    """Say whether the Hub answers of a repository whose files a library fetches itself; if not, its cache must do.

    ValueError as for `local_folder`, where neither the Hub nor the cache has anything of it.
    """
    commit, _ = _asked(name, None)
    if commit is None:
        local_folder(name, what, expected, ("model_index.json", "config.json"))
    return commit is not None


def _asked(name: str, revision: str | None) -> tuple[str | None, str]:
    """Ask the Hub which commit a name stands for; or give None, and why there is no answer."""
    from huggingface_hub import HfApi, constants, is_offline_mode
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return None, "there is no such folder, and no repository has such a name"
    if is_offline_mode():
        return None, "the Hub is switched off (HF_HUB_OFFLINE), and no copy of it is on this machine"
    found: list[str | Exception] = []

    def ask() -> None:
        try:
            found.append(str(HfApi().repo_info(name, revision=revision, timeout=PATIENCE).sha))
        except Exception as fault:  # whatever it is, it is told below; here is another thread
            found.append(fault)

    waiting = Thread(target=ask, daemon=True)  # a name server or a trickling proxy keeps to no timeout
    waiting.start()
    waiting.join(PATIENCE + 0.5)
    match found:
        case [str() as commit]:
            return commit, ""
        case [GatedRepoError()]:
            return None, "its authors ask for a licence to be accepted first (log in with `hf auth login`)"
        case [RepositoryNotFoundError()]:
            return None, f"{constants.ENDPOINT} has no repository of that name that you may see"
        case [HfHubHTTPError() as fault] if getattr(fault, "response", None) is not None:
            return None, f"{constants.ENDPOINT} refused ({brief(fault)})"
        case [Exception() as fault]:
            return (
                None,
                f"{constants.ENDPOINT} could not be reached ({brief(fault)}), and no copy is on this machine",
            )
    return (
        None,
        f"{constants.ENDPOINT} did not answer within {PATIENCE:g} seconds, and no copy is on this machine",
    )


def read_about(folder: Path) -> dict[str, Any]:
    """Read what a model's folder says of itself. ValueError where it says nothing, or in another format."""
    if not (folder / ABOUT).is_file():
        raise ValueError(
            f"folder {str(folder)!r} has no readable {ABOUT}; expected a tasteprint model: name another folder."
        )
    about = read_object(folder / ABOUT)
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{folder / ABOUT} is of format {about.get('format')!r}; expected {FORMAT}: use the release of "
            "tasteprint that wrote it."
        )
    return about


def said_in(about: dict[str, Any], folder: Path, name: str, kind: type) -> Any:
    """Give an entry of a model's record. ValueError where it is not there or of another kind."""
    if not isinstance(about.get(name), kind) or isinstance(about.get(name), bool):
        raise ValueError(
            f"{folder / ABOUT} has {name} {about.get(name)!r}; expected a value of type {kind.__name__}: save the "
            "model again."
        )
    return about[name]


@contextmanager
def written_model(folder: Path, about: Mapping[str, Any]) -> Iterator[Path]:
    """Give a folder to write a model's files to; when the body ends they replace those in `folder`, one by one.

    What the model says of itself is written with them, and the checksums of all of them last, so that a folder in which
    two models are mixed is not taken for one. OSError in one sentence where the disk is full or the folder shut.
    """
    with disk_faults(f"saving a model in {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".saving-", dir=folder) as aside:
            yield Path(aside)
            write_json(Path(aside) / ABOUT, {"format": FORMAT, **about})
            write_checksums(Path(aside))
            for path in sorted(Path(aside).iterdir(), key=lambda path: path.name == CHECKSUMS):
                path.replace(folder / path.name)


def push_folder(folder: Path, repository: str, private: bool) -> str:
    """Upload a saved folder to the Hub; returns the address of the commit."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=repository, folder_path=folder))
