"""Another program's SQLite database, read while that program may be running, and never written to.

Enters: the path of a database. Leaves: a connection that only reads, in time that is limited. Does not know: tables.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tasteprint.files import disk_error

MAGIC = b"SQLite format 3\0"
AS_WRITTEN = "one as its program writes it: close the program and try again, or name another file"
WAIT = 0.5
"""Seconds that a lock is waited for; a copy needs none."""

TRIES = 3
STEP, MOST_STEPS = 1_000_000, 2_000
"""A query ends after so many instructions of SQLite's machine: a minute or two, for a million pictures seconds."""

LONGEST = 1 << 24
"""Bytes of a cell that is read."""

BESIDE = ("", "-wal", "-journal")


@contextmanager
def open_database(
    path: Path, what: str, expected: str = AS_WRITTEN, shown: str = ""
) -> Iterator[sqlite3.Connection]:
    """Open a database for reading; `what` names its kind in sentences, and `shown` the file where it is not its path.

    Where it is locked or has a log of changes (-wal, -journal), a copy of all of it is read. Text comes as it is, also
    where it is not UTF-8. ValueError for what is no database, has other tables, is being written to all the while, or
    whose query does not end.
    """
    _require_database(path, what)
    with TemporaryDirectory(prefix="tasteprint-") as folder:
        try:
            with closing(_direct(path) or _opened(_copied(path, Path(folder), what), "rw")) as connection:
                yield connection
        except sqlite3.Error as fault:
            raise ValueError(
                f"{what} {(shown or str(path))!r} could not be read ({fault}); expected {expected}."
            ) from fault


def _require_database(path: Path, what: str) -> None:
    if not path.is_file():
        raise ValueError(f"{what} {str(path)!r} is not there; expected a file: correct the path.")
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(
                f"{what} {str(path)!r} is no SQLite database; expected one as its program writes it: name another file."
            )


def _direct(path: Path) -> sqlite3.Connection | None:
    """A connection that holds off no one for longer than reading takes; None where only a copy can be read."""
    if _logged(path):
        return None
    connection = _opened(path, "ro")
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:  # locked, or damaged: the copy tells
        connection.close()
        return None
    return connection


def _logged(path: Path) -> bool:
    """Whether changes stand, or may stand, in a file beside it; opening it would then write there."""
    with path.open("rb") as file:
        versions = file.read(20)[18:]
    return versions != b"\1\1" or any(os.path.lexists(f"{path}{end}") for end in BESIDE[1:])


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT, isolation_level=None
    )
    connection.text_factory = os.fsdecode
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    connection.execute("PRAGMA trusted_schema = OFF")
    steps = count()
    connection.set_progress_handler(lambda: next(steps) >= MOST_STEPS, STEP)
    return connection


def _copied(path: Path, folder: Path, what: str) -> Path:
    """Copy a database and its logs as they were at one moment."""
    try:
        for _ in range(TRIES):
            before = _state(path)
            _copy(path, folder)
            if _state(path) == before:
                return folder / "copy"
    except OSError as fault:
        raise disk_error(f"copying {what} {str(path)!r} to be read", fault.strerror, fault.errno) from fault
    raise ValueError(
        f"{what} {str(path)!r} is being written to all the while; expected a moment of rest: close its program, or try "
        "again."
    )


def _copy(path: Path, folder: Path) -> None:
    for end in BESIDE:
        target = folder / f"copy{end}"
        target.unlink(missing_ok=True)
        with suppress(FileNotFoundError):  # a log that ended just now, which `_state` tells
            shutil.copyfile(f"{path}{end}", target)


def _state(path: Path) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for end in BESIDE:
        try:
            about = os.stat(f"{path}{end}")  # noqa: PTH116 - names that are not UTF-8 stay as they are
            found.append((about.st_size, about.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found
