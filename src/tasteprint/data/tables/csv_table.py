"""CSV: a table of text, its separator decided over every row.

Enters: a `Place`. Leaves: its columns and its rows with their lines. Does not know: what the columns mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from tasteprint.data.tables.cells import Chunk, read_chunks
from tasteprint.data.tables.dialects import DELIMITERS, Dialect, decide
from tasteprint.data.tables.encodings import guess_note
from tasteprint.data.tables.table import Table, text_batch

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = dict(zip(DELIMITERS, ("a comma", "a semicolon", "a tab", "a bar"), strict=True))


@dataclass(frozen=True)
class CsvTable(Table):
    """A CSV, read so that it has the wanted columns if there is a way."""

    wanted: tuple[str, ...] = ()
    kind: ClassVar[str] = "CSV"

    @cached_property
    def dialect(self) -> Dialect:
        """How it is written. ValueError for what is no text, or has no row."""
        return decide(self.place, self.wanted)

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's cells."""
        return self.dialect.header

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed: old encodings, and separators with spaces."""
        titles = self.dialect.titles
        found = [*guess_note(self.place, self.dialect.form.encoding)]
        if self.dialect.form.spaced:
            found.append(f"spaces behind the separators of {self.name} are taken for a part of them")
        if titles:
            found.append(f"{titles} row{'s' * (titles > 1)} above the header of {self.name} passed over")
        return tuple(found)

    def seeking(self, wanted: Sequence[str]) -> CsvTable:
        """The same file, its separator and header chosen for these columns."""
        return CsvTable(self.place, tuple(wanted))

    def has(self, column: str) -> bool:
        """Whether the header names it."""
        return self.place_of(column) is not None

    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The cells of these columns; null where the header lacks one, empty where a row ends before.

        ValueError for a row with filled cells beyond the header, or one that ends before a required column.
        """
        places = [self.place_of(column) for column in columns]
        least = 1 + max((self.place_of(column) or 0 for column in required), default=0)
        for rows, lines in self._even_rows(least):
            across = list(zip(*rows, strict=True))
            nothing = (None,) * len(rows)
            yield text_batch(columns, [nothing if p is None else across[p] for p in places], lines)

    def _even_rows(self, least: int) -> Iterator[Chunk]:
        """The rows behind the header, each with a cell for every column."""
        skip, width = self.dialect.skipped, len(self.columns)
        for rows, lines in read_chunks(self.place, self.dialect.form):
            rows, lines, skip = rows[skip:], lines[skip:], max(0, skip - len(rows))
            if set(map(len, rows)) - {width}:
                kept = [(self._even(row, line, least), line) for row, line in zip(rows, lines, strict=True)]
                rows, lines = [row for row, _ in kept if row], [line for row, line in kept if row]
            if rows:
                yield Chunk(rows, lines)

    def _even(self, row: list[str], line: int, least: int) -> list[str]:
        """One row with a cell for each column; nothing for a line of spaces."""
        width = len(self.columns)
        if len(row) == width:
            return row
        if not any(map(str.strip, row)):
            return []
        if any(map(str.strip, row[width:])):
            mark = WORDS.get(self.dialect.form.delimiter, repr(self.dialect.form.delimiter))
            raise self._fault(row, line, width, f"quote a cell that holds {mark}")
        if len(row) < least:
            raise self._fault(row, line, width, "complete this row, or delete it")
        return row[:width] + [""] * (width - len(row))

    def _fault(self, row: list[str], line: int, width: int, remedy: str) -> ValueError:
        cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
        return ValueError(f"line {line} of {self.name!r} has {cells}; expected {width}: {remedy}.")
