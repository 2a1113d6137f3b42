"""Ground floor: files and folders that are whole or absent, and a full disk as one sentence.

Enters: bytes or JSON, and a path. Leaves: the file or folder under its name, or an OSError and nothing.
Does not know: what is written.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

SHUT = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says of a place that may be read and not written."""


NOT_WRITTEN = ("PytorchStreamWriter", "inline_container.cc", "(os error ")
"""In the messages of torch and safetensors for a file that could not be written."""


@contextmanager
def whole(path: Path, aside: Path | None = None) -> Iterator[Path]:
    """Give another path to write a file or a folder to, which becomes `path` in one step when the body ends.

    The other path lies in the folder `aside` (beside `path` by default), which must be on the same file system. When
    the body fails nothing is left; OSError in one sentence when the disk is full, the folder shut, or `path` a folder
    that holds something.
    """
    if not path.name:
        raise ValueError(
            f"{str(path)!r} is a place without a name of its own; expected a new name: choose one."
        )
    require_plain_name(path)
    part = part_of(path) if aside is None else aside / part_of(path).name
    try:
        with disk_faults(f"writing {path.name} in {path.parent}"), no_empty_folders(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        with suppress(OSError):
            shutil.rmtree(part) if part.is_dir() else part.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give another path to write a folder to, which takes the place of `folder` when the body ends; see `whole`.

    For those who hold `folder` alone: a kill between the two renames leaves nothing under the name.
    """
    with whole(folder) as part:
        yield part
        old = part_of(folder)
        if folder.exists():
            folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def no_empty_folders(folder: Path) -> Iterator[None]:
    """When the body fails, remove those of `folder` and its parents that were not there before and are empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):  # one that holds something stays, and so do those above it
            for path in new:
                path.rmdir()
        raise


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


def require_plain_name(path: Path) -> None:
    """Refuse, with a ValueError, the name of a pipe, a device or a link that leads nowhere."""
    if os.path.lexists(path) and not path.is_file() and not path.is_dir():
        raise ValueError(
            f"{str(path)!r} is a pipe, a device or a link that leads nowhere; expected a new name: choose another."
        )


def require_place(folder: Path) -> None:
    """Refuse, before any work, a folder that holds something or could not be made; leaves nothing behind."""
    require_plain_name(folder)
    try:
        require_new(folder)
        part = part_of(folder.resolve())
        trial = next(place for place in part.parents if place.exists()) / part.name
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise disk_error(f"making folder {str(folder)!r}", error.strerror, error.errno) from error


@contextmanager
def disk_faults(what: str) -> Iterator[None]:
    """Tell an error of writing as `disk_error` does, those of torch and safetensors too, which are no OSErrors."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # one of `disk_error`, which says already what was written where
            raise
        raise disk_error(what, error.strerror, error.errno) from error
    except Exception as error:  # of libraries that are not imported here; what is not about writing goes on
        if not any(words in str(error) for words in NOT_WRITTEN):
            raise
        raise disk_error(what, str(error).splitlines()[0], errno.ENOSPC) from error


def disk_error(what: str, reason: str | None, number: int | None) -> OSError:
    """Give an OSError that prints as a sentence, without "[Errno 28]", and still has its `errno`."""
    error = OSError(
        f"{what} failed ({reason}); expected room and a writable folder: free some and run again."
    )
    error.errno = number
    return error


def part_of(path: Path) -> Path:
    """A hidden name beside a path, of one write alone."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


def is_part(path: Path) -> bool:
    """Whether a name is one of `part_of`: what a killed write left."""
    return re.fullmatch(r"\..+\.[0-9a-f]{8}\.part", path.name) is not None


def remove_parts(folder: Path, of: str = "") -> None:
    """Remove what killed writes left in a folder, or of `of` alone; for those who alone write there."""
    for path in list(folder.iterdir()):
        if is_part(path) and (not of or path.name[:-14] == f".{of}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
