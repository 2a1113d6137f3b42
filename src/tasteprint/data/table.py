"""A built dataset, opened for reading.

Enters: the folder that `build` wrote. Leaves: votes by user and by split, the image store, the summary.
Does not know: how it was built. Holds no connection, so it may go to other processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb

from tasteprint.data.images import ImageStore
from tasteprint.data.summary import SPLITS, Summary
from tasteprint.data.votes import COLUMNS
from tasteprint.types import Vote


class Dataset:
    """Votes and images of a dataset folder. ValueError for a folder that is absent or incomplete."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        done = self.folder / "summary.json"
        if not done.is_file():
            state = "incomplete" if self.folder.is_dir() else "not there"
            raise ValueError(
                f"dataset {str(folder)!r} is {state}; expected a built one: "
                "run `tasteprint data build` (again)."
            )
        self.summary = Summary.from_json(done.read_text("utf-8"))
        self.images = ImageStore(self.folder / "images") if self.summary.has_images else None

    def users(self, split: str) -> list[str]:
        """Give the users of "train", "validation" or "test", sorted."""
        _check_split(split)
        sql = "SELECT DISTINCT user_id FROM votes WHERE split = ? ORDER BY user_id"
        return [row[0] for row in self._rows(sql, split)]

    def votes_of(self, user_id: str) -> tuple[Vote, ...]:
        """Give one user's votes by time, ties included. ValueError for a user who is not here."""
        votes = tuple(self._votes("user_id = ?", user_id))
        if not votes:
            raise ValueError(
                f"user {user_id!r} is not in {self.folder}; expected a user of the dataset: see users()."
            )
        return votes

    def votes_by_user(self, split: str) -> dict[str, tuple[Vote, ...]]:
        """Give all votes of a split by user, users sorted, each user's votes by time, ties included."""
        _check_split(split)
        groups = groupby(self._votes("split = ?", split), key=attrgetter("user_id"))
        return {user_id: tuple(votes) for user_id, votes in groups}

    def prompts(self) -> list[str]:
        """Give every different prompt, sorted."""
        return [row[0] for row in self._rows("SELECT DISTINCT prompt FROM votes ORDER BY prompt")]

    def _votes(self, condition: str, value: str) -> Iterator[Vote]:
        # The file is sorted by user and time; one thread reads it in that order.
        for row in self._rows(f"SELECT {', '.join(COLUMNS)} FROM votes WHERE {condition}", value):
            yield Vote(*row)

    def _rows(self, sql: str, *values: str) -> Iterator[tuple[Any, ...]]:
        with duckdb.connect(config={"threads": 1}) as connection:
            table = connection.read_parquet(str(self.folder / "votes.parquet"))
            connection.register("votes", table)
            connection.execute(sql, values)
            while rows := connection.fetchmany(4096):
                yield from rows


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not known; expected one of {', '.join(SPLITS)}.")
