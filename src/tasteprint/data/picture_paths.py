"""Which file of a folder a log means, however and wherever its paths were written.

Enters: a folder of pictures, and what a log calls one of them. Leaves: a file below the folder, or why there is none.
Does not know: the log. Never looks outside the folder.

A path that says where a file is counts first. Then come spellings that differ in what does not matter (accents composed
or not, capitals, a missing suffix), where they fit one file. A path from elsewhere (another machine's, an address on
the web), and a name without folders, is found by its end: the longest that fits anything, where that fits one file.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tasteprint.data.signatures import PICTURE_SUFFIXES

MISSING, OUTSIDE, SEVERAL = "image missing", "image outside its folder", "image path fits several files"
TWO_PICTURES = "image id names several pictures"

FAULTS = {
    MISSING: "no file of the pictures' folder is called so; expected one: add it, or correct the path.",
    OUTSIDE: (
        "its path, or a link, leads out of the pictures' folder, where nothing is read; expected a file in it: copy it."
    ),
    SEVERAL: (
        "several files of the pictures' folder fit its path, or it and other paths fit one file; expected one: write "
        "the path from that folder on."
    ),
    TWO_PICTURES: "the log has different pictures under this id; expected one: map a column that tells them apart.",
}
"""What is wrong with an image that has no file, in a sentence after its name."""

MOST_FILES = 1_000_000
"""Of a folder of more, as a whole disk is, only paths that say where a file is are understood."""

_KEYS = ("path", "name", "file", "filename", "orig_name", "url", "src")
"""Where an object in a cell has the path, as Gradio's and others' upload objects do."""

_DRIVE = re.compile(r"/?[A-Za-z]:/")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Located(NamedTuple):
    """A file, or the kind of fault; `end` is the path where only its end says that this file is meant.

    Two paths of different `end` that fit one file name two pictures, of which it is not known which is here.
    """

    file: Path | None
    fault: str = ""
    end: str = ""


class _Clue(NamedTuple):
    """One way to read a cell: a path with slashes; `elsewhere` where it begins at a root that is not this folder's."""

    path: str
    elsewhere: bool


@dataclass
class PictureFolder:
    """A folder, whose names are listed once, and only if something is no path in it."""

    root: Path
    _home: str = field(init=False)

    def __post_init__(self) -> None:
        """Remember where the folder really is."""
        self._home = os.path.realpath(self.root)

    def locate(self, cell: str) -> Located:
        """Find the file that a cell of a log names."""
        clues = list(dict.fromkeys(_clues(cell)))
        for clue in clues:
            file = self._named(clue)
            if file is not None:
                return self._held(Located(file))
        for clue in clues:
            located = self._alike(clue)
            if located is not None:
                return self._held(located)
        leads_out = any(not clue.elsewhere and os.path.normpath(clue.path).startswith("..") for clue in clues)
        return Located(None, OUTSIDE if leads_out else MISSING)

    def _held(self, located: Located) -> Located:
        """Refuse a link that leads out of the folder."""
        if located.file is None or Path(os.path.realpath(located.file)).is_relative_to(self._home):
            return located
        return Located(None, OUTSIDE)

    def _named(self, clue: _Clue) -> Path | None:
        """The file at a path, relative to the folder or to one of those above it that the path names itself."""
        here = os.path.abspath(self.root)  # noqa: PTH100 - links stay links
        above = [here, *map(str, Path(here).parents)][: clue.path.count("/") + 1]
        for base in ["/"] if clue.elsewhere else above:
            path = os.path.normpath(os.path.join(base, clue.path))  # noqa: PTH118
            for home in (here, self._home):
                inside = path.removeprefix(os.path.join(home, ""))  # noqa: PTH118
                if inside != path and os.path.isfile(self.root / inside):  # noqa: PTH113 - of names of any length
                    return self.root / inside
        return None

    def _alike(self, clue: _Clue) -> Located | None:
        """The one file of such a path, or of such an end; None where nothing is like it."""
        parts = tuple(_key(part) for part in os.path.normpath(clue.path).split("/") if part)
        by_end = clue.elsewhere or len(parts) == 1
        for names in (self._files, self._stems):
            near = {file: _parts(file, names is self._stems) for file in names.get("".join(parts[-1:]), ())}
            for length in range(len(parts), 0 if by_end else len(parts) - 1, -1):
                fits = [
                    file for file, own in near.items() if own[-length if by_end else 0 :] == parts[-length:]
                ]
                if fits:
                    one = Located(self.root / fits[0], end="/".join(parts) if by_end else "")
                    return one if len(fits) == 1 else Located(None, SEVERAL)
        return None

    @cached_property
    def _listed(self) -> list[str]:
        """Every file below the folder, or none where they are too many to be compared."""
        found: list[str] = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = os.path.relpath(folder, self.root)
            found += [os.path.normpath(f"{inside}/{name}") for name in files if not name.startswith(".")]
            if len(found) > MOST_FILES:
                return []
        return found

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        return _by_end(self._listed, False)

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        pictures = [file for file in self._listed if Path(file).suffix.lower() in PICTURE_SUFFIXES]
        return _by_end(pictures, True)


def _by_end(files: list[str], stems: bool) -> dict[str, list[str]]:
    named = defaultdict(list)
    for file in files:
        named[_parts(file, stems)[-1]].append(file)
    return named


def _parts(file: str, stem: bool) -> tuple[str, ...]:
    *folders, name = file.split("/")
    return tuple(map(_key, (*folders, os.path.splitext(name)[0] if stem else name)))  # noqa: PTH122


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _clues(cell: str) -> Iterator[_Clue]:
    """Every way to read a cell, the nearest to its letters first."""
    yield from _read(cell)
    if cell.strip() != cell:
        yield from _read(cell.strip())
    if cell.lstrip().startswith("{"):
        for path in _of_object(cell):
            yield from _read(path)


def _read(path: str) -> Iterator[_Clue]:
    if _ADDRESS.match(path):
        yield from _of_address(path)
        return
    for spelled in dict.fromkeys((path, unquote(path))):
        slashed = spelled.replace("\\", "/")
        for clean in dict.fromkeys((spelled, slashed)):
            if clean.strip("/. "):
                drive = _DRIVE.match(clean)
                yield _Clue(
                    clean[drive.end() - 1 :] if drive else clean, bool(drive) or clean.startswith("/")
                )
    if "?" in path:
        yield from _of_query(path)


def _of_address(address: str) -> Iterator[_Clue]:
    try:
        parsed = urlsplit(address)
    except ValueError:  # brackets that enclose no host
        return
    path = parsed.path if parsed.scheme.lower() == "file" else f"/{parsed.netloc}{parsed.path}"
    yield from (clue._replace(elsewhere=True) for clue in _read(path))
    yield from _of_query(address)


def _of_query(address: str) -> Iterator[_Clue]:
    """Label Studio's /data/local-files/?d=PATH, and /file=PATH of others."""
    for path in parse_qs(address.partition("?")[2]).get("d", []):
        yield from _read(path)


def _of_object(cell: str) -> Iterator[str]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict):
        yield from (found[key] for key in _KEYS if isinstance(found.get(key), str))
