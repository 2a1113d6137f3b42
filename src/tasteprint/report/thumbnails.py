"""Small copies of picture files for a page: inside it, or in a folder beside it.

Enters: files, and how large each shall be. Leaves: JPEGs of nothing but pixels, and addresses for a page.
Does not know: what a page shows.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tasteprint.data.decode import ImageError, open_image
from tasteprint.files import write_bytes

QUALITY = 82
OURS = re.compile(r"[0-9a-f]{20}\.jpg")
"""Names of the files that a page's folder holds; no other is touched."""


class Thumbnail(NamedTuple):
    """A JPEG, and its width and height in pixels."""

    data: bytes
    width: int
    height: int


class Wanted(NamedTuple):
    """A file, and how many pixels the longer side of its thumbnail shall have at most."""

    path: Path
    side: int


def thumbnails(
    wanted: Iterable[Wanted], progress: Callable[[str, int, int], None]
) -> Mapping[Wanted, Thumbnail]:
    """Make each thumbnail once, on all cores; without those of files that cannot be opened."""
    asked = list(dict.fromkeys(wanted))
    found = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # Pillow decodes without the interpreter's lock
        for done, (one, made) in enumerate(zip(asked, threads.map(thumbnail, asked), strict=True), 1):
            if made is not None:
                found[one] = made
            progress("thumbnails", done, len(asked))
    return found


def thumbnail(wanted: Wanted) -> Thumbnail | None:
    """Decode a file no larger than needed and encode it afresh; None where it cannot be opened."""
    try:
        image = open_image(wanted.path, wanted.side)
    except (ImageError, OSError):
        return None
    image.thumbnail((wanted.side, wanted.side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Thumbnail(out.getvalue(), image.width, image.height)


def data_uris(made: Mapping[Wanted, Thumbnail]) -> dict[Wanted, str]:
    """Addresses that hold the thumbnails themselves."""
    return {
        wanted: f"data:image/jpeg;base64,{base64.b64encode(one.data).decode()}"
        for wanted, one in made.items()
    }


@contextmanager
def beside(page: Path, made: Mapping[Wanted, Thumbnail]) -> Iterator[dict[Wanted, str]]:
    """Write thumbnails into the folder `NAME_files` beside a page, and give their addresses on it.

    The page is written in the body. If that fails, files that were not there before are removed; if it succeeds, those
    that only the page before it showed. Files of other names are never touched.
    """
    folder = page.with_name(f"{page.stem}_files")
    names = {wanted: f"{hashlib.sha256(one.data).hexdigest()[:20]}.jpg" for wanted, one in made.items()}
    before = _ours(folder)
    try:
        for wanted, name in names.items():
            if name not in before:
                write_bytes(folder / name, made[wanted].data)
        yield {wanted: f"{_quoted(folder.name)}/{name}" for wanted, name in names.items()}
    except BaseException:
        _remove(folder, {*names.values()} - before)
        raise
    _remove(folder, before - {*names.values()})


def _ours(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.jpg") if OURS.fullmatch(path.name)}


def _remove(folder: Path, names: Sequence[str] | set[str]) -> None:
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()
    with suppress(OSError):
        folder.rmdir()  # only if it is empty


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(name))
