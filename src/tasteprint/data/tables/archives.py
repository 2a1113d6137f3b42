"""Archives of tables: their members are unpacked aside, under names of our own, and read from there.

Enters: a zip or tar file. Leaves: a `Place` for each member that may be a table. Does not know: tables.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from tasteprint.data.tables.places import Place
from tasteprint.data.tables.source import Source

SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")

BLOCK = 1 << 20

Member = tuple[str, Callable[[], IO[bytes] | None]]


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(SUFFIXES)


def unpack(path: Path, said: Source, wanted: Callable[[str], bool]) -> list[Place]:
    """Unpack the members whose names are wanted into a folder that lives as long as their places.

    Nothing is written under a member's own name. ValueError for a damaged or locked archive, or one that unpacks to
    more than any table; OSError where there is no room.
    """
    folder = _Folder()
    whole, total = Place(path), 0
    places: list[Place] = []
    with _members(path) as members:
        for name, opened in members:
            stream = opened() if wanted(name) else None
            if stream is None:
                continue
            target = Path(folder.path, f"{len(places)}")
            with stream, target.open("wb") as file:
                while block := stream.read(BLOCK):
                    total += file.write(block)
                    whole.refuse_bomb(total)
                    _require_room(folder.path, path.name)
            places.append(Place(target, said, f"{path.name}/{name}", folder))
    return places


class _Folder:
    """A folder that goes when nobody holds it any more."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="tasteprint-")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _require_room(folder: str, name: str) -> None:
    if shutil.disk_usage(folder).free < 64 * BLOCK:
        raise OSError(
            f"{name!r} is too large to unpack in {folder}; expected room there: unpack it yourself."
        )


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                yield (
                    (one.filename, partial(packed.open, one)) for one in packed.infolist() if not one.is_dir()
                )
        else:
            with tarfile.open(path) as tape:
                yield ((one.name, partial(tape.extractfile, one)) for one in tape if one.isreg())
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError) as error:
        first = str(error).partition(":")[0]
        raise ValueError(
            f"{path.name!r} cannot be unpacked ({first}); expected a whole zip or tar "
            "without a password: unpack it yourself."
        ) from error
