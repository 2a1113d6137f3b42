"""Ground floor: where a model is, by folder, bundled name or Hub repository, and what its folder says of itself.

Enters: a name, or a folder to upload. Leaves: a local folder; the record in it; a commit's address.
Does not know: what kinds of models there are. Nothing here unpickles, and no code is downloaded.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

FORMAT = 1
ABOUT = "tasteprint.json"
"""The record in a model's folder: its format, its kind, its settings."""

BUNDLED = ("mini", "mini-posterior", "photos")
"""Models that come with the package, and need no download."""

PATTERNS = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "README.md", "prompt_pool*.pt"]
"""`prompt_pool*.pt` are LUP's preference tokens, which `incontext.published` reads as tensors only."""


def find_model(name: str | Path) -> Path:
    """Give the local folder of a model: one that comes with the package, a folder, or a download from the Hub.

    A bundled name means the bundled model even beside a folder of that name, as a person's `photos` may well be; such a
    folder is `./photos`. Of a run's folder, the model in it. ValueError where there is none.
    """
    if str(name) in BUNDLED:
        return Path(str(resources.files("tasteprint"))) / "weights" / str(name)
    if Path(name).is_dir():
        inside = Path(name) / "model"
        return inside if inside.is_dir() else Path(name)
    from huggingface_hub import snapshot_download  # here and below: it takes half a second to import
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(str(name), allow_patterns=PATTERNS))
    except (HfHubHTTPError, HFValidationError, OSError) as fault:
        raise ValueError(
            f"model {str(name)!r} could not be opened; expected a folder that `save_pretrained` or "
            "`tasteprint train` wrote, or a Hub repository that can be reached."
        ) from fault


def read_about(folder: Path) -> dict[str, Any]:
    """Read what a model's folder says of itself. ValueError where it says nothing, or in another format."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, json.JSONDecodeError) as fault:
        raise ValueError(
            f"folder {str(folder)!r} has no readable {ABOUT}; expected a tasteprint model: name another folder."
        ) from fault
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{folder / ABOUT} is of format {about.get('format')!r}; expected {FORMAT}: use the release of "
            "tasteprint that wrote it."
        )
    return about


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write what a model's folder says of itself."""
    text = json.dumps({"format": FORMAT, **about}, indent=1) + "\n"
    (folder / ABOUT).write_text(text, encoding="utf-8")


def push_folder(folder: Path, repository: str, private: bool) -> str:
    """Upload a saved folder to the Hub; returns the address of the commit."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=repository, folder_path=folder))
