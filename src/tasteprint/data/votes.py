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

from tasteprint.data.duck import count, name, plain_errors, text
from tasteprint.data.exclusions import Exclusions, place
from tasteprint.data.left_out import shown
from tasteprint.data.logs import Log
from tasteprint.data.mapping import REQUIRED, Mapping
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
    _require_columns(log, mapping)
    exclusions = Exclusions(connection, log)
    with plain_errors(f"reading {log.files[0].name!r}", f"expected {log.kind} throughout: repair the file"):
        connection.execute(f"CREATE TABLE raw AS {_texts(log, mapping)}")
    rows = count(connection, "SELECT count(*) FROM raw")
    exclusions.tally("raw")
    notes = type_rows(connection, log, mapping)
    connection.execute("DROP TABLE raw")
    if mapping.kind == "ratings":
        pair_ratings(connection, exclusions, mapping.min_gap)
    else:
        kept = ", ".join((*COLUMNS, "_file", "_line"))
        connection.execute(f"CREATE TABLE votes AS SELECT {kept} FROM (SELECT *, value AS label_0 FROM typed)")
    has_splits = _is_given(log, mapping, "split")
    if has_splits:
        _give_splits(connection, exclusions)
    connection.execute("DROP TABLE typed")
    return Staged(rows, exclusions, has_splits, notes)


def _require_columns(log: Log, mapping: Mapping) -> None:
    wanted = [column for role, column in mapping.columns.items() if role not in mapping.optional]
    wanted += [item.column for item in mapping.filters]
    log.require(
        wanted, "choose another mapping, name the column with --column role=COLUMN, or give --constant role=VALUE"
    )


def _is_given(log: Log, mapping: Mapping, role: str) -> bool:
    return role in mapping.constants or mapping.columns.get(role) in log.columns


def _texts(log: Log, mapping: Mapping) -> str:
    """SQL that gives every row the texts of its roles and the reason to leave it out."""

    def of(role: str) -> str:
        if role in mapping.constants:
            return text(mapping.constants[role])
        given = _is_given(log, mapping, role)
        return f"CAST({name(mapping.columns[role]) if given else 'NULL'} AS VARCHAR)"

    images = ("image",) if mapping.kind == "ratings" else ("image_0", "image_1")
    empty = [("user", "user_id"), *(("image", image) for image in images)]
    missing = " ".join(f"WHEN trim(coalesce({column}, '')) = '' THEN 'no {what}'" for what, column in empty)
    return f"""
    SELECT *, coalesce(filtered, CASE {missing} END, {no_value_sql(mapping)}) AS reason FROM (
      SELECT {of("user")} AS user_id, coalesce({of("prompt")}, {text(mapping.prompt)}) AS prompt,
        {", ".join(f"{of(image)} AS {image}" for image in images)},
        {of(REQUIRED[mapping.kind][-1])} AS value_text, {of("created_at")} AS time_text,
        {of("ranking_id")} AS ranking_text, {of("split")} AS split_text, {_filtered(mapping)} AS filtered, _file, _line
      FROM (SELECT *, 0 AS _file, 1 + row_number() OVER () AS _line FROM {log.scan()}))"""


def _filtered(mapping: Mapping) -> str:
    cases = []
    for item in mapping.filters:
        kept = ", ".join(map(text, item.keep))
        word = f"lower(CAST({name(item.column)} AS VARCHAR))"
        cases.append(f"WHEN coalesce({word} NOT IN ({kept}), true) THEN {text(item.reason)}")
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def _give_splits(connection: duckdb.DuckDBPyConnection, exclusions: Exclusions) -> None:
    """Note each person's split in the table `given`. ValueError for a person in two; who has none is left out."""
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
    exclusions.drop("no split", "user_id NOT IN (SELECT user_id FROM given)", "user", "user_id")
