"""How good margins are: outcomes of pairs, one against three, calibration, and their intervals over people.

Enters: margins of pairs and per-person totals, as arrays. Leaves: shares of 1 with 95 % intervals.
Does not know: people's names, images, models. Pure functions. An exact tie counts what a fair coin would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import expit

RESAMPLES = 2000
CONFIDENCE = 0.95
BINS = 10
_CELLS = 4_000_000  # weights held at once while resampling


Totals = Float[np.ndarray, "rows k"]
"""Sums that add up over people, such as outcomes and their number."""


class Interval(NamedTuple):
    """A measured value, its 95 % interval, and the number of people behind it."""

    value: float
    low: float
    high: float
    n: int


def pair_outcomes(margins: Float[np.ndarray, "pairs 2"]) -> Float[np.ndarray, " pairs"]:
    """1 where the liked image (column 0) has the higher margin, 0 where the lower, one half where equal."""
    liked, disliked = margins.T
    return 0.5 + 0.5 * np.sign(liked - disliked)


def top_outcomes(
    liked: Float[np.ndarray, " n"], disliked: Float[np.ndarray, "n others"]
) -> Float[np.ndarray, "n others"]:
    """Chance that the liked image stands among the first 1, 2, ..., `others` (P table 2, three others).

    `j` exact ties share the places they hold: behind `b` better ones the chance of the first k is
    `(k - b) / (j + 1)`, within 0 and 1.
    """
    better = (disliked > liked[:, None]).sum(axis=1, keepdims=True)
    equal = (disliked == liked[:, None]).sum(axis=1, keepdims=True)
    places = np.arange(1, disliked.shape[1] + 1)
    return np.clip((places - better) / (equal + 1), 0.0, 1.0)


def mean_interval(outcomes: Sequence[Float[np.ndarray, " _"]], seed: int) -> Interval:
    """Mean over all outcomes of all people, one array a person; its interval is over people."""
    totals = np.array([(person.sum(), len(person)) for person in outcomes], dtype=np.float64).reshape(-1, 2)
    return resampled(totals, _ratio, seed)


def paired_difference(
    first: Sequence[Float[np.ndarray, " _"]], second: Sequence[Float[np.ndarray, " _"]], seed: int
) -> Interval:
    """First minus second, two predictors over the same pairs of the same people; in [-1, 1].

    Own history minus another's is the personal part (method.md section 7).
    """
    return mean_interval([one - other for one, other in zip(first, second, strict=True)], seed)


def calibration_error(margins: Sequence[Float[np.ndarray, "_ 2"]], seed: int, bins: int = BINS) -> Interval:
    """Expected calibration error of `sigmoid(margin a - margin b)` (Guo et al. 2017, arXiv 1706.04599).

    Mean over `bins` equal bins of the confidence in [0.5, 1], weighted by their pairs, of |confidence - share
    right|; in [0, 1], 0 is best. Few pairs a bin raise it (by about 0.4 / sqrt(pairs a bin)), and a resample
    raises it once more, so that the value may lie near the low end of its interval or below.
    """
    totals = np.array([_gaps(person, bins) for person in margins]).reshape(-1, bins + 1)
    return resampled(totals, _gap_share, seed)


def resampled(
    totals: Totals,
    statistic: Callable[[Totals], Float[np.ndarray, " sums"]],
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Percentile bootstrap over people (method.md section 7: over users, not over pairs).

    `totals` holds a row a person; `statistic` turns each row of sums over people into a value. A resample
    draws as many people as there are, with replacement. ValueError for fewer than two people.
    """
    people = len(totals)
    if people < 2:
        raise ValueError(
            f"an interval over people was requested of {people}; expected at least 2: evaluate more people."
        )
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS // people)
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    # How often each person is drawn is multinomial, so one product adds up a whole block of resamples.
    drawn = [rng.multinomial(people, np.full(people, 1 / people), size) @ totals for size in sizes]
    value, *others = statistic(np.concatenate([totals.sum(axis=0, keepdims=True), *drawn])).tolist()
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(others, [tail, 1 - tail]).tolist()
    return Interval(value, low, high, people)


def _ratio(totals: Totals) -> Float[np.ndarray, " sums"]:
    return totals[:, 0] / totals[:, 1]


def _gaps(margins: Float[np.ndarray, "pairs 2"], bins: int) -> Float[np.ndarray, " k"]:
    """Per bin the sum of (right - confidence), then the number of pairs: sums that add up over people."""
    confidence = expit(np.abs(margins[:, 0] - margins[:, 1]))
    place = np.minimum((2 * confidence - 1) * bins, bins - 1).astype(int)
    gaps = np.bincount(place, weights=pair_outcomes(margins) - confidence, minlength=bins)
    return np.append(gaps, len(margins))


def _gap_share(totals: Totals) -> Float[np.ndarray, " sums"]:
    return np.abs(totals[:, :-1]).sum(axis=1) / totals[:, -1]
