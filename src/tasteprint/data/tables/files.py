"""Which files a log is, and which table each is.

Enters: a file, an archive, a folder of shards or a glob pattern. Leaves: a `Table` for each file, and what was passed
over. Does not know: what they say. Opens no pickle.
"""

from __future__ import annotations

import glob
from pathlib import Path, PurePath
from typing import NamedTuple

from tasteprint.data.tables.archives import is_archive, unpack
from tasteprint.data.tables.kinds import PICKLES, kind_of, suffix_of
from tasteprint.data.tables.places import Place
from tasteprint.data.tables.source import UNSAID, Source
from tasteprint.data.tables.table import Table

SHARDS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
"""What is read of a folder or an archive; other tables are read where they are named."""

BESIDE = ("_SUCCESS", "_metadata", "_common_metadata", "_delta_log", "__MACOSX")
"""What programs put beside shards."""


class TablesFound(NamedTuple):
    """The tables of a log, and sentences on what was passed over."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def open_tables(source: str | Path, said: Source = UNSAID) -> TablesFound:
    """Find the files of a log. ValueError where there are none, or one that cannot be read."""
    paths, hidden = _files(source)
    places = [place for path in paths for place in _places(path, said)]
    tables = [kind_of(place.path, place.name)(place) for place in places]
    empty = [table for table in tables if table.is_empty]
    if len(empty) == len(tables):
        name = tables[0].name if tables else str(source)
        raise ValueError(f"log {name!r} is empty; expected a table with a header: choose another file.")
    notes = [f"{table.name} is empty and passed over" for table in empty]
    if hidden:
        notes.append(f"{hidden} hidden file{'s' * (hidden > 1)} passed over")
    return TablesFound(tuple(table for table in tables if table not in empty), tuple(notes))


def _places(path: Path, said: Source) -> list[Place]:
    if not is_archive(path.name):
        return [Place(path, said)]
    return unpack(path, said, lambda name: not _is_hidden(PurePath(name)) and suffix_of(name) in SHARDS)


def _files(source: str | Path) -> tuple[list[Path], int]:
    """The files of a log in their order, and the number of those that are hidden."""
    path, hidden = Path(source), 0
    if path.is_dir():
        below = sorted(item for item in path.rglob("*") if item.is_file())
        shown = [item for item in below if not _is_hidden(item.relative_to(path))]
        hidden = len(below) - len(shown)
        found = [
            item for item in shown if suffix_of(item.name) in (*SHARDS, *PICKLES) or is_archive(item.name)
        ]
    else:
        named = [path] if path.exists() else sorted(map(Path, glob.glob(str(source), recursive=True)))  # noqa: PTH207
        found = [item for item in named if item.is_file()]  # the reading of pipes and devices may never end
    if not found:
        what = _why_none(path)
        raise ValueError(
            f"log {str(source)!r} {what}; expected a CSV, JSONL or Parquet file, or a folder of them."
        )
    return found, hidden


def _why_none(path: Path) -> str:
    if path.is_dir():
        return "holds no table"
    return "is no file, but a pipe, a device or a socket" if path.exists() else "is not there"


def _is_hidden(path: PurePath) -> bool:
    # Only dots, as in "..", lead somewhere and hide nothing.
    return (
        any(part.strip(".") != part.rstrip(".") or part in BESIDE for part in path.parts)
        or path.suffix == ".crc"
    )
