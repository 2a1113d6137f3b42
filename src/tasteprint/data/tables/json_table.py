"""JSON: objects one after the other, a line each or not, or as elements of an array; nested as they may be.

Enters: a `Place`. Leaves: its rows with the lines that they begin on. Does not know: what the keys mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from tasteprint.data.tables.elements import Element, cell_text, elements
from tasteprint.data.tables.encodings import Scan, guess_note, scan
from tasteprint.data.tables.paths import ABSENT, leaves, unroll
from tasteprint.data.tables.table import Table, text_batch

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, LOOKED_AT = 512, 1000


@dataclass(frozen=True)
class JsonTable(Table):
    """A file of JSON objects."""

    kind: ClassVar[str] = "JSON"

    @cached_property
    def _scan(self) -> Scan:
        return scan(self.place)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The paths of all that the first thousand objects hold."""
        looked_at = islice(self._elements(), LOOKED_AT)
        paths = dict.fromkeys(path for row, _ in looked_at for path in leaves(row))
        entered = {path[:end] for path in paths for end in range(len(path)) if path[end] in ".["}
        return tuple(
            path for path in paths if path not in entered
        )  # what is empty in one row may not be in another

    @property
    def notes(self) -> tuple[str, ...]:
        """Whether the encoding was guessed."""
        return guess_note(self.place, self._scan.encoding)

    def has(self, column: str) -> bool:
        """Whether any object has something at this path."""
        return any(
            values[0] is not ABSENT for row in self._elements() for values in self._flat(row, (column,))
        )

    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The values at these paths as they are written, null where there is none; lists make several rows."""
        objects = self._elements()
        while chunk := list(islice(objects, ROWS)):
            rows, lines = [], []
            for element in chunk:
                flat = self._flat(element, columns)
                rows.extend(flat)
                lines.extend([element.line] * len(flat))
            cells = [
                [None if cell is ABSENT else cell_text(cell) for cell in column]
                for column in zip(*rows, strict=True)
            ]
            yield self._batch(columns, cells, lines)

    def _batch(
        self, columns: Sequence[str], cells: list[list[str | None]], lines: list[int]
    ) -> pa.RecordBatch:
        try:
            return text_batch(columns, cells, lines)
        except UnicodeEncodeError:
            row = next(n for n in range(len(lines)) if not all(_whole(column[n]) for column in cells))
            raise self._fault(
                lines[row], "holds half a letter (a lone surrogate); expected text: correct it"
            ) from None

    def _flat(self, element: Element, columns: Sequence[str]) -> list[list[object]]:
        try:
            return unroll(element.value, columns)
        except ValueError as error:
            raise self._fault(element.line, str(error)) from error

    def _fault(self, line: int, got: str) -> ValueError:
        return ValueError(f"line {line} of {self.name!r} {got}.")

    def _elements(self) -> Iterator[Element]:
        return elements(self.place, self._scan.encoding)


def _whole(cell: str | None) -> bool:
    return cell is None or not any("\ud800" <= letter <= "\udfff" for letter in cell)
