"""Ratings to votes: the best image of a person against the worst, the second best against the second worst.

Enters: the DuckDB table `raw` of ratings (likes are ratings of 1 and 0). Leaves: the table `votes`.
Does not know: where the ratings came from.
"""

from __future__ import annotations

from collections import Counter

import duckdb

from tasteprint.data.duck import count


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
