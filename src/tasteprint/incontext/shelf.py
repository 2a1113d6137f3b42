"""Prints at hand: the latest used ones, in at most so many bytes.

Enters: prints by name. Leaves: the same prints, or None for one that has left. Does not know: models, disks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from tasteprint.incontext.prints import InContextPrint


class PrintShelf:
    """A bounded least-recently-used store; safe to use from several threads."""

    def __init__(self, limit: int = 2**30) -> None:
        """Hold prints of at most `limit` bytes together (default: 1 GiB)."""
        self.limit = limit
        self.nbytes = 0
        self._prints: OrderedDict[Hashable, InContextPrint] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of prints at hand."""
        return len(self._prints)

    def __contains__(self, name: Hashable) -> bool:
        """Whether a print is at hand; asking is not using."""
        return name in self._prints

    def get(self, name: Hashable) -> InContextPrint | None:
        """Give a print and mark it as just used; None where it is not at hand."""
        with self._lock:
            if name in self._prints:
                self._prints.move_to_end(name)
            return self._prints.get(name)

    def put(self, name: Hashable, taste: InContextPrint) -> None:
        """Keep a print as the latest used, letting go of the least recently used ones until all fit.

        ValueError where it alone is larger than the shelf.
        """
        if taste.nbytes > self.limit:
            raise ValueError(
                f"a print of {taste.nbytes:,} bytes came to a shelf of {self.limit:,}; expected a smaller one: "
                "raise the limit, or keep it `quantized()`."
            )
        with self._lock:
            self._drop(name)
            self._prints[name] = taste
            self.nbytes += taste.nbytes
            while self.nbytes > self.limit:
                self._drop(next(iter(self._prints)))

    def _drop(self, name: Hashable) -> None:
        if name in self._prints:
            self.nbytes -= self._prints.pop(name).nbytes
