"""Labels, ratings, times, numbers and splits as logs write them: understood as written, or refused with their row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import write_csv
from tasteprint.data import duck
from tasteprint.data.logs import find_log
from tasteprint.data.mapping import Mapping, load_mapping
from tasteprint.data.votes import COLUMNS, Staged, require_columns, stage_votes
from tasteprint.types import Vote

VOTES, RATINGS = load_mapping("votes"), load_mapping("ratings")
NOON = datetime(2026, 3, 14, 12, 30, 15)


def read(rows: Sequence[dict], mapping: Mapping = VOTES) -> tuple[list[Vote], Staged]:
    """The votes of a CSV of these rows, in their order, and how it was read."""
    with TemporaryDirectory() as name, duck.connect(Path(name)) as connection:
        log = require_columns(find_log(write_csv(Path(name, "log.csv"), list(rows))), mapping)
        staged = stage_votes(connection, log, mapping)
        found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM votes ORDER BY _line").fetchall()
    return [Vote(*row) for row in found], staged


def rows_with(column: str, cells: Sequence[str]) -> list[dict]:
    plain = {"user_id": "u", "label_0": "1"}
    return [{**plain, "image_0": f"a{n}", "image_1": f"b{n}", column: cell} for n, cell in enumerate(cells)]


def times(*cells: str) -> list[datetime | None]:
    return [vote.created_at for vote in read(rows_with("created_at", cells))[0]]


def refused(rows: Sequence[dict], match: str, mapping: Mapping = VOTES) -> None:
    with pytest.raises(ValueError, match=match) as error:
        read(rows, mapping)
    assert "expected" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-14 12:30:15",
        "2026-03-14T14:30:15+02:00",
        "2026-03-14 14:30:15 +0200",
        "2026-03-14 12:30:15 UTC",
        "2026-03-14 08:30:15 America/New_York",
        "2026:03:14 12:30:15",
        "Sat, 14 Mar 2026 12:30:15 GMT",
        "Sat, 14 Mar 2026 07:30:15 -0500",
        "20260314T123015Z",
        "20260314123015",
        "14.03.2026 12:30:15",
        "14/3/2026, 12:30:15",
        "3/14/2026 12:30:15 PM",
        "1773491415",
        "1773491415000",
        "1773491415000000",
        "1773491415000000000",
        "46095.5210069",
        "46095,5210069",
    ],
)
def test_every_way_to_write_a_time_is_the_same_time(cell: str) -> None:
    assert times(cell, f" {cell} ", "") == [NOON, NOON, None]


def test_what_a_number_counts_is_decided_by_the_column_and_said() -> None:
    _, staged = read(rows_with("created_at", ["1773491415000", "2026-03-14", "1773491415001"]))
    assert staged.notes == ("created_at is read as milliseconds since 1970",)
    refused(
        rows_with("created_at", ["1773491415000", "1773491415001", "1773491415"]),
        "^line 4 of 'log.csv': created_at is '1773491415' in 1 rows .* milliseconds since 1970, between 1990 and 2100",
    )
    assert times("20260314") == [datetime(2026, 3, 14)]


@pytest.mark.parametrize(
    "cell",
    [
        *("infinity", "-infinity", "epoch", "0", "-1773491415", "1e9", "57971-01-01", "2026-03-14 (BC)"),
        *("2026-02-30", "1970-01-01", "yesterday", "3/4/2026", "14/03/26", "1_773_491_415", "9" * 40),
    ],
)
def test_an_implausible_time_is_refused_with_its_row(cell: str) -> None:
    refused(rows_with("created_at", ["2026-03-14", cell]), "^line 3 of 'log.csv': created_at is ")


def test_day_or_month_first_is_decided_by_a_row_that_says_so() -> None:
    assert times("3/4/2026", "3/14/2026") == [datetime(2026, 3, 4), datetime(2026, 3, 14)]
    assert times("3/4/2026", "14-3-2026 10:00") == [datetime(2026, 4, 3), datetime(2026, 3, 14, 10)]
    refused(
        rows_with("created_at", ["13/3/2026", "3/13/2026"]), "line 2 of 'log.csv': created_at is '13/3/2026'"
    )


@pytest.mark.parametrize(
    "cell", ["NaN", "NaT", "null", "None", "n/a", "0000-00-00 00:00:00", "0000:00:00 00:00:00"]
)
def test_no_time_is_no_time_and_is_said(cell: str) -> None:
    votes, staged = read(rows_with("created_at", ["2026-03-14", cell]))
    assert [vote.created_at for vote in votes] == [datetime(2026, 3, 14), None]
    assert staged.notes == (f"1 rows have no time, as {cell!r} in line 3 of 'log.csv'",)


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 12, 31))
FORMS = {
    "iso": lambda t: t.isoformat(),
    "offset": lambda t: t.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-7))).isoformat(),
    "seconds": lambda t: f"{int((t - datetime(1970, 1, 1)) / timedelta(microseconds=1) // 1) / 1e6:.6f}",
    "microseconds": lambda t: str((t - datetime(1970, 1, 1)) // timedelta(microseconds=1)),
    "nanoseconds": lambda t: f"{(t - datetime(1970, 1, 1)) // timedelta(microseconds=1)}000",
}


@settings(max_examples=10)
@given(form=st.sampled_from(sorted(FORMS)), moments=st.lists(MOMENTS, min_size=1, max_size=20))
def test_any_time_comes_back(form: str, moments: list[datetime]) -> None:
    found = times(*map(FORMS[form], moments))
    assert all(
        abs(one - other) <= timedelta(microseconds=1) for one, other in zip(found, moments, strict=True)
    )
    if form != "seconds":
        assert found == moments


@settings(max_examples=15)
@given(cells=st.lists(st.text(max_size=12).filter(lambda cell: "\0" not in cell), min_size=1, max_size=8))
def test_any_text_for_a_time_is_a_plausible_time_or_a_sentence(cells: list[str]) -> None:
    rows = rows_with("created_at", [cell.encode("utf-8", "replace").decode() for cell in cells])
    try:
        votes, _ = read(rows)
    except ValueError as fault:
        assert "line" in str(fault) and "expected" in str(fault) and "\n" not in str(fault)
    else:
        assert all(vote.created_at is None or 1990 <= vote.created_at.year <= 2100 for vote in votes)


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1.0", "0", "1e0", " 1", "5e-1", "+1"], [1, 0, 1, 1, 0.5, 1]),
        (["1", "0,5", "0"], [1, 0.5, 0]),
        (["True", "false"], [1, 0]),
        (["1", "nan", "", "NULL", "None", "N/A", "0"], [1, 0]),
    ],
)
def test_labels_as_programs_write_them(cells: list[str], labels: list[float]) -> None:
    votes, staged = read(rows_with("label_0", cells))
    assert [vote.label_0 for vote in votes] == labels
    assert staged.exclusions.left_out.counts == (
        {"no label": len(cells) - len(labels)} if len(cells) > len(labels) else {}
    )


@pytest.mark.parametrize("cell", ["0.50000001", "1,0.5", "inf", "★", "1/2", "yes"])
def test_a_label_that_is_none_of_three_is_refused(cell: str) -> None:
    refused(rows_with("label_0", ["1", "0.5", cell]), "^line 4 of 'log.csv': label is")


def rated(
    cells: Sequence[str], mapping: Mapping = RATINGS, column: str = "rating"
) -> tuple[set[tuple[str, str]], Staged]:
    rows = [{"user_id": "u", "image": f"i{n}", column: cell} for n, cell in enumerate(cells)]
    votes, staged = read(rows, mapping)
    return {(vote.liked, vote.disliked) for vote in votes}, staged


@pytest.mark.parametrize(
    "cells",
    [
        ["5", "1"],
        ["4,5", "2,0"],
        ["★★★★★", "★☆☆☆☆"],
        ["5/5", "1/5"],
        ["5.0", "1.0"],
        ["5", "1", "0", "", "NaN"],
    ],
)
def test_stars_as_people_write_them(cells: list[str]) -> None:
    assert rated(cells)[0] == {("i0", "i1")}


def test_no_star_is_no_rating_and_a_rejection_is_what_the_mapping_says() -> None:
    cells = ["5", "-1", "3", "0"]
    rows = [{"user_id": "u", "image": f"i{n}", "rating": cell} for n, cell in enumerate(cells)]
    refused(
        rows, "line 3 of 'log.csv': rating is '-1' in 1 rows of column 'rating'; expected 1 to 10", RATINGS
    )
    ignored = Mapping("ratings", RATINGS.columns, RATINGS.optional, scale=(1.0, 5.0), unrated=("0", "-1"))
    votes, staged = rated(cells, ignored)
    assert votes == {("i0", "i2")} and staged.exclusions.left_out.counts == {"unrated": 2}
    worst = Mapping(
        "ratings", RATINGS.columns, RATINGS.optional, scale=(1.0, 5.0), unrated=("0",), rejected=("-1",)
    )
    assert rated(cells, worst)[0] == {("i0", "i1")}


@pytest.mark.parametrize(
    ("cells", "line"), [(["5", "11"], 3), (["4/5", "8/10"], 2), (["1,234", "2"], 2), (["4.5", "4,5"], 3)]
)
def test_a_rating_outside_its_scale_or_of_two_meanings_is_refused(cells: list[str], line: int) -> None:
    rows = [{"user_id": "u", "image": f"i{n}", "rating": cell} for n, cell in enumerate(cells)]
    refused(rows, f"^line {line} of 'log.csv': rating is .*expected 1 to 10", RATINGS)


def test_likes_of_any_spelling() -> None:
    likes = load_mapping("likes")
    for like, dislike in (("1.0", "0.0"), ("TRUE", "FALSE"), ("like", "dislike")):
        assert rated([like, dislike], likes, "liked")[0] == {("i0", "i1")}


def test_ranking_ids_are_whole_numbers_whatever_their_dress() -> None:
    votes, _ = read(rows_with("ranking_id", ["3", "3.0", "007", "", "nan", str(2**63 - 1)]))
    assert [vote.ranking_id for vote in votes] == [3, 3, 7, None, None, 2**63 - 1]
    for cell in ("1.7", "1_0", "0x10", "1e3", str(2**63), "0f00-aa"):
        refused(
            rows_with("ranking_id", [cell]), "^line 2 of 'log.csv': ranking_id is .* expected a whole number"
        )
    assert (
        read(rows_with("ranking_id", ["0f00-aa"]), VOTES.with_columns(("ranking_id=",)))[0][0].ranking_id
        is None
    )


def test_ids_are_the_text_that_the_log_has() -> None:
    cells = ["001", "1", "0_1", "1.0", "nan", "u ", "U", "null"]
    votes, staged = read(rows_with("user_id", cells))
    assert [vote.user_id for vote in votes] == cells
    assert staged.notes == ()
    _, staged = read(rows_with("user_id", ["u", "u "]))
    assert staged.notes == ("users 'u' and 'u ' differ by blanks alone, and are taken for two people",)
    _, staged = read(rows_with("user_id", ["u", " "]))
    assert staged.exclusions.left_out.counts == {"no user": 1}


def test_constants_stand_for_columns() -> None:
    rows = [{"chosen": "a", "rejected": "b"}, {"chosen": "c", "rejected": "d"}]
    mapping = VOTES.with_columns(("image_0=chosen", "image_1=rejected"))
    refused(rows, "no column 'user_id'.*--constant role=VALUE", mapping)
    votes, _ = read(rows, mapping.with_constants(("user=me", "label=1")))
    assert [(vote.user_id, vote.liked, vote.disliked) for vote in votes] == [
        ("me", "a", "b"),
        ("me", "c", "d"),
    ]
    refused(
        rows,
        "label is 'maybe' in 2 rows of the constants",
        mapping.with_constants(("user=me", "label=maybe")),
    )
    votes, _ = read([{"liked": "a", "disliked": "b"}], load_mapping("history"))
    assert (votes[0].user_id, votes[0].liked) == ("you", "a")
    with pytest.raises(ValueError, match="a constant of 'bytes_0'; expected one of user, image_0"):
        VOTES.with_constants(("bytes_0=x",))
    with pytest.raises(
        ValueError, match="constant 'label' is incomplete; expected role=constant, as in label=1"
    ):
        VOTES.with_constants(("label",))


def splits_of(cells: Sequence[tuple[str, str]], mapping: Mapping) -> dict[str, str]:
    rows = [
        {**row, "user_id": user}
        for row, (user, _) in zip(rows_with("split", [s for _, s in cells]), cells, strict=True)
    ]
    with TemporaryDirectory() as name, duck.connect(Path(name)) as connection:
        log = require_columns(find_log(write_csv(Path(name, "log.csv"), rows)), mapping)
        staged = stage_votes(connection, log, mapping)
        found = dict(connection.execute("SELECT user_id, split FROM given").fetchall())
        assert staged.has_splits and staged.exclusions.left_out.counts.get("no split", 0) == sum(
            u == "d" for u, _ in cells
        )
    return found


def test_a_log_brings_its_own_split() -> None:
    mapping = VOTES.with_columns(("split=split",))
    cells = [("a", "train"), ("b", "Valid"), ("c", "TEST"), ("a", ""), ("d", "")]
    assert splits_of(cells, mapping) == {"a": "train", "b": "validation", "c": "test"}
    with pytest.raises(
        ValueError, match=r"user 'a' is in test .line 3 of 'log.csv'. and in train .line 2 of .*one split"
    ):
        splits_of([("a", "train"), ("a", "test")], mapping)
    with pytest.raises(
        ValueError, match=r"line 2 of 'log.csv': split is 'fold 1' .* expected one of train, training"
    ):
        splits_of([("a", "fold 1")], mapping)
