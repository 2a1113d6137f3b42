"""Which kinds of libraries there are, and which one a path is.

Enters: a path, or kind:PATH. Leaves: `Likes`. Does not know: what is in a library.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tasteprint.data.signatures import PICTURE_SUFFIXES
from tasteprint.likes.automatic1111 import read_images_browser, read_saved
from tasteprint.likes.digikam import read_digikam
from tasteprint.likes.found import Item, Likes, gather
from tasteprint.likes.immich import read_immich
from tasteprint.likes.lightroom import read_lightroom
from tasteprint.likes.places import Moved
from tasteprint.likes.takeout import is_takeout, read_takeout
from tasteprint.likes.xmp_files import read_xmp

Library = Callable[[str, Moved], Iterator[Item]]
"""Reads the place of a library, and where its folders were moved to; gives an item a picture."""

KINDS: dict[str, Library] = {
    "xmp": read_xmp,
    "lightroom": read_lightroom,
    "digikam": read_digikam,
    "immich": read_immich,
    "takeout": read_takeout,
    "automatic1111": read_saved,
    "images-browser": read_images_browser,
}

BY_NAME = {"digikam4.db": "digikam", "wib.sqlite3": "images-browser", "log.csv": "automatic1111"}


def read_likes(library: str, moved: Moved = (), rejected_are_disliked: bool = False) -> Likes:
    """Read what a person said in a photo library: `rank("photos/", stars=read_likes("lightroom:my.lrcat").ratings)`.

    `library` is a path whose kind is recognised, or kind:PATH with a kind of `KINDS`. ValueError or OSError in one
    sentence where it cannot be read.
    """
    kind, place = kind_and_place(library)
    return gather(KINDS[kind](place, moved), rejected_are_disliked)


def names_library(text: str) -> bool:
    """Whether a text is kind:PATH, and no file of that very name."""
    return text.partition(":")[0] in KINDS and ":" in text and not os.path.lexists(text)


def kind_and_place(library: str) -> tuple[str, str]:
    """Tell the kind of a library and its place. ValueError where it is none that is known."""
    if names_library(library):
        kind, _, place = library.partition(":")
        return kind, os.path.expanduser(place)  # noqa: PTH111 - an address stays as it is
    kind = _recognised(library)
    if not kind:
        raise ValueError(
            f"library {library!r} {_why(library)}; expected a folder of pictures, an unpacked Takeout, a .lrcat, "
            f"{', '.join(BY_NAME)}, or kind:PATH with one of {', '.join(KINDS)}."
        )
    return kind, library


def _recognised(library: str) -> str:
    path = Path(library)
    if path.is_dir():
        return "takeout" if is_takeout(path) else "xmp"
    if not path.is_file():
        return ""
    if path.suffix.lower() == ".lrcat":
        return "lightroom"
    return BY_NAME.get(path.name.lower()) or ("xmp" if path.suffix.lower() in PICTURE_SUFFIXES else "")


def _why(library: str) -> str:
    if library.startswith(("http://", "https://")):
        return f"is an address; for a server of Immich write immich:{library}"
    if not os.path.lexists(library):
        return "is not there"
    return (
        "is an archive, which is unpacked first"
        if library.lower().endswith((".zip", ".tgz"))
        else "is of no known kind"
    )
