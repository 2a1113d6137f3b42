"""Files that are whole or absent, and a full disk as one sentence.

Enters: bytes and a path. Leaves: the file under its name, or an OSError. Does not know: what is written.
"""

from __future__ import annotations

import tempfile
from pathlib import Path


def write_whole(path: Path, aside: Path, data: bytes) -> None:
    """Write to a file in the folder `aside`, on the same file system, then rename it to `path`.

    Raises OSError in one sentence, and leaves nothing behind, when the disk is full or the folder shut.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir(exist_ok=True)
        _write(path, aside, data)
    except OSError as error:
        raise disk_error(f"writing {path.name} in {path.parent}", error.strerror, error.errno) from error


def disk_error(what: str, reason: str | None, number: int | None) -> OSError:
    """Give an OSError that prints as a sentence, without "[Errno 28]", and still has its `errno`."""
    error = OSError(
        f"{what} failed ({reason}); expected room and a writable folder: free some and run again."
    )
    error.errno = number
    return error


def _write(path: Path, aside: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=aside, delete=False) as file:
        try:
            file.write(data)
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
