"""tasteprint: learns what one person likes in pictures from their votes.

Importing it loads no torch; the names below are fetched from their rooms on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tasteprint.types import Example, Generator, History, Rating, Scorer, Vote

if TYPE_CHECKING:
    from tasteprint.data.images import ImageStore
    from tasteprint.data.table import Dataset
    from tasteprint.model.embeddings import ImageEncoder
    from tasteprint.model.preference import PreferenceModel
    from tasteprint.model.prints import Tasteprint
    from tasteprint.taste.model import TastePosterior
    from tasteprint.taste.prints import TastePrint

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "Example",
    "Generator",
    "History",
    "ImageEncoder",
    "ImageStore",
    "PreferenceModel",
    "Rating",
    "Scorer",
    "TastePosterior",
    "TastePrint",
    "Tasteprint",
    "Vote",
]

_ROOMS = {
    "Dataset": "tasteprint.data.table",
    "ImageEncoder": "tasteprint.model.embeddings",
    "ImageStore": "tasteprint.data.images",
    "PreferenceModel": "tasteprint.model.preference",
    "TastePosterior": "tasteprint.taste.model",
    "TastePrint": "tasteprint.taste.prints",
    "Tasteprint": "tasteprint.model.prints",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'tasteprint' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
