"""What a mapping would make of a log: all that a build does, but the pictures, in a folder that is then removed.

Enters: a log, a mapping, settings. Leaves: a `Prospect`. Does not know: how it is shown.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasteprint.config import DataConfig
from tasteprint.data.duck import connect, count, plain_errors
from tasteprint.data.left_out import LeftOut
from tasteprint.data.logs import find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.votes import require_columns, stage_votes


@dataclass(frozen=True, slots=True)
class Prospect:
    """Counts of rows, votes and people, what was left out, and notes on how the log was read."""

    rows: int
    votes: int
    people: int
    left_out: LeftOut
    notes: tuple[str, ...]


def prospect(source: str | Path, mapping: Mapping, config: DataConfig) -> Prospect:
    """Stage the votes of a log. ValueError for what would stop the build."""
    with (
        tempfile.TemporaryDirectory(prefix="tasteprint-") as folder,
        plain_errors("reading the log", "expected a table that this mapping fits: check both"),
        connect(Path(folder)) as connection,
    ):
        log = require_columns(find_log(source, mapping.source), mapping)
        staged = stage_votes(connection, log, mapping)
        staged.exclusions.drop_doubtful(config)
        return Prospect(
            staged.rows,
            count(connection, "SELECT count(*) FROM votes"),
            count(connection, "SELECT count(DISTINCT user_id) FROM votes"),
            staged.exclusions.left_out,
            (*log.notes, *staged.notes),
        )
