"""A ranking written back as stars, into sidecars that photo programs read; never into a picture.

Enters: a `Ranking`. Leaves: sidecars, each whole; what was written and what was left, in words.
Does not know: XML, how anything was ranked.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tasteprint.data.signatures import PICTURE_SUFFIXES
from tasteprint.files import whole
from tasteprint.library.ranking import RankedPicture, Ranking
from tasteprint.likes.found import STARS
from tasteprint.likes.xmp_edit import with_stars
from tasteprint.likes.xmp_files import bounded, names_in, packets_of, same_stem, says_something, sidecars_of

SAID = "of which you said something yourself"
RATED = "with a rating of a person"
UNREADABLE = "with a sidecar that cannot be read or changed safely"
SAME = "with these stars already"
LONG = "of a name too long for a sidecar"

LONGEST = 230
"""Bytes of a sidecar's name, with room for the hidden name under which it is written."""


@dataclass(frozen=True)
class StarsWritten:
    """How many sidecars were written, or would be, and how many pictures were left as they are, by reason."""

    count: int
    left: Mapping[str, int] = field(default_factory=dict)


def stars_of(standing: float) -> int:
    """Stars of a standing, the probability that the person prefers the picture to one of those at hand at random.

    A star a fifth: up to 20 % is one star, 80 % and more are five. Where little is known, most pictures have three.
    """
    return min(STARS, 1 + int(STARS * standing))


def write_stars(
    ranking: Ranking, dry_run: bool = False, tell: Callable[[Path, int], None] = lambda sidecar, stars: None
) -> StarsWritten:
    """Write each picture's stars into its sidecar, or a new one, a.ext.xmp; `tell` of each before it is written.

    Left as they are: pictures of which the person said something, those with a rating in a sidecar or inside that is
    not one that tasteprint wrote, and those whose sidecar, or inside, cannot be read. A near-duplicate has the stars of
    its own standing. With `dry_run` nothing is written. OSError in one sentence where a sidecar cannot be.
    """
    names = lru_cache(maxsize=64)(names_in)
    left: Counter[str] = Counter()
    written = 0
    for one in ranking.pictures:
        sidecar, new = _changed(one, names(one.path.parent))
        if sidecar is None:
            left[str(new)] += 1
            continue
        tell(sidecar, stars_of(one.standing))
        written += 1
        if not dry_run:
            assert isinstance(new, bytes)
            _write(sidecar, new)
    return StarsWritten(written, dict(left.most_common()))


def _changed(one: RankedPicture, names: Collection[str]) -> tuple[Path | None, bytes | str]:
    """A picture's sidecar and its new bytes; or nothing, and why the picture is left."""
    if one.said:
        return None, SAID
    packets = list(packets_of(one.path, names))
    if one.path.name not in names or any(isinstance(packet, str) for packet in packets):
        return None, UNREADABLE
    if any(not isinstance(packet, str) and says_something(packet) for packet in packets):
        return None, RATED
    sidecar = _sidecar(one.path, names)
    if len(os.fsencode(sidecar.name)) > LONGEST:
        return None, LONG
    try:
        old = bounded(sidecar) if sidecar.name in names else None
        new = with_stars(old, stars_of(one.standing))
    except (OSError, ValueError):
        return None, UNREADABLE
    return (None, SAME) if new == old else (sidecar, new)


def _sidecar(path: Path, names: Collection[str]) -> Path:
    """The sidecar that is there, unless it may be another picture's too; else a new one."""
    alone = same_stem(path, names, PICTURE_SUFFIXES) == 1
    there = [one for one in sidecars_of(path, names) if alone or one.stem == path.name]
    return there[0] if there else path.with_name(f"{path.name}.xmp")


def _write(sidecar: Path, new: bytes) -> None:
    """Write it whole, with the rights of the one that was there; of a link, what it leads to."""
    place = Path(os.path.realpath(sidecar))
    with whole(place) as part:
        part.write_bytes(new)
        if place.exists():
            shutil.copymode(place, part)
