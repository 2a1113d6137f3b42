"""A log on disk: which files it is, and how DuckDB reads them.

Enters: a file, a folder of shards or a glob pattern. Leaves: a `Log` whose `scan()` stands in a FROM.
Does not know: what the columns mean. Opens no pickle.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import duckdb

from tasteprint.data.duck import name, plain_errors, text

KINDS = {".csv": "CSV", ".tsv": "CSV", ".jsonl": "JSONL", ".ndjson": "JSONL", ".parquet": "Parquet"}
"""What can be read, by suffix; CSV and JSONL may end in .gz besides."""

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
PICKLE_MAGIC = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
"""Protocols 2 to 5, and the zip that torch wraps around one."""


@dataclass(frozen=True, slots=True)
class Log:
    """Files of one kind, with the columns of each."""

    files: tuple[Path, ...]
    kind: str
    tables: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that some file has; where another lacks it, its rows have nothing there."""
        return tuple(dict.fromkeys(column for table in self.tables for column in table))

    def scan(self, files: tuple[Path, ...] | None = None) -> str:
        """Give the table function that reads these files (all of them by default)."""
        return _scan(self.kind, self.files if files is None else files, self.columns)

    def require(self, columns: Iterable[str], remedy: str) -> None:
        """Refuse a log of which a file lacks one of these columns, by a sentence that names those it has."""
        for column, (file, table) in product(columns, zip(self.files, self.tables, strict=True)):
            if column not in table:
                raise ValueError(
                    f"log {file.name!r} has no column {column!r}; "
                    f"expected it beside {', '.join(table)}: {remedy}."
                )


def find_log(connection: duckdb.DuckDBPyConnection, source: str | Path) -> Log:
    """Find the files of a log and ask for its columns.

    Raises ValueError for a log that is absent, a pickle (refused unopened), of several kinds, or unreadable.
    """
    files = _files(source)
    kinds = {KINDS[_suffix(path)] for path in files}
    if len(kinds) > 1:
        raise ValueError(
            f"log {str(source)!r} mixes {' and '.join(sorted(kinds))}; expected one kind: name one file."
        )
    kind = kinds.pop()
    return Log(files, kind, tuple(_columns(connection, kind, path) for path in files))


def _columns(connection: duckdb.DuckDBPyConnection, kind: str, path: Path) -> tuple[str, ...]:
    with plain_errors(f"reading {path.name!r} as {kind}", "expected a table with a header: repair the file"):
        found = connection.execute(f"DESCRIBE SELECT * FROM {_scan(kind, (path,), None)}").fetchall()
    return tuple(row[0] for row in found)


def _files(source: str | Path) -> tuple[Path, ...]:
    path = Path(source)
    if path.is_dir():
        found = sorted(item for item in path.rglob("*") if _suffix(item) in (*KINDS, *PICKLES))
    else:
        found = [path] if path.is_file() else sorted(map(Path, glob.glob(str(source), recursive=True)))  # noqa: PTH207
    if not found:
        raise ValueError(
            f"log {str(source)!r} is not there; expected a CSV, JSONL or Parquet file, or a folder of them."
        )
    for item in found:
        refuse_pickle(item)
        if _suffix(item) not in KINDS:
            raise ValueError(
                f"log {item.name!r} is of no known kind; expected {', '.join(KINDS)}: convert it."
            )
    return tuple(found)


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def refuse_pickle(path: Path) -> None:
    """Raise ValueError for a pickle, known by its name or its first bytes; it is never opened as one."""
    with path.open("rb") as file:
        magic = file.read(4)
    if _suffix(path) in PICKLES or magic.startswith(PICKLE_MAGIC):
        raise ValueError(
            f"log {path.name!r} is a pickle, which can run code when opened, so it was not; expected CSV, JSONL or "
            "Parquet: export the table from the program that made it, or try `tasteprint data convert`."
        )


def _scan(kind: str, files: tuple[Path, ...], columns: tuple[str, ...] | None) -> str:
    listed = "[" + ", ".join(text(glob.escape(str(path))) for path in files) + "]"
    if kind == "Parquet":
        return f"read_parquet({listed}, union_by_name = true)"
    if kind == "CSV":
        # All as text: ids such as 007 stay what they are.
        return f"read_csv({listed}, all_varchar = true, header = true, union_by_name = true)"
    known = "sample_size = -1"
    if columns is not None:
        known = "columns = {" + ", ".join(f"{name(column)}: 'VARCHAR'" for column in columns) + "}"
    return f"read_json({listed}, format = 'newline_delimited', union_by_name = true, {known})"
