"""Ground floor: one process at a time writes a folder, and a second is told by whom it is held.

Enters: a folder that is about to be written, replaced or made. Leaves: the folder held while a body runs, or a
ValueError that names the owner's process and machine. Does not know: what is written.
"""

from __future__ import annotations

import errno
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.files import (
    SHUT,
    disk_error,
    no_empty_folders,
    remove_parts,
    require_new,
    require_plain_name,
)

if TYPE_CHECKING:
    from filelock import BaseFileLock

WAIT = 1.0
"""Seconds for which a lock is sought: enough for an owner that is just ending."""

INSIDE = ".lock"
"""Name of the lock of a folder whose parent may not be written, as where a container mounts it."""

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What a file system says that knows no locks, as some network mounts do."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder, there or not yet, for this process alone; ValueError naming the owner where another does.

    The operating system keeps the lock and drops it when its owner ends, however that ends, so a file that a killed
    process left is no obstacle. On a file system without locks the file itself is the lock: one whose owner ran on this
    machine and is gone is taken over, one from another machine cannot be judged, and the sentence says what to remove.
    The folder itself may be replaced by a rename. Nothing is left in the end. OSError where no lock can be written.
    """
    require_plain_name(folder)
    with no_empty_folders(folder.parent):
        with _sentence(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = _acquired(folder.resolve())
        try:
            yield
        finally:
            with suppress(OSError):  # on Windows an open file stays, and the next owner takes it
                if not _is_marker(lock):
                    Path(lock.lock_file).unlink()  # while it is held: who waits for it sees that it is gone
            lock.release()


@contextmanager
def held_new(folder: Path) -> Iterator[None]:
    """Hold a folder that is about to be made, as `held`; ValueError where something is there already.

    What killed writes of it left beside it is removed.
    """
    with held(folder):
        require_new(folder)
        remove_parts(folder.resolve().parent, folder.resolve().name)
        yield


def lock_file(folder: Path) -> Path:
    """Name the file that holds a folder: hidden, beside it, so that the folder can be replaced."""
    folder = folder.resolve()
    return folder.with_name(f".{folder.name}.lock")


def is_lock(path: Path) -> bool:
    """Whether a file in a folder is that folder's own lock, which is none of its contents."""
    return path.name == INSIDE


def _acquired(folder: Path) -> BaseFileLock:
    try:
        return _taken(folder, lock_file(folder))
    except OSError as error:
        if error.errno not in SHUT or not folder.is_dir():
            raise
        return _taken(folder, folder / INSIDE)


def _taken(folder: Path, path: Path) -> BaseFileLock:
    from filelock import FileLock, SoftFileLock, Timeout

    lock: BaseFileLock = FileLock(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the file system has no locks: the file itself then is one
            try:
                lock.acquire(timeout=WAIT)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                lock = SoftFileLock(path)
                lock.acquire(timeout=WAIT)
    except Timeout as refused:
        raise ValueError(_refusal(folder, path)) from refused
    if not _is_marker(lock):
        with suppress(OSError):  # on a full disk the lock is held without saying by whom
            path.write_text(f"{os.getpid()}\n{socket.gethostname()}\n", "utf-8")
    return lock


def _is_marker(lock: BaseFileLock) -> bool:
    """Whether the lock is a file's mere presence, in which the library itself names the owner, and which it removes."""
    return hasattr(lock, "pid")


def _refusal(folder: Path, path: Path) -> str:
    process, machine = _owner(path)
    here = machine == socket.gethostname()
    where = "this machine" if here else f"machine {machine!r}"
    gone = "" if here else f" (if that process is gone: remove {str(path)!r})"
    return (
        f"folder {str(folder)!r} is being written by process {process} on {where}; expected one at a time: wait for it"
        f"{gone}, or choose another folder."
    )


def _owner(path: Path) -> tuple[str, str]:
    """Process and machine as written in the lock's first two lines; "?" where they cannot be read."""
    try:
        lines = path.read_bytes()[:1000].decode("utf-8", "replace").split("\n")
    except OSError:
        lines = []
    process, machine, *_ = [*lines, "", ""]
    return process or "?", machine or "?"


@contextmanager
def _sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(
            f"locking folder {str(folder)!r}", error.strerror or str(error), error.errno
        ) from error
