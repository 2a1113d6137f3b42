"""Which files a log is, and which table each is.

Enters: a file, a folder of shards or a glob pattern. Leaves: a `Table` for each file. Does not know: what they say.
Opens no pickle.
"""

from __future__ import annotations

import glob
from pathlib import Path

from tasteprint.data.tables.csv_table import CsvTable
from tasteprint.data.tables.json_table import JsonTable
from tasteprint.data.tables.parquet_table import ParquetTable
from tasteprint.data.tables.places import Place
from tasteprint.data.tables.source import Source
from tasteprint.data.tables.table import Table

KINDS = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".json": JsonTable,
    ".jsonl": JsonTable,
    ".ndjson": JsonTable,
    ".parquet": ParquetTable,
}
"""What can be read, by suffix; text may be packed by gzip or zstd, which .gz and .zst behind the suffix say."""

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
PICKLE_MAGIC = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
"""Protocols 2 to 5, and the zip that torch wraps around one."""


def open_tables(source: str | Path, said: Source) -> tuple[Table, ...]:
    """Find the files of a log. ValueError where there are none, or one that cannot be read."""
    return tuple(_table(path, said) for path in _files(source))


def _table(path: Path, said: Source) -> Table:
    refuse_pickle(path)
    if _suffix(path) not in KINDS:
        raise ValueError(f"log {path.name!r} is of no known kind; expected {', '.join(KINDS)}: convert it.")
    return KINDS[_suffix(path)](Place(path, said))


def _files(source: str | Path) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        found = sorted(item for item in path.rglob("*") if _suffix(item) in (*KINDS, *PICKLES))
    else:
        found = [path] if path.is_file() else sorted(map(Path, glob.glob(str(source), recursive=True)))  # noqa: PTH207
    if not found:
        raise ValueError(
            f"log {str(source)!r} is not there; expected a CSV, JSONL or Parquet file, or a folder of them."
        )
    return found


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz").removesuffix(".zst")).suffix.lower()


def refuse_pickle(path: Path) -> None:
    """Raise ValueError for a pickle, known by its name or its first bytes; it is never opened as one."""
    with path.open("rb") as file:
        magic = file.read(4)
    if _suffix(path) in PICKLES or magic.startswith(PICKLE_MAGIC):
        raise ValueError(
            f"log {path.name!r} is a pickle, which can run code when opened, so it was not; "
            "expected CSV, JSONL or Parquet: export the table from the program that made it."
        )
