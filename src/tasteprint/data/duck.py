"""DuckDB as this room uses it: bounded memory, spilling to disk, one sentence for each failure.

Enters: a folder to spill into. Leaves: connections, quoted SQL pieces. Does not know: votes or images.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from tasteprint.files import disk_error

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY_LIMIT = "256MB"
"""DuckDB's own share; what does not fit is spilled. Measured by benchmarks/million_votes.py."""


def connect(work: Path, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """Open the working database of a build in an existing folder, which also takes what spills.

    ValueError for a folder whose name is not UTF-8, which DuckDB cannot open.
    """
    if os.fsencode(work) != str(work).encode("utf-8", "replace"):
        raise ValueError(
            f"folder {str(work)!r} is not named in UTF-8; expected that of a database: rename it."
        )
    connection = duckdb.connect(
        str(work / "work.duckdb"),
        config={
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(work / "spill"),
            "threads": threads,
            "preserve_insertion_order": False,  # every result that is kept is sorted on purpose
            "autoinstall_known_extensions": False,  # a log must not make this reach for the network
            "TimeZone": "UTC",
        },
    )
    connection.execute("SET enable_progress_bar = false")  # it would be printed between the lines of --json
    return connection


def name(identifier: str) -> str:
    """Quote a column name for SQL, whatever characters it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a string for SQL where a parameter is not allowed."""
    return "'" + value.replace("'", "''") + "'"


def count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Give the single number that a query or a DELETE answers with."""
    row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def load_rows(
    connection: duckdb.DuckDBPyConnection, table: str, rows: pa.RecordBatchReader, query: str = "FROM batch"
) -> None:
    """Make a table of what a query makes of each `batch` of rows; what their reading raises is raised as it is."""
    with connection.cursor() as cursor:
        cursor.register("batch", rows.schema.empty_table())
        cursor.execute(f"CREATE TABLE {name(table)} AS {query}")
        for batch in rows:
            cursor.register("batch", batch)
            cursor.execute(f"INSERT INTO {name(table)} {query}")


@contextmanager
def plain_errors(what: str, remedy: str) -> Iterator[None]:
    """Turn DuckDB's errors into one sentence: OSError for a full disk, ValueError for what cannot be read.

    A person's interruption, which DuckDB tells as an error of its own, is one again.
    """
    try:
        yield
    except duckdb.InterruptException as stop:
        raise KeyboardInterrupt from stop
    except RuntimeError as error:
        if "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        if "No space left" in str(error) or isinstance(error, duckdb.OutOfMemoryException):
            raise disk_error(what, first, errno.ENOSPC) from error
        raise ValueError(f"{what} could not be done ({first}); {remedy}.") from error
