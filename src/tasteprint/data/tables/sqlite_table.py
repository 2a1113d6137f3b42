"""SQLite: a table, or what a query gives, of a database that is only read.

Enters: a `Place`, with the table or the query that the mapping names. Leaves: its columns and rows with their numbers.
Does not know: what the columns mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from tasteprint.data.foreign_database import open_database
from tasteprint.data.tables.names import has_all
from tasteprint.data.tables.table import Table, text_batch

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 512
FITTING = "a database and a SELECT that fits it: correct the query, or copy the file again"

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

    def _opened(self) -> AbstractContextManager[sqlite3.Connection]:
        return open_database(self.place.path, "SQLite database", FITTING, self.name)

    def _tables(self) -> list[str]:
        with self._opened() as connection:
            found = connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
            return [name for (name,) in found]

    @contextmanager
    def _rows(self) -> Iterator[sqlite3.Cursor]:
        query = self.place.said.query or "SELECT * FROM " + _quoted(self._named_table())
        with self._opened() as connection:
            connection.text_factory = str  # a cell that is no UTF-8 is a fault of the table
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
