"""The summary of a built dataset: what is in it, what was left out and why.

Enters: the DuckDB tables `votes` and `splits`, or JSON. Leaves: counts as JSON and as a table in the form of
the paper's. Does not know: how the votes came there.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import duckdb
from rich.table import Table

from tasteprint.data.duck import count, text

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
    """What a build did; `dropped` counts rows of the log by reason, `rows` is all that were read."""

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

    def to_json(self) -> str:
        """Give the text of summary.json."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

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
