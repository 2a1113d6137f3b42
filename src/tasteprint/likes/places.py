"""Where a library's pictures are on this machine, whatever machine the library was written on.

Enters: paths as a library has them, and which folders were moved where. Leaves: paths here. Does not know: files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

Moved = Sequence[tuple[str, str]]
"""Folders as a library names them, and where each is here; the first that fits counts."""

_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def read_moved(texts: Sequence[str]) -> Moved:
    """Read OLD=NEW, several times; ValueError for anything else."""
    pairs = [text.partition("=") for text in texts]
    for text, (old, sign, new) in zip(texts, pairs, strict=True):
        if not (old and sign and new):
            raise ValueError(
                f"moved is {text!r}; expected OLD=NEW, a folder as the library names it and where it is here, such as "
                "D:/Photos=/home/me/photos."
            )
    return [(old, new) for old, _, new in pairs]


def here(recorded: str, moved: Moved = ()) -> Path:
    """Give the path on this machine of one that a library has; a drive's letter is compared in any case."""
    told = _plain(recorded)
    for old, new in moved:
        start = _plain(old).rstrip("/")
        same = told[: len(start)] == start or (
            _WINDOWS.match(old) and told[: len(start)].lower() == start.lower()
        )
        if same and told[len(start) : len(start) + 1] in ("/", ""):
            return Path(new, told[len(start) :].lstrip("/"))
    return Path(told)


def within(root: str, parts: Sequence[str], moved: Moved = ()) -> Path | None:
    """Give the path here of what a library names relative to one of its folders; None where that leads out of it."""
    home = _plain(root).rstrip("/") + "/"
    whole = posixpath.normpath(posixpath.join(home, *parts))
    return here(whole, moved) if whole.startswith(home) and whole != home else None


def _plain(path: str) -> str:
    """Without dots, and with slashes where it is a path of Windows."""
    slashed = path.replace("\\", "/") if _WINDOWS.match(path) else path
    return posixpath.normpath(slashed) if slashed else slashed
