"""Histories that never give the answer away, drawn the same for the same seed."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasteprint.data.histories import (
    draw_example,
    fixed_examples,
    shortened,
    split_users,
    unique_liked,
    with_history_of,
)
from tasteprint.data.history_files import decided, read_history
from tasteprint.types import Example, History, Vote


def random_votes(rng: random.Random, count: int, images: int, user: str = "u") -> list[Vote]:
    """Votes of one user, some of them ties, some at the same time, on images that come again."""
    votes = []
    for _ in range(count):
        first, second = rng.sample(range(images), 2)
        when = datetime(2023, 1, 1) + timedelta(minutes=rng.randrange(count))
        label = rng.choice([0.0, 1.0, 1.0, 0.5])
        votes.append(Vote(user, "", f"i{first}", f"i{second}", label, when))
    return votes


def check(example: Example, history_length: int, temporal: bool) -> None:
    shown = {image for vote in example.targets for image in vote.images}
    assert len(example.history) == history_length
    assert not shown & example.history.images
    assert not any(vote.is_tie for vote in (*example.targets, *example.history.votes))
    if temporal and history_length:
        times = [vote.created_at for vote in example.history.votes]
        assert times == sorted(times)
        assert times[-1] < min(vote.created_at for vote in example.targets)


@pytest.mark.parametrize("temporal", [False, True])
def test_no_leak_over_many_random_logs(temporal: bool) -> None:
    drawn = 0
    for seed in range(400):
        rng = random.Random(seed)
        votes = random_votes(rng, rng.randrange(2, 60), rng.randrange(6, 80))
        history_length, n_targets = rng.randrange(0, 9), rng.randrange(1, 4)
        try:
            example = draw_example(votes, history_length, n_targets, rng, temporal)
        except ValueError:
            continue
        drawn += 1
        check(example, history_length, temporal)
        assert len(example.targets) == n_targets
    assert drawn > 150


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    votes = random_votes(random.Random(1), 60, 200)
    draws = [draw_example(votes, 8, 2, random.Random(seed)) for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]


def test_one_target_is_found_whenever_there_is_one() -> None:
    # All but one vote share an image, so only that one can be a target of a history of 8.
    hub = [Vote("u", "", "hub", f"i{n}", 1.0) for n in range(20)]
    lone = Vote("u", "", "a", "b", 0.0)
    for seed in range(30):
        assert draw_example([*hub, lone], 8, 1, random.Random(seed)).targets == (lone,)


def test_too_few_votes_is_one_sentence() -> None:
    votes = [Vote("ann", "", f"a{n}", f"b{n}", 1.0) for n in range(8)]
    with pytest.raises(
        ValueError, match="user 'ann' has 8 decided votes, too few for 8 of history and 1 tar"
    ):
        draw_example(votes, 8, 1, random.Random(0))
    with pytest.raises(ValueError, match="a user has 0 decided votes"):
        draw_example([], 0, 1, random.Random(0))


def test_temporal_mode_needs_times_and_takes_the_latest_before() -> None:
    votes = [Vote("u", "", f"a{n}", f"b{n}", 1.0, datetime(2023, 1, 1 + n)) for n in range(10)]
    example = draw_example(list(reversed(votes)), 3, 1, random.Random(5), temporal=True)
    where = votes.index(example.targets[0])
    assert example.history.votes == tuple(votes[where - 3 : where])
    with pytest.raises(ValueError, match="has no time; expected created_at"):
        draw_example([*votes, Vote("u", "", "x", "y", 1.0)], 3, 1, random.Random(5), temporal=True)


def test_fixed_examples_depend_on_the_user_alone_and_count_who_is_left_out() -> None:
    rng = random.Random(7)
    users = {f"u{n}": random_votes(rng, 40, 300, f"u{n}") for n in range(5)}
    users["short"] = users["u0"][:3]
    examples, skipped = fixed_examples(users, 8, 4, seed=1)
    assert skipped == ["short"]
    assert [len(example.targets) for example in examples] == [4] * 5
    alone, _ = fixed_examples({"u3": users["u3"]}, 8, 4, seed=1)
    assert alone == [examples[3]]


def test_fewer_targets_where_the_votes_do_not_suffice() -> None:
    votes = [Vote("u", "", f"a{n}", f"b{n}", 1.0) for n in range(10)]
    (example,), skipped = fixed_examples({"u": votes}, 8, 16, seed=0)
    assert len(example.targets) == 2 and not skipped


def test_a_shortened_history_is_a_prefix_before_the_same_targets() -> None:
    example = draw_example(random_votes(random.Random(2), 40, 300), 8, 2, random.Random(0))
    for history_length in (0, 1, 2, 4, 8):
        short = shortened(example, history_length)
        assert short.history.votes == example.history.votes[:history_length]
        assert short.targets == example.targets
    with pytest.raises(ValueError, match="expected at most that many"):
        shortened(example, 9)


def test_another_users_history_shows_no_target_and_is_refilled() -> None:
    example = Example(
        draw_example(random_votes(random.Random(3), 40, 300), 4, 1, random.Random(0)).history, ()
    )
    example = Example(example.history, (Vote("u", "", "x", "y", 1.0),))
    theirs = [Vote("other", "", f"a{n}", f"b{n}", 1.0) for n in range(5)]
    leak = Vote("other", "", "x", "z", 1.0)
    other = draw_example([leak, *theirs], 4, 1, random.Random(0))
    swapped = with_history_of(example, other, spare=[leak, *theirs])
    assert swapped.targets == example.targets
    assert swapped.history.user_id == "other"
    assert len(swapped.history) == 4 and leak not in swapped.history.votes
    bare = with_history_of(example, Example(type(example.history)("other", (leak,)), ()))
    assert len(bare.history) == 0


def test_splits_have_exact_shares_whatever_the_order() -> None:
    users = [f"user{n}" for n in range(174)]
    splits = split_users(users, 0.1, 0.1, seed=0)
    assert Counter(splits.values()) == {"train": 140, "validation": 17, "test": 17}
    assert split_users(reversed(users), 0.1, 0.1, seed=0) == splits
    assert split_users(users, 0.1, 0.1, seed=1) != splits
    more = split_users([*users, "new"], 0.1, 0.1, seed=0)
    assert sum(more[user] != splits[user] for user in users) <= 3


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.1), (float("nan"), 0.1)])
def test_shares_that_leave_no_one_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected both at least 0"):
        split_users(["a"], *shares, seed=0)


def test_unique_liked_counts_decided_votes_once() -> None:
    votes = [Vote("u", "", "a", "b", 1.0), Vote("u", "", "b", "a", 0.0), Vote("u", "", "c", "d", 0.5)]
    assert unique_liked(votes) == {"a"}


def test_thousands_of_users_a_second() -> None:
    rng = random.Random(0)
    users = {f"u{n}": random_votes(rng, 60, 400, f"u{n}") for n in range(500)}
    started = time.process_time()
    fixed_examples(users, 8, 4, seed=0)
    assert time.process_time() - started < 2  # type checks are on here; without them 0.05


@given(
    seed=st.integers(0, 2**32),
    votes=st.integers(1, 40),
    images=st.integers(2, 60),
    history_length=st.integers(0, 9),
    n_targets=st.integers(1, 4),
    temporal=st.booleans(),
)
def test_no_target_is_ever_shown_and_a_seed_repeats(
    seed: int, votes: int, images: int, history_length: int, n_targets: int, temporal: bool
) -> None:
    log = random_votes(random.Random(seed), votes, images)

    def drawn() -> Example | str:
        try:
            return draw_example(log, history_length, n_targets, random.Random(seed), temporal)
        except ValueError as fault:
            return str(fault)

    example = drawn()
    assert drawn() == example
    if isinstance(example, str):
        assert "too few for" in example and "\n" not in example
    else:
        check(example, history_length, temporal)
        assert len(example.targets) == n_targets


@given(
    users=st.lists(st.text(max_size=5), min_size=1, max_size=60, unique=True),
    validation=st.floats(0, 0.49),
    test=st.floats(0, 0.49),
    seed=st.integers(0, 9),
    shuffled=st.randoms(use_true_random=False),
)
def test_everyone_is_in_one_split_by_exact_shares(
    users: list[str], validation: float, test: float, seed: int, shuffled: random.Random
) -> None:
    splits = split_users(users, validation, test, seed)
    counts = Counter(splits.values())
    assert set(splits) == set(users)
    assert counts["validation"] == round(validation * len(users)) and counts["test"] == round(
        test * len(users)
    )
    again = list(users)
    shuffled.shuffle(again)
    assert split_users(again, validation, test, seed) == splits


def test_a_history_file_gives_votes_of_pictures_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("disliked,liked,prompt\nb.png,a.png,a fish\n/d.png,c.png,\n")
    votes = read_history(path)
    assert [(v.liked, v.disliked, v.prompt) for v in votes] == [
        (str(tmp_path / "a.png"), str(tmp_path / "b.png"), "a fish"),
        (str(tmp_path / "c.png"), "/d.png", ""),
    ]
    tie = Vote("you", "", "e", "f", 0.5)
    assert decided([*votes, tie], "x") == History("you", votes)
    with pytest.raises(ValueError, match=r"^a user has no decided vote; expected at least one"):
        decided([tie], "a user")


@pytest.mark.parametrize(
    ("text", "match"),
    [("liked,prompt\na,b\n", r"has liked, prompt; expected the columns"), ("liked,disliked\n", "has no row")],
)
def test_what_is_no_history_file_is_one_sentence(text: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text(text)
    with pytest.raises(ValueError, match=match):
        read_history(tmp_path / "votes.csv")
    with pytest.raises(ValueError, match=r"is not there; expected a table"):
        read_history(tmp_path / "other.csv")
