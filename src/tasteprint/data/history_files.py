"""One person's opinions from files: a CSV of votes or of stars, as a spreadsheet saved it.

Enters: the path of a CSV of liked and disliked pictures, of answered pairs, or of stars. Leaves: votes and ratings
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
VOTE_FORMS = (("liked", "disliked"), ANSWERED)
STAR_FORMS = (("image", "stars"),)

ANSWERS = {"first": 1.0, "1": 1.0, "second": 0.0, "2": 0.0, "tie": 0.5}
"""What the column `preferred` may say; nothing in it is a pair not answered yet."""

STARS = 5
"""The longest scale where a file has no column out_of."""

Read = TypeVar("Read")


def read_history(path: Path) -> tuple[Vote, ...]:
    """Read every vote of a file, in its order; its pictures' paths are relative to its folder.

    Columns liked and disliked, or first, second and preferred (first, second, tie, or nothing: such a row is left out);
    and prompt, if any. ValueError for what `read_sheet` refuses, and for a row that is no vote, named by its line.
    """
    rows = read_sheet(path, "history", VOTE_FORMS)
    asked = [row for row in rows if "liked" in row.cells or row.cells["preferred"].strip()]
    return tuple(_checked(_vote, row, path, "history") for row in asked)


def read_stars(path: Path) -> tuple[Rating, ...]:
    """Read the ratings of a file: columns image, stars and perhaps out_of (5 stars at most where there is none).

    A row without stars is a picture not rated yet, and left out. ValueError as for `read_history`.
    """
    rows = read_sheet(path, "stars", STAR_FORMS)
    return tuple(_checked(_rating, row, path, "stars") for row in rows if row.cells.get("stars", "").strip())


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


def _vote(row: SheetRow, folder: Path) -> Vote:
    sides, label = ("liked", "disliked"), 1.0
    if not set(sides) <= set(row.cells):
        sides, label = ANSWERED[:2], _answer(row.cells["preferred"])
    first, second = (_file(row, side, folder) for side in sides)
    if first == second:
        raise ValueError(f"names {first.name!r} on both sides; expected two different pictures")
    return Vote(YOU, row.cells.get("prompt", ""), str(first), str(second), label)


def _rating(row: SheetRow, folder: Path) -> Rating:
    stars, out_of = _whole(row, "stars"), _whole(row, "out_of", STARS)
    if not 2 <= out_of <= MOST_STARS or not 1 <= stars <= out_of:
        raise ValueError(
            f"has {stars} of {out_of} stars; expected 1 to n on a scale of n = 2 to {MOST_STARS}"
        )
    return Rating(YOU, row.cells.get("prompt", ""), str(_file(row, "image", folder)), stars, out_of)


def _file(row: SheetRow, column: str, folder: Path) -> Path:
    cell = row.cells[column]
    if not cell.strip() or "\0" in cell:
        raise ValueError(f"names no picture under {column}; expected a file")
    return named_file(cell, folder)


def _answer(cell: str) -> float:
    answer = ANSWERS.get(cell.strip().casefold())
    if answer is None:
        raise ValueError(f"has {cell.strip()[:40]!r} under preferred; expected first, second, tie or nothing")
    return answer


def _whole(row: SheetRow, column: str, missing: int | None = None) -> int:
    cell = row.cells.get(column, "").strip()
    if missing is not None and not cell:
        return missing
    if not re.fullmatch("-?[0-9]{1,9}", cell):
        raise ValueError(f"has {cell[:40]!r} under {column}; expected a whole number")
    return int(cell)
