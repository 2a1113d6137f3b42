"""A dataset that takes another's place: written beside it, and put there by a rename of the finished whole.

Enters: the folder of a dataset. Leaves: the folder in which its successor is built, and the exchange.
Does not know: what is in them.

    data/         what is there, untouched until
    .data.new/    the successor is finished;
    .data.old/    then the old one has this name for a moment, from which a killed exchange is undone
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tasteprint.files import disk_error


def successor(folder: Path) -> Path:
    """Name the folder in which the successor is built; a killed build goes on in it."""
    return _beside(folder, "new")


def succeed(folder: Path) -> None:
    """Put the finished successor in the place of a folder. OSError where that cannot be; then the old one stays."""
    try:
        folder.resolve().rename(_beside(folder, "old"))
        successor(folder).rename(folder.resolve())
    except OSError as error:
        recover(folder)
        raise disk_error(f"replacing {str(folder)!r}", error.strerror, error.errno) from error
    recover(folder)


def recover(folder: Path) -> None:
    """End or undo an exchange that was killed: where no folder stands, the old one comes back."""
    old = _beside(folder, "old")
    if old.is_dir() and not folder.exists():
        old.rename(folder.resolve())
    shutil.rmtree(old, ignore_errors=True)


def _beside(folder: Path, word: str) -> Path:
    folder = folder.resolve()
    return folder.with_name(f".{folder.name}.{word}")
