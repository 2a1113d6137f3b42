"""What every format offers: the columns of a table, and its rows as text with their lines.

Enters: a `Place`. Leaves: the base of tables, and Arrow batches of cells. Does not know: formats.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tasteprint.data.tables.names import place_of
from tasteprint.data.tables.places import Place

if TYPE_CHECKING:
    import pyarrow as pa

BLANK = b" \t\r\n\xef\xbb\xbf\xff\xfe"
"""What a file without letters may hold."""

LINE = "_line"
"""The column beside the cells: the line on which a row begins, or its number, both from 1."""


@dataclass(frozen=True)
class Table(ABC):
    """The rows of one file."""

    place: Place
    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """What sentences call it."""
        return self.place.name

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns, as they are written; of free forms, those of the first rows."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how it is read that the user should see."""
        return ()

    @property
    def is_empty(self) -> bool:
        """Whether the file holds nothing at all."""
        with self.place.open() as file:
            return not file.read(4096).strip(BLANK)

    def seeking(self, wanted: Sequence[str]) -> Table:
        """The same table, read so that it has these columns if there is a way."""
        return self

    def place_of(self, column: str) -> int | None:
        """Where a column of this name stands. ValueError where it could be several."""
        try:
            return place_of(self.columns, column)
        except ValueError as error:
            raise ValueError(f"{self.name!r} {error}.") from error

    @abstractmethod
    def has(self, column: str) -> bool:
        """Whether there is a column of this name or at this path."""

    @abstractmethod
    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The cells of these columns as text or null, and `_line`. ValueError for a row that is not understood."""


def text_batch(
    columns: Sequence[str], cells: Sequence[Sequence[str | None]], lines: Sequence[int]
) -> pa.RecordBatch:
    """One batch of columns of text, and the line of each row."""
    import pyarrow as pa

    arrays = [pa.array(column, pa.string()) for column in cells]
    return pa.record_batch([*arrays, pa.array(lines, pa.int64())], [*columns, LINE])
