"""Some pictures under new names in a folder: hard links, or copies where there can be none.

Enters: files in an order, a folder. Leaves: as many new files, which sort in that order. Does not know: rankings.
Nothing here moves, changes, removes or overwrites a file that was there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from tasteprint.files import disk_error

LONGEST = 240
"""Bytes of a name that most file systems take, with room for a number."""


def copy_in_order(
    paths: Sequence[Path], folder: Path
) -> tuple[tuple[Path, ...], tuple[tuple[Path, str], ...]]:
    """Give each file another name, its place and "-" before the old one: `001-IMG_7.jpg`; a name taken gets a number.

    A name that is already a link to the same file is left. Gives the new files, and those that could not be read, each
    with the reason. OSError where the folder cannot be written or is full; what was copied until then stays.
    """
    digits = max(3, len(str(len(paths))))
    made: list[Path] = []
    failed: list[tuple[Path, str]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, path in enumerate(paths, 1):
            if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on names that are too long
                failed.append((path, f"{str(path)!r} is no longer there."))
                continue
            made.append(_copied(path, folder, f"{place:0{digits}}-"))
    except OSError as error:
        raise disk_error(f"copying to {str(folder)!r}", error.strerror, error.errno) from error
    return tuple(made), tuple(failed)


def _copied(path: Path, folder: Path, before: str) -> Path:
    source = Path(os.path.realpath(path))
    for target in _names(path, folder, before):
        if os.path.lexists(target):
            if target.exists() and target.samefile(source):
                return target
            continue
        with suppress(FileExistsError):  # another process was first
            _link_or_copy(source, target)
            return target
    raise AssertionError("there is always another number")


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:  # another disk, or one without links
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("xb") as new:
        try:
            shutil.copyfileobj(old, new, 1 << 20)
        except BaseException:
            target.unlink()  # the half that was written here, nobody else's
            raise
    with suppress(OSError):
        shutil.copystat(source, target)


def _names(path: Path, folder: Path, before: str) -> Iterator[Path]:
    stem, suffix = os.path.splitext(path.name)  # noqa: PTH122
    stem = os.fsdecode(os.fsencode(stem)[: LONGEST - len(os.fsencode(before + suffix))])
    yield folder / f"{before}{stem}{suffix}"
    yield from (folder / f"{before}{stem} ({number}){suffix}" for number in count(2))
