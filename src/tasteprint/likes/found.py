"""What a library says of its pictures, as ratings, and what it leaves unsaid, as counts in words.

Enters: items, one a picture, as each kind of library gives them. Leaves: `Likes`. Does not know: kinds of libraries.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tasteprint.data.history_files import STARS, YOU
from tasteprint.data.signatures import PICTURE_SUFFIXES
from tasteprint.library.folder import skipped_in_words
from tasteprint.library.opinions import DISLIKED, LIKED
from tasteprint.likes.prompts import prompt_of
from tasteprint.types import Rating

UNRATED, REJECTED, ODD = "unrated", "rejected", "ratings not understood"
MISSING, OUTSIDE, OTHER = "missing files", "outside of the library's folder", "no pictures"
AGAIN = "said twice"

FEW = 10
"""Stars of fewer pictures than this say nothing of how a program gives them."""


class Item(NamedTuple):
    """What a library says of one picture: stars of so many, or in `silent` why that is no opinion."""

    path: Path | None = None
    stars: int = 0
    out_of: int = STARS
    prompt: str = ""
    silent: str = ""


@dataclass(frozen=True)
class Likes:
    """A library's opinions; how many of its pictures have none that counts, by reason; sentences to be read."""

    ratings: tuple[Rating, ...]
    silent: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what was found, such as "12 opinions (3 unrated, 1 rejected)"."""
        silent = f" ({skipped_in_words(self.silent)})" if self.silent else ""
        return f"{len(self.ratings):,} {'opinion' if len(self.ratings) == 1 else 'opinions'}{silent}"


def rated(path: Path | None, value: object, prompt: str = "") -> Item:
    """Read 1 to 5 as stars, 0 and nothing as unrated, −1 as rejected; anything else is not understood.

    No `path`: the library names one outside of its own folder.
    """
    stars = _whole(value)
    reason = {0: UNRATED, -1: REJECTED}.get(stars, "" if 1 <= stars <= STARS else ODD)
    return Item(path, 0 if reason else stars, STARS, prompt, reason)


def liked(path: Path | None, prompt: str = "") -> Item:
    """Read a favourite, which has no stars."""
    return Item(path, *LIKED, prompt)


def gather(items: Iterable[Item], rejected_are_disliked: bool = False) -> Likes:
    """Make ratings of the pictures that are there, each opinion once, in the items' order.

    A PNG that was generated brings its prompt where the library has none. What was rejected is counted and no dislike,
    unless the person says so.
    """
    ratings: dict[Rating, None] = {}
    silent: Counter[str] = Counter()
    missing: list[Path] = []
    for item in items:
        if rejected_are_disliked and item.silent == REJECTED:
            item = Item(item.path, *DISLIKED, item.prompt)
        reason = item.silent or _not_there(item.path)
        if reason == MISSING and item.path is not None:
            missing.append(item.path)
        if not reason:
            path = str(item.path)
            one = Rating(YOU, item.prompt or prompt_of(Path(path)), path, item.stars, item.out_of)
            reason = AGAIN if one in ratings else ""
            ratings[one] = None
        silent.update([reason] if reason else [])
    return Likes(tuple(ratings), dict(silent.most_common()), (*_of_missing(missing), *_of_ones(ratings)))


def _whole(value: object) -> int:
    """A whole number, 0 for nothing, another than any rating for what is none."""
    try:
        number = float(str(value).strip() or 0) if value is not None else 0.0
    except ValueError:
        return STARS + 1
    return int(number) if number.is_integer() and abs(number) <= STARS else STARS + 1


def _not_there(path: Path | None) -> str:
    if path is None:
        return OUTSIDE
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return OTHER
    return "" if os.path.isfile(path) else MISSING  # noqa: PTH113 - Path.is_file raises on names that are too long


def _of_missing(missing: list[Path]) -> list[str]:
    if not missing:
        return []
    example = str(missing[0])[:300]
    return [
        f"{len(missing):,} rated files are not where the library says, such as {example!r}: where they were moved, say "
        "so with `tasteprint likes --moved OLD=NEW`."
    ]


def _of_ones(ratings: Iterable[Rating]) -> list[str]:
    stars = [one.stars for one in ratings if one.out_of == STARS]
    ones = stars.count(1)
    if len(stars) < FEW or 2 * ones <= len(stars):
        return []
    return [
        f"{ones:,} of {len(stars):,} ratings are one star. Some programs give it to every picture that they import "
        "(darktable does): such stars are no dislikes, and belong out of the table before it is used."
    ]
