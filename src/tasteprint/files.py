"""Ground floor: files and folders that are whole or absent, and a full disk as one sentence.

Enters: bytes or JSON, and a path. Leaves: the file or folder under its name, or an OSError and nothing.
Does not know: what is written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4


@contextmanager
def whole(path: Path, aside: Path | None = None) -> Iterator[Path]:
    """Give another path to write a file or a folder to, which becomes `path` in one step when the body ends.

    The other path lies in the folder `aside` (beside `path` by default), which must be on the same file system. When
    the body fails nothing is left; OSError in one sentence when the disk is full, the folder shut, or `path` a folder
    that holds something.
    """
    part = _beside(path) if aside is None else aside / _beside(path).name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise disk_error(
            f"writing {path.name} in {path.parent}", error.strerror or str(error), error.errno
        ) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(part) if part.is_dir() else part.unlink()


def write_bytes(path: Path, data: bytes, aside: Path | None = None) -> None:
    """Write a file whole, replacing what is there; `aside` and errors as for `whole`."""
    with whole(path, aside) as part:
        part.write_bytes(data)


def json_text(value: object, indent: int | None = 1, default: Callable[[Any], Any] | None = None) -> str:
    """Write a value as JSON. ValueError where a number in it is NaN or infinite, for which JSON has no word."""
    try:
        return json.dumps(value, indent=indent, default=default, allow_nan=False)
    except ValueError as fault:
        raise ValueError(
            f"a result holds a number that is not finite ({fault}); expected numbers: check the weights and the data "
            "that it comes from."
        ) from fault


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, indented by one and ended by a newline; see `write_bytes`."""
    write_bytes(path, f"{json_text(value)}\n".encode())


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder of files whole, where nothing or an empty folder is; errors as for `whole`."""
    with whole(folder.resolve()) as part:
        part.mkdir()
        for name, data in files.items():
            (part / name).write_bytes(data)


def require_new(folder: Path) -> None:
    """Refuse a folder that already holds something, with a ValueError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{str(folder)!r} already holds something; expected a new folder: name another or remove it."
        )


def require_place(folder: Path) -> None:
    """Refuse, before any work, a folder that holds something or could not be made; leaves nothing behind."""
    try:
        require_new(folder)
        part = _beside(folder.resolve())
        trial = next(place for place in part.parents if place.exists()) / part.name
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise disk_error(f"making folder {str(folder)!r}", error.strerror, error.errno) from error


def disk_error(what: str, reason: str | None, number: int | None) -> OSError:
    """Give an OSError that prints as a sentence, without "[Errno 28]", and still has its `errno`."""
    error = OSError(
        f"{what} failed ({reason}); expected room and a writable folder: free some and run again."
    )
    error.errno = number
    return error


def _beside(path: Path) -> Path:
    """A hidden name of this write alone."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
