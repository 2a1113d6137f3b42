"""Stand-in until the real room comes.

Enters: nothing. Leaves: nothing. Does not know: anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class StoreSize(NamedTuple):
    """One encoder's part."""

    encoder: str
    pictures: int
    size: int
    path: Path


def cache_folder() -> Path:
    """Where the cache is."""
    return Path(os.environ.get("TASTEPRINT_CACHE") or "~/.cache/tasteprint").expanduser()


def stores(folder: Path) -> tuple[StoreSize, ...]:
    """Nothing."""
    return ()


def empty_stores(folder: Path) -> tuple[StoreSize, ...]:
    """Nothing."""
    return ()
