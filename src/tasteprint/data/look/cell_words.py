"""What cells say of their column's role: sides, ratings, times, pictures.

Enters: the first cells of a column. Leaves: labels, and whether the cells are of a kind. Does not know: names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from tasteprint.data.look.column_names import SIDES, spelled
from tasteprint.data.signatures import PICTURE_SUFFIXES
from tasteprint.data.times import UNITS
from tasteprint.data.values import NO_VALUE

TIES = {
    "tie",
    "draw",
    "equal",
    "both",
    "neither",
    "none",
    "same",
    "both_good",
    "both_bad",
    "undecided",
    "0_5",
}
YES_NO = {"1", "0", "1.0", "0.0", "true", "false", "yes", "no", "like", "dislike"}
SIDES_AT_MOST = 8

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_DATE = re.compile(r"[0-9]{4}[-:/.][0-9]{1,2}[-:/.][0-9]{1,2}.*|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}.*")


def words_of(cells: Sequence[str | None]) -> list[str]:
    """The different words of a column, in small letters, in their order; what says nothing is none."""
    words = ((cell or "").strip().lower() for cell in cells)
    return list(dict.fromkeys(word for word in words if word not in NO_VALUE))


def sides(cells: Sequence[str | None]) -> dict[str, float] | None:
    """What the words of a column say of two images: 1 the first, 0 the second, 0.5 a tie; None where they do not.

    Empty where they are label_0 itself, in numbers.
    """
    words = words_of(cells)
    if not words or len(words) > SIDES_AT_MOST:
        return None
    if {word.removesuffix(".0") for word in words} <= {"0", "1", "0.5", "true", "false"}:
        return {}
    if {word.removesuffix(".0") for word in words} <= {"1", "-1", "0"}:
        return {"1": 1.0, "-1": 0.0, "0": 0.5}
    return _by_ends(words)


def _by_ends(words: Sequence[str]) -> dict[str, float] | None:
    """By the words that they end in, as image_1 and image_2 do; a side that nobody chose so far is known too."""
    clear = [word for word in words if spelled(word) not in TIES]
    ends = [spelled(word.removesuffix(".0")).rpartition("_")[2] for word in clear]
    for first, second in SIDES:
        if clear and set(ends) <= {first, second} and len(set(ends)) == len(clear):
            found = {word: 0.5 for word in words if word not in clear}
            for word, end in zip(clear, ends, strict=True):
                head, _, tail = word.rpartition(end)
                found |= {f"{head}{first}{tail}": 1.0, f"{head}{second}{tail}": 0.0}
            return found
    return None


def said_of_labels(labels: Mapping[str, float]) -> str:
    """What a person should know of how `sides` took a column."""
    if not labels:
        return (
            "holds 1 and 0, taken for: the first is preferred, or the second; if they are the number of the preferred "
            "image, write under [labels] 0 = 1 and 1 = 0"
        )
    firsts = [word for word, value in labels.items() if value == 1]
    return f"{', '.join(map(repr, firsts))} is taken for image_0"


def are_ratings(cells: Sequence[str | None]) -> bool:
    """Whether all that is said are numbers."""
    words = words_of(cells)
    return bool(words) and all(_NUMBER.fullmatch(word) for word in words)


def are_likes(cells: Sequence[str | None]) -> bool:
    """Whether all that is said is yes or no, in some words."""
    return len(words := set(words_of(cells))) > 0 and words <= YES_NO


def are_times(cells: Sequence[str | None]) -> bool:
    """Whether all that is said looks like a date, or like a number that counts from 1970 or 1900."""
    words = words_of(cells)
    return bool(words) and all(_DATE.fullmatch(word) or _counts(word) for word in words)


def _counts(word: str) -> bool:
    number = float(word.replace(",", ".")) if _NUMBER.fullmatch(word) else -1
    return any(unit.first <= number < unit.end for unit in UNITS)


def are_pictures(cells: Sequence[str | None]) -> bool:
    """Whether most of what is said are names of picture files."""
    words = words_of(cells)
    paths = [[PurePosixPath(part.replace("\\", "/")) for part in word.split("?")] for word in words]
    return 2 * sum(any(part.suffix in PICTURE_SUFFIXES for part in path) for path in paths) > len(words)
