"""One person's opinions from files: a table of votes or of stars, as their program saved it.

Enters: the path of a table of liked and disliked pictures, of answered pairs, or of stars. Leaves: votes and ratings
whose images are named by paths; a `History`. Does not know: datasets, models.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from tasteprint.data.sheets import SheetRow, read_sheet, row_fault
from tasteprint.types import MOST_STARS, History, Rating, Vote

YOU = "you"
"""The user of a file that names none."""

ANSWERED = ("first", "second", "preferred")
LABELLED = ("image_0", "image_1", "label_0")
VOTE_FORMS = (("liked", "disliked"), ("chosen", "rejected"), ANSWERED, LABELLED)
"""Columns of votes: the better and the worse picture, or two pictures and which of them was preferred."""

STAR_FORMS = (("image", "stars"), ("image", "rating"), ("image", "score"), ("image", "liked"))

ANSWERS = {
    "preferred": {"first": 1.0, "1": 1.0, "second": 0.0, "2": 0.0, "tie": 0.5},
    "label_0": {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "0.5": 0.5, "0,5": 0.5},
}
"""What these columns may say; nothing in one is a pair not answered yet."""

LIKED = {"1": 2, "true": 2, "yes": 2, "0": 1, "false": 1, "no": 1}
"""Of the two stars of a column `liked`."""

STARS = 5
"""The longest scale where a file has no column out_of."""

Read = TypeVar("Read")


def read_history(path: Path) -> tuple[Vote, ...]:
    """Read every vote of a file, in its order; its pictures' paths are relative to its folder.

    Columns liked and disliked, or chosen and rejected; or first, second and preferred (first, second, tie), or image_0,
    image_1 and label_0 (1, 0, 0.5), where a row without an answer is left out; and prompt, if any. ValueError for what
    `read_sheet` refuses, for a row that is no vote, named by its line, and for votes of several people.
    """
    rows = read_sheet(path, "history", VOTE_FORMS, ("prompt", "user_id"))
    if len(users := {row.cells.get("user_id", "") for row in rows}) > 1:
        raise ValueError(
            f"history {str(path)!r} holds votes of {len(users)} people; expected one person's: keep the rows of one, "
            "or make a dataset of all (tasteprint data build)."
        )
    asked = [
        row for row in rows if _answer_column(row) is None or row.cells[_answer_column(row) or ""].strip()
    ]
    return tuple(_checked(_vote, row, path, "history") for row in asked)


def read_stars(path: Path) -> tuple[Rating, ...]:
    """Read the ratings of a file: columns image, stars (or rating, score) and perhaps out_of (else 5 stars at most).

    Or image and liked: yes or no, true or false, 1 or 0. A row without stars is a picture not rated yet, and left out.
    ValueError as for `read_history`.
    """
    rows = read_sheet(path, "stars", STAR_FORMS, ("prompt", "out_of"))
    return tuple(
        _checked(_rating, row, path, "stars") for row in rows if row.cells[_stars_column(row)].strip()
    )


def decided(votes: Sequence[Vote], whose: str) -> History:
    """Give the decided votes as a history, in their order. ValueError where `whose` votes hold none."""
    found = tuple(vote for vote in votes if not vote.is_tie)
    if not found:
        raise ValueError(f"{whose} has no decided vote; expected at least one: give more.")
    return History(found[0].user_id, found)


def named_file(cell: str, folder: Path) -> Path:
    """The file that a cell names: a path, relative ones to `folder`, with ~ for the home; or a file:// address.

    Spaces around it count where there is such a file.
    """
    if cell.strip().lower().startswith("file:"):
        return Path(os.fsdecode(unquote_to_bytes(urlsplit(cell.strip()).path)))
    exact = folder / cell
    return exact if os.path.lexists(exact) else folder / os.path.expanduser(cell.strip())  # noqa: PTH111


def file_cell(path: Path, folder: Path | None = None) -> str:
    """Name a file so that `named_file` finds it again and no spreadsheet takes it for a formula.

    A path as it is, or relative to `folder` where it is below and absolute elsewhere; with "./" before one that begins
    in a way that means something; a file:// address where the name is not UTF-8.
    """
    whole, text = Path(os.path.abspath(path)), str(path)  # noqa: PTH100 - links stay links
    if folder is not None:
        home = os.path.abspath(folder)  # noqa: PTH100
        text = str(whole.relative_to(home) if whole.is_relative_to(home) else whole)
    try:
        text.encode()
    except UnicodeEncodeError:
        return whole.as_uri()
    return f"./{text}" if text.startswith(MEANINGFUL) or text[:1].isspace() else text


MEANINGFUL = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "~", "file:")
"""Beginnings that a spreadsheet may read as a formula's, and `named_file` as another place's."""


def _checked(read: Callable[[SheetRow, Path], Read], row: SheetRow, path: Path, kind: str) -> Read:
    try:
        return read(row, path.parent)
    except ValueError as fault:
        raise row_fault(path, kind, row, str(fault), "correct this row") from fault


def _answer_column(row: SheetRow) -> str | None:
    return next((column for column in ANSWERS if column in row.cells), None)


def _vote(row: SheetRow, folder: Path) -> Vote:
    form = next(form for form in VOTE_FORMS if set(form) <= set(row.cells))
    answered = _answer_column(row)
    label = 1.0 if answered is None else _answer(row.cells[answered], answered)
    first, second = (_file(row, side, folder) for side in form[:2])
    if first == second:
        raise ValueError(f"names {first.name!r} on both sides; expected two different pictures")
    return Vote(YOU, row.cells.get("prompt", ""), str(first), str(second), label)


def _stars_column(row: SheetRow) -> str:
    return next(column for _, column in STAR_FORMS if column in row.cells)


def _rating(row: SheetRow, folder: Path) -> Rating:
    column, image = _stars_column(row), str(_file(row, "image", folder))
    prompt = row.cells.get("prompt", "")
    if column == "liked":
        return Rating(YOU, prompt, image, _liked(row.cells[column]), 2)
    stars, out_of = _whole(row, column), _whole(row, "out_of", STARS)
    if not 2 <= out_of <= MOST_STARS or not 1 <= stars <= out_of:
        raise ValueError(
            f"has {stars} of {out_of} stars; expected 1 to n on a scale of n = 2 to {MOST_STARS}"
        )
    return Rating(YOU, prompt, image, stars, out_of)


def _liked(cell: str) -> int:
    answer = LIKED.get(cell.strip().casefold())
    if answer is None:
        raise ValueError(f"has {cell.strip()[:40]!r} under liked; expected yes, no or nothing")
    return answer


def _file(row: SheetRow, column: str, folder: Path) -> Path:
    cell = row.cells[column]
    if not cell.strip() or "\0" in cell:
        raise ValueError(f"names no picture under {column}; expected a file")
    return named_file(cell, folder)


def _answer(cell: str, column: str) -> float:
    answer = ANSWERS[column].get(cell.strip().casefold())
    if answer is None:
        words = "first, second, tie" if column == "preferred" else "1, 0, 0.5"
        raise ValueError(f"has {cell.strip()[:40]!r} under {column}; expected {words} or nothing")
    return answer


def _whole(row: SheetRow, column: str, missing: int | None = None) -> int:
    cell = row.cells.get(column, "").strip()
    if missing is not None and not cell:
        return missing
    if not re.fullmatch("-?[0-9]{1,9}", cell):
        raise ValueError(f"has {cell[:40]!r} under {column}; expected a whole number")
    return int(cell)
