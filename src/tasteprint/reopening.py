"""Ground floor: prints that go to other processes, small, and open there with their model by its fingerprint.

Enters: models as they are opened; a print's bytes and the name of its model. Leaves: the print, or one sentence.
Does not know: what prints and models are. What is unpickled calls `reopened` and nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

from tasteprint.hub import BUNDLED, WEIGHTS

_OPEN: WeakSet[Any] = WeakSet()


def remember(model: Any) -> None:
    """Note a model that is open in this process, for as long as it is."""
    _OPEN.add(model)


def lasting_name(name: str | Path) -> str:
    """Give a model's name as another process may open it, wherever that runs: of a folder the whole path."""
    if Path(name).parent == WEIGHTS:
        return Path(name).name
    return str(Path(name).resolve()) if str(name) not in BUNDLED and Path(name).is_dir() else str(name)


def reopened(print_class: Any, model_class: Any, source: str, fingerprint: str, data: bytes) -> Any:
    """Make a pickled print again, with the model of that fingerprint that is open here, or opened by name.

    ValueError where it has no name, or the name now leads to another model.
    """
    return print_class.from_bytes(data, _model(model_class, source, fingerprint))


def _model(model_class: Any, source: str, fingerprint: str) -> Any:
    for model in list(_OPEN):
        if isinstance(model, model_class) and model.fingerprint == fingerprint:
            return model
    if not source:
        raise ValueError(
            f"a print came whose model, {fingerprint[:12]}, is not open here and was saved nowhere; expected it to be "
            "open: save the model, and make prints with the one that `from_pretrained` opens."
        )
    model = _opened(model_class, source)
    if model.fingerprint != fingerprint:
        raise ValueError(
            f"a print came of the model {fingerprint[:12]}, and {source!r} is now another; expected the same: open "
            "the one that made the print."
        )
    return model


@lru_cache(maxsize=2)  # a worker's prints come one after the other
def _opened(model_class: Any, source: str) -> Any:
    return model_class.from_pretrained(source)
