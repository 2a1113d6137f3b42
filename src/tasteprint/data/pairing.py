"""Ratings to votes: within one person and prompt the best is paired with the worst.

Enters: the DuckDB table `typed` of ratings, a row each. Leaves: the table `votes`. Does not know: files, mappings.
"""

from __future__ import annotations

import duckdb

from tasteprint.data.duck import count
from tasteprint.data.exclusions import Exclusions, place
from tasteprint.data.left_out import NO_PARTNER, shown


def pair_ratings(connection: duckdb.DuckDBPyConnection, exclusions: Exclusions, min_gap: float) -> None:
    """Make the votes of the ratings in `typed`, and count the rows that made none.

    One image rated again counts with its latest rating. Rows are ranked by rating, ties by time (earlier
    first, no time last) and then by image id; the first is paired with the last, the second with the last but
    one, as long as their ratings differ by `min_gap` or more. Each row serves at most once. A vote's time is
    the later of the two, and it stands where the better one does. Which image stands first is decided by a hash of
    the unordered two ids, so the position says nothing of the preference.
    """
    connection.execute(_LATEST)
    connection.execute(_PAIRED, {"min_gap": min_gap})
    usable = count(connection, "SELECT count(*) FROM typed")
    latest = count(connection, "SELECT count(*) FROM latest")
    exclusions.left_out.add("image rated again later", usable - latest)
    alone = latest - 2 * count(connection, "SELECT count(*) FROM votes")
    example = connection.execute(_ALONE).fetchone() if alone else None
    if example is not None:
        file, line, image, value = example
        where = f"{place(exclusions.log, file, line)}: image {shown(image)}, rated {value:g}"
        exclusions.left_out.add(NO_PARTNER, alone, where)
    connection.execute("DROP TABLE latest")


_LATEST = """
CREATE TABLE latest AS
SELECT user_id, prompt, image, value, created_at, _file, _line FROM (
  SELECT *, row_number() OVER (
    PARTITION BY user_id, prompt, image ORDER BY created_at DESC NULLS LAST, value DESC, _file DESC, _line DESC) AS nth
  FROM typed) WHERE nth = 1"""

_PAIRED = """
CREATE TABLE votes AS
WITH ranked AS (
  SELECT *, row_number() OVER (
      PARTITION BY user_id, prompt ORDER BY value DESC, created_at ASC NULLS LAST, image) AS nth,
    count(*) OVER (PARTITION BY user_id, prompt) AS total
  FROM latest),
paired AS (
  SELECT a.user_id, a.prompt, a.image AS liked, b.image AS disliked,
    greatest(a.created_at, b.created_at) AS later, a._file, a._line,
    md5(least(a.image, b.image) || chr(10) || greatest(a.image, b.image)) < '8' AS lesser_first
  FROM ranked a JOIN ranked b
    ON a.user_id = b.user_id AND a.prompt = b.prompt AND b.nth = a.total + 1 - a.nth
  WHERE a.nth < b.nth AND a.value - b.value >= $min_gap)
SELECT user_id, prompt,
  CASE WHEN lesser_first THEN least(liked, disliked) ELSE greatest(liked, disliked) END AS image_0,
  CASE WHEN lesser_first THEN greatest(liked, disliked) ELSE least(liked, disliked) END AS image_1,
  CAST(image_0 = liked AS DOUBLE) AS label_0, later AS created_at, CAST(NULL AS BIGINT) AS ranking_id, _file, _line
FROM paired"""

_ALONE = """
SELECT _file, _line, image, value FROM latest l WHERE NOT EXISTS (
  SELECT 1 FROM votes v
  WHERE v.user_id = l.user_id AND v.prompt = l.prompt AND (v.image_0 = l.image OR v.image_1 = l.image))
ORDER BY _file, _line LIMIT 1"""
