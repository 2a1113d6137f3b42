"""Stand-in until the real room comes: no cache.

Enters: nothing. Leaves: nothing. Does not know: anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class EmbeddingCache:
    """No cache."""

    def __init__(self, folder: Path, encoder: Any) -> None:
        self.notes: list[str] = []

    def __enter__(self) -> EmbeddingCache:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
