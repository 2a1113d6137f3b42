"""Ground floor: a folder's files by their checksums, in a small file beside them, and JSON that is what it should be.

Enters: a folder that was written or is to be read. Leaves: `checksums.json`; nothing, or one sentence.
Does not know: what the files are. Models that come with the package are checked by it as well.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from tasteprint.files import write_json

CHECKSUMS = "checksums.json"
AT_ONCE = 2**20
"""Bytes that are read together."""

UNLISTED = {CHECKSUMS, "README.md"}

POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS left in the place of the real one."""


def write_checksums(folder: Path) -> None:
    """Write the CRC-32 of every file in a folder but its README, by its path there, as eight hexadecimal digits."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in UNLISTED]
    write_json(
        folder / CHECKSUMS, {path.relative_to(folder).as_posix(): file_checksum(path) for path in files}
    )


def require_unchanged(folder: Path) -> None:
    """ValueError where a file that `checksums.json` lists is missing or has other bytes; without the list, nothing.

    A Git LFS pointer is named as one. A pipe or a device in the folder is refused in any case: its reading may never
    end.
    """
    _refuse_pipes(folder)
    if not (folder / CHECKSUMS).is_file():
        return
    for name, expected in read_object(folder / CHECKSUMS).items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(
                f"{folder / CHECKSUMS} names {name!r}; expected files of its folder: fetch it again."
            )
        refuse_pointer(path)
        if file_checksum(path) != expected:
            raise ValueError(
                f"{path} is not as it was written; expected the bytes of which {CHECKSUMS} holds the checksum: copy or "
                "fetch the folder again, or save the model again."
            )


def _refuse_pipes(folder: Path) -> None:
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ValueError(
                f"{path} is a pipe, a device or a socket; expected files and folders: copy the folder again."
            )


def file_checksum(path: Path) -> str:
    """CRC-32 of a file's bytes, as eight hexadecimal digits."""
    found = 0
    with path.open("rb") as file:
        while part := file.read(AT_ONCE):
            found = zlib.crc32(part, found)
    return f"{found:08x}"


def refuse_pointer(path: Path) -> None:
    """ValueError for a file that is not there, or that Git LFS left in its place."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(POINTER))
    except OSError as fault:
        raise ValueError(
            f"{path} could not be read ({fault.strerror}); expected a file: save or fetch it again."
        ) from fault
    if begins == POINTER:
        raise ValueError(
            f"{path} is a Git LFS pointer, not the file itself; expected its contents: run `git lfs pull`, or "
            "download the file."
        )


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. ValueError where the file is not there, no JSON, or another kind of value."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:  # bytes that are no UTF-8 are ValueErrors
        raise ValueError(f"{path} could not be read; expected JSON: save or fetch it again.") from fault
    if not isinstance(value, dict):
        raise ValueError(
            f"{path} holds a {type(value).__name__}; expected an object of names and values: save or fetch it again."
        )
    return value
