"""Outcomes, intervals and calibration: arithmetic on paper, and a slow twin of the vectorised bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from tasteprint.evaluate import metrics as ranking
from tasteprint.evaluate.evaluation import one_of_four
from tasteprint.evaluate.metrics import (
    calibration_error,
    mean_interval,
    pair_outcomes,
    paired_difference,
    resampled,
    top_outcomes,
)
from tasteprint.evaluate.predictors import predict_pairs
from tasteprint.types import Example, History, Vote

pytestmark = pytest.mark.numerical


def people(n: int, seed: int = 0) -> list[np.ndarray]:
    """Outcomes of n people with 1 to 6 targets each."""
    rng = np.random.default_rng(seed)
    return [rng.choice([0.0, 0.5, 1.0], size=rng.integers(1, 7)) for _ in range(n)]


def example(pairs: int, user: str = "ann") -> Example:
    """A person without history, and targets whose liked image is `+i`, whose disliked one `-i`."""
    return Example(History(user), tuple(Vote(user, "a cat", f"+{i}", f"-{i}", 1.0) for i in range(pairs)))


def test_a_pair_is_right_wrong_or_half():
    margins = np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 3.0], [-1.0, -2.0]])
    assert pair_outcomes(margins).tolist() == [1, 0, 0.5, 1]


def test_infinite_margins_that_are_equal_never_reach_an_outcome():
    with pytest.raises(ValueError, match="1 of them finite; expected 2 finite numbers"):
        predict_pairs(lambda *_: [np.array([1.0, np.inf])], [example(1)])


@pytest.mark.parametrize(
    ("disliked", "chances"),
    [
        ([1, 2, 3], [1, 1, 1]),
        ([6, 1, 2], [0, 1, 1]),
        ([6, 7, 8], [0, 0, 0]),
        ([5, 1, 2], [1 / 2, 1, 1]),
        ([5, 5, 1], [1 / 3, 2 / 3, 1]),
        ([5, 5, 5], [1 / 4, 2 / 4, 3 / 4]),
        ([6, 5, 1], [0, 1 / 2, 1]),
        ([6, 7, 5], [0, 0, 1 / 2]),
    ],
)
def test_first_of_four_with_ties_sharing_their_places(disliked, chances):
    found = top_outcomes(np.array([5.0]), np.array([disliked], dtype=float))
    np.testing.assert_allclose(found, [chances])


def test_top_chances_are_the_mean_over_random_orders_of_ties():
    rng = np.random.default_rng(0)
    scores = np.array([5.0, 5.0, 6.0, 5.0])
    places = [np.lexsort((rng.random(4), -scores)).tolist().index(0) for _ in range(4000)]
    shares = [np.mean(np.array(places) < k) for k in (1, 2, 3)]
    np.testing.assert_allclose(
        top_outcomes(scores[:1], scores[None, 1:])[0], shares, atol=4 * 0.5 / 4000**0.5
    )  # four errors


def test_one_against_three_draws_this_persons_disliked_images():
    margins = [np.array([[9.0, 1], [0, 2], [9, 3], [0, 4]])]
    (rows,) = one_of_four([example(4)], margins, seed=0)
    assert rows.tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]]


def test_one_against_three_leaves_out_mixed_images_and_people_with_too_few():
    user = "ann"
    targets = [("a", "b"), ("b", "c"), ("d", "e"), ("f", "g")]
    mixed = Example(History(user), tuple(Vote(user, "", plus, minus, 1.0) for plus, minus in targets))
    (rows,) = one_of_four([mixed], [np.zeros((4, 2))], seed=0)
    assert rows.tolist() == [[0.25, 0.5, 0.75]] * 3  # a, d, f against c, e, g; b stands on both sides
    assert one_of_four([example(2)], [np.zeros((2, 2))], seed=0) == []


def test_the_value_is_the_mean_over_pairs_and_not_over_people():
    found = mean_interval([np.array([1.0, 1, 1]), np.array([0.0])], seed=0)
    assert (found.value, found.low, found.high, found.n) == (0.75, 0, 1, 2)


def test_the_bootstrap_equals_its_slow_twin():
    outcomes = people(23)
    rng, drawn = np.random.default_rng(5), []
    for _ in range(2000):
        times = rng.multinomial(23, np.full(23, 1 / 23))
        again = [person for person, n in zip(outcomes, times, strict=True) for _ in range(n)]
        drawn.append(np.concatenate(again).mean())
    found = mean_interval(outcomes, seed=5)
    assert found.value == np.concatenate(outcomes).mean()
    np.testing.assert_allclose((found.low, found.high), np.quantile(drawn, [0.025, 0.975]))


def test_the_bootstrap_covers_the_truth_and_is_wider_than_one_over_pairs():
    rng = np.random.default_rng(0)
    hits, width = 0, []
    for trial in range(60):
        taste = rng.uniform(0.4, 1, 80)  # people differ, their pairs agree
        found = mean_interval([rng.binomial(1, p, 30).astype(float) for p in taste], seed=trial)
        hits += found.low <= 0.7 <= found.high
        width.append(found.high - found.low)
    assert hits >= 50  # 57 of 60 are expected, with a deviation of 1.7: four of them
    assert np.mean(width) > 1.5 * 2 * 1.96 * np.sqrt(0.7 * 0.3 / 2400)


def test_blocks_do_not_change_the_interval(monkeypatch):
    whole = mean_interval(people(10), seed=1)
    monkeypatch.setattr(ranking, "_CELLS", 70)
    assert mean_interval(people(10), seed=1) == whole
    assert mean_interval(people(10), seed=2) != whole


def test_a_paired_difference_knows_that_the_pairs_are_the_same():
    own = people(40)
    worse = [np.maximum(person - 0.5, 0) for person in own]
    found = paired_difference(own, worse, seed=0)
    apart = mean_interval(own, seed=0)
    assert found.value == pytest.approx(np.concatenate(own).mean() - np.concatenate(worse).mean())
    assert found.low > 0 and found.high - found.low < apart.high - apart.low
    assert paired_difference(own, own, seed=0)[:3] == (0, 0, 0)


def test_calibration_error_by_hand():
    surely = np.log(0.75 / 0.25)  # said with 0.75, right twice in four
    half = np.array([[surely, 0], [0, surely], [surely, 0], [0, surely]])
    right = np.array([[surely, 0], [surely, 0], [surely, 0], [0, surely]])
    assert calibration_error([half, half], seed=0).value == pytest.approx(0.25)
    assert calibration_error([right, right], seed=0).value == pytest.approx(0)
    assert calibration_error([half, right], seed=0).value == pytest.approx(0.125)


def test_calibration_error_of_certainty_and_of_ties():
    certain, tied = np.array([[900.0, -900.0], [-900.0, 900.0]]), np.zeros((3, 2))
    assert calibration_error([certain, certain], seed=0)[:3] == (0.5, 0.5, 0.5)
    assert calibration_error([tied, tied], seed=0)[:3] == (0, 0, 0)


def test_one_person_has_no_interval():
    with pytest.raises(ValueError, match=r"asked of 1; expected at least 2"):
        resampled(np.ones((1, 2)), lambda totals: totals[:, 0], seed=0)
