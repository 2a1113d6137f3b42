"""Google Photos, as Takeout exports it: favourites, in a JSON beside each picture whose name was cut.

Enters: the folder of an export. Leaves: items. Does not know: archives, which are unpacked first.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tasteprint.data.signatures import PICTURE_SUFFIXES
from tasteprint.likes.found import MISSING, UNRATED, Item, liked
from tasteprint.likes.places import Moved

BESIDE = "supplemental-metadata"
CUT = 46
"""Letters of a JSON's name before its suffix, of which no more are written; 51 with the suffix."""

MOST = 1 << 20
"""Bytes of such a JSON."""

PROBES = 50
"""JSON files of a folder that are looked into to tell whether it is an export."""

_NUMBERED = re.compile(r"(.*)(\(\d+\))", re.DOTALL)


def read_takeout(place: str, moved: Moved) -> Iterator[Item]:
    """Read every JSON below a folder that tells of a picture: a favourite is a like, all others are unrated.

    ValueError where there is none.
    """
    told = 0
    for folder, names in _folders(place):
        pictures = {name for name in names if Path(name).suffix.lower() in PICTURE_SUFFIXES}
        for name in names:
            about = _about(Path(folder, name))
            if about is not None:
                told += 1
                yield _item(Path(folder), name, about, pictures)
    if not told:
        raise ValueError(
            f"{place!r} has no JSON of Google Photos; expected the unpacked folder of a Takeout: name that folder."
        )


def is_takeout(place: Path) -> bool:
    """Whether one of the first JSON files of a folder, or of one below, is Google Photos'."""
    files = (Path(folder, name) for folder, names in _folders(str(place)) for name in names)
    texts = (file for file in files if file.suffix.lower() == ".json")
    return any(_about(file) is not None for file, _ in zip(texts, range(PROBES), strict=False))


def told_of(name: str, title: str, pictures: Collection[str]) -> str | None:
    """Name the picture of a JSON among those beside it: by the JSON's name, cut as it may be, else by the title in it.

    `a.jpg.supplemental-metadata(1).json` and `a.jpg(1).json` tell of `a(1).jpg`. None where no picture fits, or two do.
    """
    stem = name[: -len(".json")]
    numbered = _NUMBERED.fullmatch(stem)
    base, number = numbered.groups() if numbered else (stem, "")
    head, dot, tail = base.rpartition(".")
    bases = [head, base] if dot and BESIDE.startswith(tail) else [base]
    for one in (_with(base, number) for base in bases):
        if one in pictures:
            return one
    begun = [one for one in pictures if len(base + number) >= CUT and _without(one, number).startswith(base)]
    if len(begun) == 1:
        return begun[0]
    return title if not number and not begun and title in pictures else None


def _folders(place: str) -> Iterator[tuple[str, list[str]]]:
    """Every folder from the top down, its names in order; links to folders are not followed."""
    for folder, below, names in os.walk(place):
        below.sort()
        yield folder, sorted(names)


def _about(path: Path) -> dict[str, Any] | None:
    """What a JSON tells of a picture; None for another JSON, of an album or of anything else."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            about = json.loads(file.read(MOST))
    except (OSError, ValueError, RecursionError):  # not readable, no JSON, longer or deeper than Google's
        return None
    known = isinstance(about, dict) and isinstance(about.get("title"), str) and "photoTakenTime" in about
    return about if known else None


def _item(folder: Path, name: str, about: dict[str, Any], pictures: Collection[str]) -> Item:
    if about.get("favorited") is not True:
        return Item(silent=UNRATED)
    found = told_of(name, about["title"], pictures)
    if found:
        return liked(folder / found)
    return liked(folder / Path(about["title"]).name) if _film(about["title"]) else Item(silent=MISSING)


def _film(title: str) -> bool:
    suffix = Path(title).suffix.lower()
    return bool(suffix) and suffix not in PICTURE_SUFFIXES


def _with(name: str, number: str) -> str:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a name, of any letters
    return f"{stem}{number}{suffix}"


def _without(name: str, number: str) -> str:
    return name.replace(number, "", 1) if number else name
