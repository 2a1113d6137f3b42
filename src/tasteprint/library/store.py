"""The file that keeps embeddings: opened, begun, begun anew where it is damaged or old, shown and emptied.

Enters: the cache folder, a store's path. Leaves: an SQLite connection that is fit for use, and a sentence where it
was not. Does not know: encoders, pictures, what the rows mean.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

VERSION = 1
"""Of the tables, and of how a picture is read before it is embedded: a store of an earlier version is begun anew."""

WAIT = 30.0
"""Seconds that a process waits for another's write, which takes some milliseconds."""

_TABLES = (
    "CREATE TABLE about (encoder TEXT NOT NULL)",
    "CREATE TABLE pictures (number INTEGER PRIMARY KEY, content BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, "
    "embedding BLOB NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE INDEX by_size ON pictures (size)",
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, "
    "picture INTEGER NOT NULL) WITHOUT ROWID",
    f"PRAGMA user_version = {VERSION}",
)


class StoreSize(NamedTuple):
    """One encoder's part of the cache: its name, how many pictures, how many bytes on disk, the file."""

    encoder: str
    pictures: int
    size: int
    path: Path


class NewerStoreError(Exception):
    """A store that a later version of the package wrote, which is left as it is."""


def cache_folder() -> Path:
    """Give the folder of the cache: what TASTEPRINT_CACHE says, or tasteprint in the user's cache folder."""
    said = os.environ.get("TASTEPRINT_CACHE", "")
    return Path(said) if said else user_cache_path("tasteprint", appauthor=False)


def open_store(path: Path, encoder: str) -> tuple[sqlite3.Connection, str]:
    """Open a store, or begin it; gives the connection and what had to be done, "" for nothing.

    One of an earlier version is begun anew in its place. Raises OSError, sqlite3.Error (`is_damaged` tells which are
    for `remove_store`) or NewerStoreError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    try:
        store.execute(
            "PRAGMA page_size = 8192"
        )  # a row of 3,600 half-precision numbers and its names fit in one
        store.execute("PRAGMA synchronous = NORMAL")
        store.execute("PRAGMA temp_store = MEMORY")
        return store, _made_fit(store, path, encoder)
    except BaseException:
        store.close()
        raise


@contextmanager
def writing(store: sqlite3.Connection) -> Iterator[None]:
    """Make one change of all that the body writes, after other processes' and before theirs; nothing if it fails."""
    store.execute("BEGIN IMMEDIATE")
    try:
        yield
        store.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has rolled back already
            store.execute("ROLLBACK")
        raise


def is_damaged(fault: BaseException) -> bool:
    """Whether an error says that the file is no whole SQLite file."""
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF  # the rest tells kinds of one fault apart
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def file_number(path: Path) -> int:
    """Number of the file that has this name now, -1 where none has: a file begun anew has another."""
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def remove_store(path: Path) -> None:
    """Remove a damaged store and its journal; OSError where that cannot be done."""
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def stores(folder: Path) -> tuple[StoreSize, ...]:
    """Look at all that a cache folder keeps, in the order of file names; a damaged store counts as 0 pictures."""
    return tuple(_size(path) for path in sorted(folder.glob("embeddings-*.sqlite")))


def empty_stores(folder: Path) -> tuple[StoreSize, ...]:
    """Throw away all that a cache folder keeps, and say what that was; other files in it are left.

    A process that is using a store goes on with an empty one. OSError in one sentence where it cannot be done.
    """
    held = stores(folder)
    for one in held:
        try:
            _empty(one.path)
        except (OSError, sqlite3.Error) as fault:
            raise OSError(
                f"emptying {str(one.path)!r} failed ({fault}); expected a file that may be changed: remove it by hand."
            ) from fault
    return held


def _made_fit(store: sqlite3.Connection, path: Path, encoder: str) -> str:
    if _is_fit(store):
        return ""
    with writing(store):
        if _is_fit(store):  # another process was first
            return ""
        if _version(store) > VERSION:
            raise NewerStoreError
        tables = _tables(store)
        for table in tables:
            store.execute(f'DROP TABLE "{table}"')
        for line in _TABLES:
            store.execute(line)
        store.execute("INSERT INTO about VALUES (?)", (encoder,))
    return f"the cache {str(path)!r} was of an earlier version and is begun anew." if tables else ""


def _is_fit(store: sqlite3.Connection) -> bool:
    return _version(store) == VERSION and {"about", "pictures", "files"} <= set(_tables(store))


def _version(store: sqlite3.Connection) -> int:
    return store.execute("PRAGMA user_version").fetchone()[0]


def _tables(store: sqlite3.Connection) -> list[str]:
    named = store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name.replace('"', '""') for (name,) in named]


def _size(path: Path) -> StoreSize:
    size = path.stat().st_size
    try:
        with closing(sqlite3.connect(path, timeout=WAIT)) as store:
            encoder, pictures = store.execute(
                "SELECT encoder, (SELECT count(*) FROM pictures) FROM about"
            ).fetchone()
            return StoreSize(encoder, pictures, size, path)
    except (sqlite3.Error, TypeError):
        return StoreSize("damaged, or of another version", 0, size, path)


def _empty(path: Path) -> None:
    """Empty rather than remove: a process that has the file open would go on writing its journal beside a new one."""
    try:
        with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as store:
            with writing(store):
                store.execute("DELETE FROM files")
                store.execute("DELETE FROM pictures")
            store.execute("VACUUM")
    except sqlite3.Error as fault:
        if not is_damaged(fault) and "no such table" not in str(fault):
            raise
        remove_store(path)
