"""What a file is, by its name and its first bytes; what cannot be read, by its true reason.

Enters: a path. Leaves: the class of its table, or a ValueError. Does not know: columns. Opens no pickle.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from tasteprint.data.tables.csv_table import CsvTable
from tasteprint.data.tables.json_table import JsonTable
from tasteprint.data.tables.parquet_table import ParquetTable
from tasteprint.data.tables.sqlite_table import SqliteTable
from tasteprint.data.tables.table import Table

KINDS: dict[str, type[Table]] = {
    ".csv": CsvTable,
    ".tsv": CsvTable,
    ".txt": CsvTable,
    ".json": JsonTable,
    ".jsonl": JsonTable,
    ".ndjson": JsonTable,
    ".parquet": ParquetTable,
    ".sqlite": SqliteTable,
    ".sqlite3": SqliteTable,
    ".db": SqliteTable,
}
"""What can be read, by suffix; text may be packed by gzip or zstd, which .gz and .zst behind the suffix say."""

MAGIC: dict[bytes, type[Table]] = {b"PAR1": ParquetTable, b"SQLite format 3\0": SqliteTable}
"""Beginnings that say more than a name."""

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
"""Spreadsheets in their programs' own formats."""

OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
LFS = b"version https://git-lfs"

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
PICKLE_MAGIC = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""Protocols 2 to 5."""

ZIP = b"PK\x03\x04"


def suffix_of(name: str) -> str:
    """The suffix that says what a file is, in small letters; that of a packed file stands before .gz or .zst."""
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in (".gz", ".zst") else path.suffix


def kind_of(path: Path, name: str, what: str = "log", otherwise: type[Table] | None = None) -> type[Table]:
    """The class of a file's table; `otherwise` for names that say nothing.

    ValueError for what is no table: a pickle (never opened as one), a workbook, a pointer to a file that was not
    fetched, a name that says nothing.
    """
    _refuse_unreadable(path, name, what)
    with path.open("rb") as file:
        head = file.read(16)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    found = KINDS.get(suffix_of(name), otherwise)
    if found is None:
        raise ValueError(f"{what} {name!r} is of no known kind; expected {', '.join(KINDS)}: convert it.")
    return found


def _refuse_unreadable(path: Path, name: str, what: str) -> None:
    with path.open("rb") as file:
        head = file.read(64)
    suffix, inside = suffix_of(name), _members(path) if head.startswith(ZIP) else []
    if suffix in PICKLES or head.startswith(PICKLE_MAGIC) or any(one.endswith("/data.pkl") for one in inside):
        raise ValueError(
            f"{what} {name!r} is a pickle, which can run code when opened, so it was not; "
            "expected CSV, JSONL or Parquet: export the table from the program that made it."
        )
    if suffix in WORKBOOKS or head.startswith(OLD_WORKBOOK) or {"xl/workbook.xml", "content.xml"} & {*inside}:
        raise ValueError(f"{what} {name!r} is a workbook; expected a table as text: save it as CSV.")
    if head.startswith(LFS):
        raise ValueError(
            f"{what} {name!r} is a pointer of Git LFS, not the file itself; "
            "expected its content: fetch it (git lfs pull)."
        )


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        return []
