"""tasteprint: learns what one person likes in pictures from their votes.

Importing it loads no torch; the names below are fetched from their rooms on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tasteprint.types import Example, Generator, History, Rating, Scorer, Vote

if TYPE_CHECKING:
    from tasteprint.data.dataset import Dataset
    from tasteprint.data.images import ImageStore
    from tasteprint.incontext.model import InContextModel
    from tasteprint.incontext.prints import InContextPrint
    from tasteprint.library.rank import rank
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.posterior.prints import PosteriorPrint
    from tasteprint.vision.encoder import ImageEncoder

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "Example",
    "Generator",
    "History",
    "ImageEncoder",
    "ImageStore",
    "InContextModel",
    "InContextPrint",
    "PosteriorPrint",
    "Rating",
    "Scorer",
    "TastePosterior",
    "Vote",
    "rank",
]

_ROOMS = {
    "Dataset": "tasteprint.data.dataset",
    "ImageEncoder": "tasteprint.vision.encoder",
    "ImageStore": "tasteprint.data.images",
    "InContextModel": "tasteprint.incontext.model",
    "TastePosterior": "tasteprint.posterior.model",
    "PosteriorPrint": "tasteprint.posterior.prints",
    "InContextPrint": "tasteprint.incontext.prints",
    "rank": "tasteprint.library.rank",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'tasteprint' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
