"""Any log to the vote table: columns by the mapping, ratings paired to votes, other rows left out with a reason.

Enters: a `Log` and a `Mapping`. Leaves: the DuckDB table `votes` (user_id, prompt, image_0, image_1, label_0,
created_at, ranking_id) and the number of rows left out by reason. Does not know: the images, the splits.

    log      a row of the log each: its columns as text
    raw      a row of the log each: its roles, `value` (label_0, or the rating; a like is 1, a dislike 0), and `reason`
    latest   ratings only: each person's last rating of each image
    votes    what counts
"""

from __future__ import annotations

from collections import Counter

import duckdb

from tasteprint.config import DataConfig
from tasteprint.data.duck import count, load_rows, name, plain_errors, text
from tasteprint.data.logs import Log
from tasteprint.data.mapping import BYTES, REQUIRED, Mapping

COLUMNS = ("user_id", "prompt", "image_0", "image_1", "label_0", "created_at", "ranking_id")
"""The vote table; method.md section 1."""


def stage_votes(
    connection: duckdb.DuckDBPyConnection, log: Log, mapping: Mapping
) -> tuple[int, Counter[str]]:
    """Fill the table `votes` from a log; give the rows read and the rows left out by reason.

    Raises ValueError for a missing column, a label outside {0, 0.5, 1}, a rating that is no number, a time or
    a ranking id that cannot be read.
    """
    load_rows(connection, "log", log.batches(_wanted(mapping)))
    with plain_errors(f"reading {log.files[0]!r}", f"expected {log.kind} throughout: repair the file"):
        connection.execute(f"CREATE TABLE raw AS {_typed(mapping)}")
    connection.execute("DROP TABLE log")
    _check_values(connection, mapping)
    dropped = Counter(
        dict(
            connection.execute(
                "SELECT reason, count(*) FROM raw WHERE reason IS NOT NULL GROUP BY 1"
            ).fetchall()
        )
    )
    if mapping.kind == "ratings":
        dropped.update(pair_ratings(connection, mapping.min_gap))
    else:
        connection.execute(
            f"CREATE TABLE votes AS SELECT {', '.join(COLUMNS)} FROM (SELECT *, value AS label_0 FROM raw) "
            "WHERE reason IS NULL"
        )
    rows = count(connection, "SELECT count(*) FROM raw")
    connection.execute("DROP TABLE raw")
    return rows, +dropped


def require_columns(log: Log, mapping: Mapping) -> Log:
    """Have the log read so that it has the columns that the mapping names. ValueError where it lacks one."""
    wanted = [column for role, column in mapping.columns.items() if role not in (*mapping.optional, *BYTES)]
    wanted += [item.column for item in mapping.filters]
    return log.require(wanted, "choose another mapping, or name the column with --column role=COLUMN")


def _wanted(mapping: Mapping) -> list[str]:
    roles = [column for role, column in mapping.columns.items() if role not in BYTES]
    return list(dict.fromkeys([*roles, *(item.column for item in mapping.filters)]))


def _typed(mapping: Mapping) -> str:
    """SQL that gives every row its roles, its value (label_0 or rating) and the reason to leave it out."""

    def column(role: str) -> str:
        known = mapping.columns.get(role)
        return f"nullif({name(known)}, '')" if known else "NULL"

    images = ("image",) if mapping.kind == "ratings" else ("image_0", "image_1")
    value, time, ranking = column(REQUIRED[mapping.kind][-1]), column("created_at"), column("ranking_id")
    needed = [("user", column("user")), *(("image", column(role)) for role in images), ("label", value)]
    return f"""
    SELECT {column("user")} AS user_id, coalesce({column("prompt")}, {text(mapping.prompt)}) AS prompt,
      {", ".join(f"{column(role)} AS {role}" for role in images)},
      {value} AS value_text, {_value(value, mapping)} AS value,
      {time} AS time_text, {_time(time)} AS created_at,
      {ranking} AS ranking_text, TRY_CAST({ranking} AS BIGINT) AS ranking_id,
      {_reason(mapping, needed)} AS reason
    FROM log"""


def _value(column: str, mapping: Mapping) -> str:
    if not mapping.labels:
        return f"TRY_CAST({column} AS DOUBLE)"
    cases = " ".join(f"WHEN {text(label)} THEN {value!r}" for label, value in mapping.labels.items())
    return f"CAST(CASE lower({column}) {cases} END AS DOUBLE)"


def _time(column: str) -> str:
    """Read ISO times (offsets honoured, kept in UTC) and seconds since 1970."""
    seconds = f"to_timestamp(TRY_CAST({column} AS DOUBLE))"
    return f"CAST(coalesce(TRY_CAST({column} AS TIMESTAMPTZ), {seconds}) AS TIMESTAMP)"


def _reason(mapping: Mapping, needed: list[tuple[str, str]]) -> str:
    cases = []
    for item in mapping.filters:
        kept = ", ".join(map(text, item.keep))
        shown = f"lower({name(item.column)})"
        cases.append(f"WHEN coalesce({shown} NOT IN ({kept}), true) THEN {text(item.reason)}")
    cases += [f"WHEN coalesce({column}, '') = '' THEN 'no {what}'" for what, column in needed]
    return f"CASE {' '.join(cases)} END"


def _check_values(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    for role, column, wrong, expected in (_LABEL if mapping.kind == "votes" else _RATING, *_OTHERS):
        found = connection.execute(
            f"SELECT {column}, count(*) FROM raw WHERE reason IS NULL AND ({wrong}) "
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
        ).fetchone()
        if found is not None:
            raise ValueError(
                f"{role} is {found[0]!r} in {found[1]:,} rows of column {mapping.columns[role]!r}; "
                f"expected {expected}."
            )


_MAP = "map it under [labels] of the mapping, or leave it out by a filter"
_LABEL = (
    "label",
    "value_text",
    "value IS NULL OR value NOT IN (0, 0.5, 1)",
    f"1 (first preferred), 0 (second) or 0.5 (tie): {_MAP}",
)
_RATING = ("rating", "value_text", "value IS NULL OR NOT isfinite(value)", f"a number: {_MAP}")
_OTHERS = (
    (
        "created_at",
        "time_text",
        "time_text IS NOT NULL AND created_at IS NULL",
        "an ISO time or seconds since 1970: correct it, or map no created_at",
    ),
    (
        "ranking_id",
        "ranking_text",
        "ranking_text IS NOT NULL AND ranking_id IS NULL",
        "a whole number: map another column, or none",
    ),
)


def pair_ratings(connection: duckdb.DuckDBPyConnection, min_gap: float) -> Counter[str]:
    """Pair the ratings of `raw` within one user and prompt; give the rows that made no vote, by reason.

    One image rated again counts with its latest rating. Rows are ranked by rating, ties by time (earlier
    first, no time last) and then by image id; the first is paired with the last, the second with the last but
    one, as long as their ratings differ by `min_gap` or more. Each row serves at most once. A vote's time is
    the later of the two. Which image stands first is decided by a hash of the unordered two ids, so the
    position says nothing of the preference.
    """
    connection.execute(_LATEST)
    connection.execute(_PAIRED, {"min_gap": min_gap})
    usable = count(connection, "SELECT count(*) FROM raw WHERE reason IS NULL")
    latest = count(connection, "SELECT count(*) FROM latest")
    used = 2 * count(connection, "SELECT count(*) FROM votes")
    connection.execute("DROP TABLE latest")
    return Counter({"image rated again later": usable - latest, "rating without a partner": latest - used})


_LATEST = """
CREATE TABLE latest AS
SELECT user_id, prompt, image, value, created_at FROM (
  SELECT *, row_number() OVER (
    PARTITION BY user_id, prompt, image ORDER BY created_at DESC NULLS LAST, value DESC) AS nth
  FROM raw WHERE reason IS NULL) WHERE nth = 1"""

_PAIRED = """
CREATE TABLE votes AS
WITH ranked AS (
  SELECT *, row_number() OVER (
      PARTITION BY user_id, prompt ORDER BY value DESC, created_at ASC NULLS LAST, image) AS nth,
    count(*) OVER (PARTITION BY user_id, prompt) AS total
  FROM latest),
paired AS (
  SELECT a.user_id, a.prompt, a.image AS liked, b.image AS disliked,
    greatest(a.created_at, b.created_at) AS later,
    md5(least(a.image, b.image) || chr(10) || greatest(a.image, b.image)) < '8' AS lesser_first
  FROM ranked a JOIN ranked b
    ON a.user_id = b.user_id AND a.prompt = b.prompt AND b.nth = a.total + 1 - a.nth
  WHERE a.nth < b.nth AND a.value - b.value >= $min_gap)
SELECT user_id, prompt,
  CASE WHEN lesser_first THEN least(liked, disliked) ELSE greatest(liked, disliked) END AS image_0,
  CASE WHEN lesser_first THEN greatest(liked, disliked) ELSE least(liked, disliked) END AS image_1,
  CAST(image_0 = liked AS DOUBLE) AS label_0, later AS created_at, CAST(NULL AS BIGINT) AS ranking_id
FROM paired"""


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
