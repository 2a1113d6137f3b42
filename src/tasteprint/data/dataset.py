"""A built dataset: its votes by user and by split, its images, and the summary of what is in it and what was left out.

Enters: the folder that `build` wrote; for a summary the DuckDB tables `votes` and `splits`. Leaves: votes, the image
store, counts as JSON and as a table in the form of the paper's. Does not know: how it was built, models.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb
from rich.table import Table

from tasteprint.data.duck import count, plain_errors, text
from tasteprint.data.images import ImageStore
from tasteprint.data.votes import COLUMNS
from tasteprint.types import Vote

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Count:
    """One split: its users, the different images that their votes show, their votes and how many are ties."""

    users: int = 0
    images: int = 0
    votes: int = 0
    ties: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a build did; `dropped` counts rows of the log by reason, `rows` is all that were read.

    `examples` shows for each reason where its first row stands, `unread` names images by kind of fault, not all of
    many, and `notes` say how the log was understood.
    """

    splits: dict[str, Count]
    rows: int
    dropped: dict[str, int]
    bad_images: dict[str, int]
    has_images: bool
    log: str
    mapping: dict[str, Any]
    settings: dict[str, Any]
    seed: int
    version: str
    examples: dict[str, str] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Give the text of summary.json."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Read what `to_json` wrote. ValueError for anything else."""
        try:
            table = json.loads(text)
            table["splits"] = {split: Count(**table["splits"][split]) for split in SPLITS}
            return cls(**table)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"summary.json is not of this version ({error}); expected what the build wrote: "
                "run `tasteprint data build` again, with --force."
            ) from error

    def sentence(self) -> str:
        """Give the counts as the paper gives them: "224,952 images and 2,267 users / 1,707 and 89 / ..."."""
        first, *others = (self.splits[split] for split in SPLITS)
        rest = "".join(f" / {count.images:,} and {count.users:,}" for count in others)
        return f"{first.images:,} images and {first.users:,} users{rest}"

    def table(self) -> Table:
        """Give the counts per split, then the rows left out by reason."""
        table = Table(title=self.sentence(), caption=f"{self.rows:,} rows read")
        for heading in ("", "users", "images", "votes", "ties"):
            table.add_column(heading, justify="right" if heading else "left")
        for split in SPLITS:
            count = self.splits[split]
            table.add_row(
                split, f"{count.users:,}", f"{count.images:,}", f"{count.votes:,}", f"{count.ties:,}"
            )
        table.add_section()
        for reason, rows in sorted(self.dropped.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(f"left out: {reason}", "", "", f"{rows:,}", "")
        return table

    def remarks(self) -> list[str]:
        """Give sentences on what was left out and how the log was understood, for a person to read."""
        shown = [f"{why}: as {where}" for why, where in self.examples.items() if why not in self.unread]
        for kind, names in self.unread.items():
            more = self.bad_images[kind] - len(names)
            shown.append(f"{kind}: {', '.join(map(repr, names))}{f' and {more:,} more' if more else ''}")
        return [*self.notes, *shown]


def count_splits(connection: duckdb.DuckDBPyConnection) -> dict[str, Count]:
    """Count what each split holds."""
    return {split: _count(connection, split) for split in SPLITS}


def _count(connection: duckdb.DuckDBPyConnection, split: str) -> Count:
    kept = f"FROM votes JOIN splits USING (user_id) WHERE split = {text(split)}"
    images = f"SELECT image_0 {kept} UNION SELECT image_1 {kept}"
    return Count(
        users=count(connection, f"SELECT count(*) FROM splits WHERE split = {text(split)}"),
        images=count(connection, f"SELECT count(*) FROM ({images})"),
        votes=count(connection, f"SELECT count(*) {kept}"),
        ties=count(connection, f"SELECT count(*) {kept} AND label_0 = 0.5"),
    )


class Dataset:
    """Votes and images of a dataset folder. Holds no connection, so it may go to other processes."""

    def __init__(self, folder: str | Path) -> None:
        """Read the summary. ValueError for a folder that is absent, incomplete or of another version."""
        self.folder = Path(folder)
        done = self.folder / "summary.json"
        if not done.is_file():
            state = "incomplete" if self.folder.is_dir() else "not there"
            raise ValueError(
                f"dataset {str(folder)!r} is {state}; expected a built one: "
                "run `tasteprint data build` (again)."
            )
        self.summary = Summary.from_json(done.read_text("utf-8"))

    @property
    def images(self) -> ImageStore:
        """The store of the votes' images. ValueError for a dataset that was built of ids only."""
        if not self.summary.has_images:
            raise ValueError(f"dataset {self.folder} has no images; expected some: build it with its images.")
        return ImageStore(self.folder / "images")

    def users(self, split: str) -> list[str]:
        """Give the users of "train", "validation" or "test", sorted."""
        _check_split(split)
        sql = "SELECT DISTINCT user_id FROM votes WHERE split = ? ORDER BY user_id"
        return [row[0] for row in self._rows(sql, split)]

    def votes_of(self, user_id: str) -> tuple[Vote, ...]:
        """Give one user's votes by time, ties included. ValueError for a user who is not here."""
        if not isinstance(user_id, str):
            raise ValueError(
                f"the user is {user_id!r}; expected a string, as users() gives them: give str(...) of it."
            )
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

    def image_names(self) -> list[str]:
        """Give every image that a vote shows, sorted."""
        sql = "SELECT image_0 FROM votes UNION SELECT image_1 FROM votes ORDER BY 1"
        return [name for (name,) in self._rows(sql)]

    def _votes(self, condition: str, value: str) -> Iterator[Vote]:
        # The file is sorted by user and time; one thread reads it in that order.
        for row in self._rows(f"SELECT {', '.join(COLUMNS)} FROM votes WHERE {condition}", value):
            yield Vote(*row)

    def _rows(self, sql: str, *values: str) -> Iterator[tuple[Any, ...]]:
        damaged = plain_errors(
            f"reading {self.folder / 'votes.parquet'}", "expected the votes that were built: build it again"
        )
        with damaged, duckdb.connect(config={"threads": 1}) as connection:
            table = connection.read_parquet(str(self.folder / "votes.parquet"))
            connection.register("votes", table)
            connection.execute(sql, values)
            while rows := connection.fetchmany(4096):
                yield from rows


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not known; expected one of {', '.join(SPLITS)}.")
