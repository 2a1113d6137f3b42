"""A log on disk: its files as one table of text, each row with the file and the line that it stands on.

Enters: a file, a folder of shards or a glob pattern, and what the mapping says of it. Leaves: a `Log`.
Does not know: what the columns mean. Opens no pickle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.data.tables.files import open_tables
from tasteprint.data.tables.fitting import fit
from tasteprint.data.tables.parquet_table import ParquetTable
from tasteprint.data.tables.source import UNSAID, Source
from tasteprint.data.tables.table import LINE, Table

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "_file"
"""The column that counts the files of a log, from 0; LINE is the other beside the cells."""


ROWS, BYTES = 16384, 8 << 20
"""Batches are put together until they have so many rows, or cells of so many bytes."""


@dataclass(frozen=True, slots=True)
class Log:
    """Files of one kind; `required` are the columns that every row must reach, `passed_over` sentences on the rest."""

    tables: tuple[Table, ...]
    passed_over: tuple[str, ...] = ()
    required: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files, as `_file` counts them."""
        return tuple(table.name for table in self.tables)

    @property
    def kind(self) -> str:
        """CSV, JSON, Parquet or SQLite."""
        return self.tables[0].kind

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that some file has; where another lacks it, its rows have nothing there."""
        return tuple(dict.fromkeys(column for table in self.tables for column in table.columns))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the user should see: what was guessed, and what was passed over."""
        return (*self.passed_over, *(note for table in self.tables for note in table.notes))

    def require(self, columns: Iterable[str], remedy: str) -> Log:
        """The same log, read so that it has these columns; files that lack one are passed over.

        ValueError, which names the columns that there are, where every file lacks one, or one that looks like a shard
        of the others does; and for files of several kinds.
        """
        wanted = tuple(dict.fromkeys(columns))
        tables, over = fit(self.tables, wanted, remedy)
        return Log(tables, (*self.passed_over, *over), wanted)

    def batches(self, columns: Sequence[str]) -> pa.RecordBatchReader:
        """Read the cells of these columns, as text or null, and `_file` (int32) and `_line` (int64).

        A line is where the row begins, from 1; its number, from 1, where there are no lines. A column that a file lacks
        is null. ValueError, naming the file and the line, for what is not understood.
        """
        import pyarrow as pa

        text = [(column, pa.string()) for column in columns]
        schema = pa.schema([*text, (LINE, pa.int64()), (FILE, pa.int32())])
        return pa.RecordBatchReader.from_batches(schema, self._batches(columns))

    def _batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for number, table in enumerate(self.tables):
            for batch in _together(table.batches(columns, self.required)):
                yield batch.append_column(FILE, pa.array([number] * batch.num_rows, pa.int32()))

    def has_bytes(self, column: str) -> bool:
        """Whether the files hold encoded images in this column.

        ValueError where some files do and others do not, or where the column holds anything else.
        """
        holding = [isinstance(table, ParquetTable) and table.has(column) for table in self.tables]
        if any(holding) and not all(holding):
            raise ValueError(
                f"log {self.files[holding.index(False)]!r} has no column {column!r}, and others have; "
                "expected images in every file: fetch it again, or leave it out."
            )
        for table in self.tables:
            if isinstance(table, ParquetTable) and holding[0]:
                table.require_bytes(column)
        return all(holding)

    def images(self, ids: str, encoded: str) -> Iterator[tuple[str, bytes]]:
        """Each row's id and encoded image, where it has both; a few at a time, whatever the size of the file."""
        if self.has_bytes(encoded):
            for table in self.tables:
                if isinstance(table, ParquetTable):
                    yield from table.images(ids, encoded)


def find_log(source: str | Path, said: Source = UNSAID) -> Log:
    """Find the files of a log: a file, an archive, a folder or a glob pattern.

    ValueError for a log that is absent or empty, and for what is no table: a pickle (refused unopened), a workbook.
    """
    return Log(*open_tables(source, said))


def _together(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in larger batches."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= ROWS or size >= BYTES:
            yield pa.concat_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.concat_batches(held)
