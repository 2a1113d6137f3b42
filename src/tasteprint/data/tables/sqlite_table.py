"""SQLite: a table, or what a query gives, of a database that is only read.

Enters: a `Place`, with the table or the query that the mapping names. Leaves: its columns and rows with their numbers.
Does not know: what the columns mean.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasteprint.data.tables.names import has_all
from tasteprint.data.tables.table import Table, text_batch

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 512
BESIDE = ("", "-wal", "-journal")
"""A database and what a program that has it open may not have written into it yet."""

ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
"""All that a query may do; it attaches nothing, writes nothing, and never runs without end."""


@dataclass(frozen=True)
class SqliteTable(Table):
    """A database, read by one SELECT."""

    table: str = ""
    kind: ClassVar[str] = "SQLite"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names that the query gives its columns. ValueError where no table is named and there are several."""
        with self._rows() as rows:
            return tuple(column[0] for column in rows.description)

    def seeking(self, wanted: Sequence[str]) -> Table:
        """The one table that has the wanted columns, where neither it nor a query is named."""
        if self.place.said.query or self.place.said.table:
            return self
        tables = [replace(self, table=name) for name in self._tables()]
        fitting = [table for table in tables if has_all(table.columns, wanted)]
        return fitting[0] if len(fitting) == 1 else self

    def has(self, column: str) -> bool:
        """Whether the query gives a column of this name."""
        return self.place_of(column) is not None

    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The cells as text: numbers as SQLite writes them. ValueError for what cannot be read or is no text."""
        places = [self.place_of(column) for column in columns]
        line = 1
        with self._rows() as rows:
            while chunk := rows.fetchmany(ROWS):
                cells = [[self._cell(row, place, columns) for row in chunk] for place in places]
                yield text_batch(columns, cells, range(line, line + len(chunk)))
                line += len(chunk)

    def _cell(self, row: Sequence[Any], place: int | None, columns: Sequence[str]) -> str | None:
        value = None if place is None else row[place]
        if isinstance(value, bytes):
            raise ValueError(
                f"column {self.columns[place or 0]!r} of {self.name!r} holds bytes; "
                "expected text or numbers: map another column."
            )
        return None if value is None else str(value)

    def _tables(self) -> list[str]:
        with _reading(self.place.path, self.name) as connection:
            found = connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
            return [name for (name,) in found]

    @contextmanager
    def _rows(self) -> Iterator[sqlite3.Cursor]:
        query = self.place.said.query or "SELECT * FROM " + _quoted(self._named_table())
        with _reading(self.place.path, self.name) as connection:
            connection.set_authorizer(_may)
            yield connection.execute(query)

    def _named_table(self) -> str:
        name = self.table or self.place.said.table
        if name:
            return name
        tables = self._tables()
        if len(tables) == 1:
            return tables[0]
        raise ValueError(
            f"{self.name!r} is an SQLite database of the tables {', '.join(tables) or '(none)'}; expected one table or "
            "query: name it under [source] of the mapping."
        )


def _may(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    harmless = action in ALLOWED and second != "load_extension"
    return sqlite3.SQLITE_OK if harmless else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _reading(path: Path, shown: str) -> Iterator[sqlite3.Connection]:
    """Open a database to read; a copy of one that another program has open."""
    try:
        with tempfile.TemporaryDirectory() as folder, closing(_opened(path, Path(folder))) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except sqlite3.Error as error:
        raise ValueError(
            f"reading {shown!r} as SQLite could not be done ({error}); expected a database and a SELECT that fits it: "
            "correct the query, or copy the file again."
        ) from error


def _opened(path: Path, folder: Path) -> sqlite3.Connection:
    if not _in_use(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError:
            connection.close()  # locked, or its folder may not be written
    for end in BESIDE:
        beside = path.with_name(path.name + end)
        if beside.exists():
            shutil.copyfile(beside, folder / ("copy" + end))
    return sqlite3.connect(folder / "copy")


def _in_use(path: Path) -> bool:
    """Whether a program may hold a part of it elsewhere, or opening it would write beside it."""
    with path.open("rb") as file:
        header = file.read(20)
    return header[18:20] == b"\2\2" or any(path.with_name(path.name + end).exists() for end in BESIDE[1:])
