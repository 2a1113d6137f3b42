"""Votes that a log has and a dataset has not: deleted, counted by reason, and each reason shown at a place.

Enters: the DuckDB table `votes` (with `_file` and `_line`) and the log of its rows. Leaves: fewer votes, and `LeftOut`.
Does not know: how votes are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from tasteprint.config import DataConfig
from tasteprint.data.duck import count
from tasteprint.data.left_out import LeftOut, shown
from tasteprint.data.logs import Log


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What is left out of the table `votes`, and why."""

    connection: duckdb.DuckDBPyConnection
    log: Log
    left_out: LeftOut = field(default_factory=LeftOut)

    def tally(self, table: str) -> None:
        """Count the rows of a table that have a `reason`."""
        found = self.connection.execute(
            f"SELECT reason, count(*), min((_file, _line)) FROM {table} WHERE reason IS NOT NULL GROUP BY 1"
        ).fetchall()
        for reason, rows, (file, line) in found:
            self.left_out.add(reason, rows, place(self.log, file, line))

    def drop(self, reason: str, condition: str, what: str = "", which: str = "''") -> None:
        """Delete the votes of which an SQL condition holds; `which` is SQL for the `what` that the reason is about."""
        execute = self.connection.execute
        execute(f"CREATE TABLE gone AS SELECT rowid AS id, _file, _line FROM votes WHERE {condition}")
        first = execute("SELECT id, _file, _line FROM gone ORDER BY _file, _line LIMIT 1").fetchone()
        if first is not None:
            number, file, line = first
            found = execute(f"SELECT {which} FROM votes WHERE rowid = {number}").fetchone()
            example = place(self.log, file, line) + (f": {what} {shown(found[0])}" if what and found else "")
            rows = count(self.connection, "DELETE FROM votes WHERE rowid IN (SELECT id FROM gone)")
            self.left_out.add(reason, rows, example)
        execute("DROP TABLE gone")

    def drop_doubtful(self, config: DataConfig) -> None:
        """Delete votes between an image and itself, duplicates, and users with too few unique liked images.

        In temporal mode votes without a time go too.

        A duplicate is identical in user, prompt, images and ranking_id; where the log has no ranking_id, in time
        and label too, since a person may see a pair again. The earliest is kept.
        """
        if config.temporal:
            self.drop("no time, in temporal mode", "created_at IS NULL")
        self.drop("same image on both sides", "image_0 = image_1")
        self.drop("duplicate row", f"rowid IN ({_DUPLICATES})")
        few = f"user has fewer than {config.min_liked} unique liked images"
        self.drop(few, f"user_id NOT IN ({_eligible(config.min_liked)})", "user", "user_id")


def place(log: Log, file: int, line: int) -> str:
    """Where a row of a log stands, in words; formats without lines count rows."""
    word = "row" if log.kind in ("Parquet", "SQLite") else "line"
    return f"{word} {line:,} of {log.files[file]!r}"


_DUPLICATES = """
SELECT rowid FROM (
  SELECT rowid, row_number() OVER (
    PARTITION BY user_id, prompt, image_0, image_1, ranking_id,
      CASE WHEN ranking_id IS NULL THEN created_at END, CASE WHEN ranking_id IS NULL THEN label_0 END
    ORDER BY created_at, label_0, _file, _line) AS nth
  FROM votes) WHERE nth > 1"""


def _eligible(min_liked: int) -> str:
    liked = "CASE label_0 WHEN 1 THEN image_0 WHEN 0 THEN image_1 END"
    return (
        f"SELECT user_id FROM (SELECT DISTINCT user_id, {liked} AS liked FROM votes) "
        f"GROUP BY user_id HAVING count(liked) >= {min_liked}"
    )
