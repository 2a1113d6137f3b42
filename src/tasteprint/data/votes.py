"""Any log to the vote table: columns by the mapping, ratings paired to votes, other rows left out with a reason.

Enters: a `Log` and a `Mapping`. Leaves: the DuckDB table `votes` (`COLUMNS`, and `_file` and `_line`, where the row
stands); the table `given` (user_id, split) where the log brings its own splits; and what was left out.
Does not know: the images, how users are split.

    raw      a row of the log each: the text of each role, and `reason` to leave it out
    typed    the others: values, times, numbers
    votes    what counts
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from tasteprint.data.duck import count, load_rows, name, plain_errors, text
from tasteprint.data.exclusions import Exclusions, place
from tasteprint.data.left_out import shown
from tasteprint.data.logs import Log
from tasteprint.data.mapping import BYTES, REQUIRED, Mapping
from tasteprint.data.pairing import pair_ratings
from tasteprint.data.typed import type_rows
from tasteprint.data.values import no_value_sql

COLUMNS = ("user_id", "prompt", "image_0", "image_1", "label_0", "created_at", "ranking_id")
"""The vote table; method.md section 1."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A log whose votes are in the table `votes`: the rows read, what was left out, and notes for the user."""

    rows: int
    exclusions: Exclusions
    has_splits: bool
    notes: tuple[str, ...]


def stage_votes(connection: duckdb.DuckDBPyConnection, log: Log, mapping: Mapping) -> Staged:
    """Fill the table `votes` from a log.

    ValueError for a missing column, for what `type_rows` refuses, and for a person in two splits.
    """
    exclusions = Exclusions(connection, log)
    with plain_errors("reading the log", "expected text that can be stored: repair the file"):
        load_rows(connection, "raw", log.batches(_columns(mapping)), _texts(mapping))
    rows = count(connection, "SELECT count(*) FROM raw")
    exclusions.tally("raw")
    notes = type_rows(connection, log, mapping)
    connection.execute("DROP TABLE raw")
    if mapping.kind == "ratings":
        pair_ratings(connection, exclusions, mapping.min_gap)
    else:
        kept = ", ".join((*COLUMNS, "_file", "_line"))
        connection.execute(
            f"CREATE TABLE votes AS SELECT {kept} FROM (SELECT *, value AS label_0 FROM typed)"
        )
    has_splits = _give_splits(connection, exclusions)
    connection.execute("DROP TABLE typed")
    return Staged(rows, exclusions, has_splits, notes)


def require_columns(log: Log, mapping: Mapping) -> Log:
    """Have the log read so that it has the columns that the mapping names. ValueError where it lacks one."""
    remedy = (
        "choose another mapping, name the column with --column role=COLUMN, or give --constant role=VALUE"
    )
    return log.require(mapping.needed, remedy)


def _columns(mapping: Mapping) -> list[str]:
    roles = [column for role, column in mapping.columns.items() if role not in BYTES]
    return list(dict.fromkeys([*roles, *(item.column for item in mapping.filters)]))


def _texts(mapping: Mapping) -> str:
    """SQL that gives every row the texts of its roles and the reason to leave it out."""

    def of(role: str) -> str:
        if role in mapping.columns:
            return f"nullif({name(mapping.columns[role])}, '')"
        return text(mapping.constants[role]) if role in mapping.constants else "CAST(NULL AS VARCHAR)"

    images = ("image",) if mapping.kind == "ratings" else ("image_0", "image_1")
    empty = [("user", "user_id"), *(("image", image) for image in images)]
    missing = " ".join(f"WHEN trim(coalesce({column}, '')) = '' THEN 'no {what}'" for what, column in empty)
    return f"""
    SELECT *, coalesce(filtered, CASE {missing} END, {no_value_sql(mapping)}) AS reason FROM (
      SELECT {of("user")} AS user_id, coalesce({of("prompt")}, {text(mapping.prompt)}) AS prompt,
        {", ".join(f"{of(image)} AS {image}" for image in images)},
        {of(REQUIRED[mapping.kind][-1])} AS value_text, {of("created_at")} AS time_text,
        {of("ranking_id")} AS ranking_text, {of("split")} AS split_text, {_filtered(mapping)} AS filtered, _file, _line
      FROM batch)"""


def _filtered(mapping: Mapping) -> str:
    cases = []
    for item in mapping.filters:
        kept = ", ".join(map(text, item.keep))
        word = f"lower({name(item.column)})"
        cases.append(
            f"WHEN coalesce({word} NOT IN ({kept}), {'false' if item.optional else 'true'}) THEN {text(item.reason)}"
        )
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def _give_splits(connection: duckdb.DuckDBPyConnection, exclusions: Exclusions) -> bool:
    """Note each person's split in the table `given`, if the log brings any; who then has none is left out.

    ValueError for a person in two.
    """
    firsts = ", ".join(f"{pick}((_file, _line), (split, _file, _line))" for pick in ("arg_min", "arg_max"))
    connection.execute(
        f"CREATE TABLE given AS SELECT user_id, min(split) AS split, max(split) AS other, [{firsts}] AS places "
        "FROM typed WHERE split IS NOT NULL GROUP BY 1"
    )
    twice = connection.execute("FROM given WHERE split <> other ORDER BY user_id LIMIT 1").fetchone()
    if twice is not None:
        user, one, other, (here, there) = twice
        raise ValueError(
            f"user {shown(user)} is in {one} ({place(exclusions.log, *here)}) and in {other} "
            f"({place(exclusions.log, *there)}); expected each person in one split: correct the log, or map no split "
            "(--column split=)."
        )
    given = count(connection, "SELECT count(*) FROM given") > 0
    if given:
        exclusions.drop("no split", "user_id NOT IN (SELECT user_id FROM given)", "user", "user_id")
    return given
