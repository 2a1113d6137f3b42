"""One person's history from a file: a CSV of liked and disliked pictures, and what each pair was made for.

Enters: the path of a CSV with columns liked, disliked and perhaps prompt, oldest vote first; or any votes.
Leaves: votes whose images are named by paths; a `History` of the latest ones. Does not know: datasets, models.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasteprint.data.logs import refuse_pickle
from tasteprint.types import History, Vote

YOU = "you"
"""The user of a file that names none."""


def read_history(path: Path) -> tuple[Vote, ...]:
    """Read every vote of a file; its pictures' paths are relative to its folder.

    ValueError for a file that is absent, a pickle, without rows, or without the columns liked and disliked.
    """
    if not path.is_file():
        raise ValueError(
            f"history {str(path)!r} is not there; expected a CSV with columns liked and disliked."
        )
    refuse_pickle(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"liked", "disliked"} <= set(rows[0]):
        columns = ", ".join(rows[0]) if rows else "no row"
        raise ValueError(
            f"history {str(path)!r} has {columns}; expected the columns liked and disliked: rename them."
        )
    return tuple(_vote(row, path.parent) for row in rows)


def latest(votes: Sequence[Vote], count: int, whose: str) -> History:
    """Give the last `count` decided votes, in their order. ValueError where `whose` votes are fewer."""
    decided = [vote for vote in votes if not vote.is_tie][-count:] if count else []
    if len(decided) < count:
        raise ValueError(
            f"{whose} has {len(decided)} decided votes; expected at least {count}: give more, or lower "
            "--history-length."
        )
    return History(decided[0].user_id if decided else YOU, tuple(decided))


def _vote(row: dict[str, Any], folder: Path) -> Vote:
    return Vote(YOU, row.get("prompt") or "", str(folder / row["liked"]), str(folder / row["disliked"]), 1.0)
