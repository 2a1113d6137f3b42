"""Votes that cannot be used: deleted from the vote table and counted by reason.

Enters: the DuckDB table `votes`. Leaves: the same table, smaller, and counts. Does not know: logs, images.
"""

from __future__ import annotations

from collections import Counter

import duckdb

from tasteprint.config import DataConfig
from tasteprint.data.duck import count


def drop_rows(connection: duckdb.DuckDBPyConnection, condition: str) -> int:
    """Delete the votes of which an SQL condition holds; give how many."""
    return count(connection, f"DELETE FROM votes WHERE {condition}")


def drop_doubtful(connection: duckdb.DuckDBPyConnection, config: DataConfig) -> Counter[str]:
    """Delete votes between an image and itself, duplicates, and users with too few unique liked images.

    In temporal mode votes without a time go too.

    A duplicate is identical in user, prompt, images and ranking_id; where the log has no ranking_id, in time
    and label too, since a person may see a pair again. The earliest is kept.
    """
    few = f"user has fewer than {config.min_liked} unique liked images"
    timeless = "created_at IS NULL" if config.temporal else "false"
    return +Counter(
        {
            "no time, in temporal mode": drop_rows(connection, timeless),
            "same image on both sides": drop_rows(connection, "image_0 = image_1"),
            "duplicate row": drop_rows(connection, f"rowid IN ({_DUPLICATES})"),
            few: drop_rows(connection, f"user_id NOT IN ({_eligible(config.min_liked)})"),
        }
    )


_DUPLICATES = """
SELECT rowid FROM (
  SELECT rowid, row_number() OVER (
    PARTITION BY user_id, prompt, image_0, image_1, ranking_id,
      CASE WHEN ranking_id IS NULL THEN created_at END, CASE WHEN ranking_id IS NULL THEN label_0 END
    ORDER BY created_at, label_0, rowid) AS nth
  FROM votes) WHERE nth > 1"""


def _eligible(min_liked: int) -> str:
    liked = "CASE label_0 WHEN 1 THEN image_0 WHEN 0 THEN image_1 END"
    return (
        f"SELECT user_id FROM (SELECT DISTINCT user_id, {liked} AS liked FROM votes) "
        f"GROUP BY user_id HAVING count(liked) >= {min_liked}"
    )
