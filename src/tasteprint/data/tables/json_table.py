"""JSON: objects one after the other, a line each or not, or as elements of an array.

Enters: a `Place`. Leaves: its rows with the lines that they begin on. Does not know: what the keys mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from tasteprint.data.tables.elements import Element, cell_text, elements
from tasteprint.data.tables.encodings import GUESSES, Scan, scan
from tasteprint.data.tables.names import place_of
from tasteprint.data.tables.table import Table, text_batch

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, LOOKED_AT = 4096, 1000


@dataclass(frozen=True)
class JsonTable(Table):
    """A file of JSON objects."""

    kind: ClassVar[str] = "JSON"

    @cached_property
    def _scan(self) -> Scan:
        return scan(self.place)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The keys of the first thousand objects."""
        return tuple(dict.fromkeys(key for row, _ in islice(self._elements(), LOOKED_AT) for key in row))

    @property
    def notes(self) -> tuple[str, ...]:
        """Whether the encoding was guessed."""
        guessed = self._scan.encoding in GUESSES[1:] and not self.place.source.encoding
        return (f"{self.name} is no UTF-8 and is read as {self._scan.encoding}",) if guessed else ()

    def has(self, column: str) -> bool:
        """Whether any object has this key."""
        return any(place_of(tuple(row), column) is not None for row, _ in self._elements())

    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The values of these keys as they are written; null where an object lacks one."""
        rows = self._elements()
        while chunk := list(islice(rows, ROWS)):
            cells = [[_cell(row, column) for row, _ in chunk] for column in columns]
            yield text_batch(columns, cells, [line for _, line in chunk])

    def _elements(self) -> Iterator[Element]:
        return elements(self.place, self._scan.encoding)


def _cell(row: Mapping[str, Any], column: str) -> str | None:
    return cell_text(row.get(column))
