"""Stand-in until the real room comes: pictures below folders.

Enters: folders, files and patterns. Leaves: `Found`. Does not know: what a picture shows.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures, and how many files were skipped, by reason."""

    paths: tuple[Path, ...]
    skipped: Mapping[str, int]


def find_pictures(sources: Sequence[str | Path]) -> Found:
    """Find pictures."""
    paths: dict[Path, None] = {}
    skipped: dict[str, int] = {}
    for source in sources:
        place = Path(source)
        if place.is_dir():
            inside = sorted(path for path in place.rglob("*") if path.is_file())
            for path in inside:
                if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    paths[path] = None
                else:
                    skipped["not pictures"] = skipped.get("not pictures", 0) + 1
        elif place.is_file():
            paths[place] = None
        else:
            paths |= dict.fromkeys(map(Path, sorted(glob.glob(str(source)))))  # noqa: PTH207
    if not paths:
        raise ValueError(
            f"{', '.join(map(str, sources))} holds no picture; expected some: name another folder."
        )
    return Found(tuple(paths), skipped)


def skipped_in_words(skipped: Mapping[str, int]) -> str:
    """Say what was passed over."""
    return ", ".join(f"{count:,} {reason}" for reason, count in skipped.items())
