"""Published weights from a file, a folder or a Hub repository: safetensors, or a pickle of tensors and nothing else.

Enters: a source, and the names that its file may have. Leaves: tensors by name, models filled with them; one sentence
where that fails. Does not know: which model they belong to. Nothing here runs what a file says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from tasteprint.hub import require_hub
from tasteprint.loading import brief, require_whole
from tasteprint.tensor_files import read_tensors, require_finite, require_fit

FAULTS = (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError, UnpicklingError)
"""What libraries raise for files that are missing, damaged, of another kind, or more than tensors."""


@contextmanager
def one_sentence(name: str | Path, expected: str, *sources: str | Path) -> Iterator[None]:
    """Turn what goes wrong while a scorer is opened into one sentence that names it and what was expected.

    `name` and the other `sources` are asked for first: libraries would try for a minute where there is no network.
    """
    for repository in (
        str(source).partition("@")[0] for source in (name, *sources) if not Path(source).exists()
    ):
        require_hub(repository, "scorer", expected)
    try:
        yield
    except FAULTS as fault:
        raise ValueError(
            f"scorer {str(name)!r} could not be read ({brief(fault)}); expected {expected}: check the name, fetch it "
            "again, or give a folder that has it."
        ) from fault


def published_tensors(source: str | Path, files: Sequence[str], inside: str = "") -> dict[str, Tensor]:
    """Read the first of `files` that a folder or repository ("owner/name", "owner/name@revision") has, or a file.

    `inside` is the key under which a pickle has the tensors, if it has it. Errors: see `FAULTS`.
    """
    path = _located(source, files)
    if path.suffix == ".safetensors":
        return read_tensors(path)[1]
    read = torch.load(path, map_location="cpu", weights_only=True)
    state = read.get(inside, read) if isinstance(read, Mapping) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path.name} holds something other than tensors by name")
    require_finite(path.name, state)
    return dict(state)


def without(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give what lies under a prefix, by the names after it; all of it where nothing does."""
    below = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return below or dict(state)


def kept_with(name: str | Path | None, published: str, mark: str = "preprocessor_config.json") -> str | Path:
    """Where a model's configuration, words and preparation are: in the weights' own folder if it has them (as `mark`
    shows), else in the repository of which the authors took them.
    """
    return name if name is not None and (Path(name) / mark).is_file() else published


def filled(kind: Any, config: Any, state: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> Any:
    """Build a model of transformers with these weights, frozen. ValueError where one is missing or does not fit.

    Weights that the model has no place for are left out, as `from_pretrained` does.
    """
    model, found = kind.from_pretrained(
        None, config=config, state_dict=dict(state), dtype=dtype, output_loading_info=True
    )
    require_whole(found)
    return model.eval().requires_grad_(False)


def fill_exactly(module: torch.nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put weights into a module of our own, frozen. ValueError where one is missing, too many or of another shape."""
    require_fit("its file", state, module.state_dict())
    module.load_state_dict(state)
    module.eval().requires_grad_(False)


def _located(source: str | Path, files: Sequence[str]) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        if found := [path / name for name in files if (path / name).is_file()]:
            return found[0]
        raise ValueError(f"the folder has none of {', '.join(files)}")
    return _downloaded(str(source), files)


def _downloaded(source: str, files: Sequence[str]) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = source.partition("@")
    for name in files:
        try:
            return Path(hf_hub_download(repository, name, revision=revision or None))
        except EntryNotFoundError:
            if name == files[-1]:
                raise
    raise AssertionError("at least one file is named")
