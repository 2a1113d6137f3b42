"""Figures over people and over seeds, and several seeds' results in one file.

Enters: what people earn, scores and votes; results of several seeds. Leaves: figures with intervals over people, or
from the lowest to the highest seed. Does not know: models, worlds.
Several seeds to one file: `python -m experiments.figures OUT COMMAND RESULTS...`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import mean

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from experiments.people import MeasuredPeople, Scores
from tasteprint.evaluate.evaluation import one_of_four
from tasteprint.evaluate.metrics import BINS, calibration_error, mean_interval, pair_outcomes, resampled
from tasteprint.evaluate.results import Figure, read_results, write_results
from tasteprint.simulate.oracle import headroom

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS / "results"

Earned = Float[np.ndarray, "people targets"]
"""The probability with which each guess is right."""


def over_people(name: str, right: Float[np.ndarray, "people targets"]) -> Figure:
    """The mean of what people earn; its interval is over people."""
    return Figure(name, *mean_interval(list(right), seed=0))


def spread(name: str, values: Sequence[float]) -> Figure:
    """The mean of several runs, from the lowest to the highest."""
    return Figure(name, float(np.mean(values)), min(values), max(values), len(values))


def exact(name: str, value: float, n: int = 1) -> Figure:
    """A number without an interval."""
    return Figure(name, float(value), float(value), float(value), n)


def share_of_headroom(name: str, right: Earned, average: Earned, best: Earned) -> Figure:
    """The share of the way from the average person to the bound; all three are resampled together."""
    totals = np.stack([right.mean(axis=1), average.mean(axis=1), best.mean(axis=1)], axis=1)

    def shares(sums: Float[np.ndarray, "draws 3"]) -> Float[np.ndarray, " draws"]:
        return np.array([headroom(*row) for row in sums])

    return Figure(name, *resampled(totals, shares, seed=0))


def tops(name: str, tested: MeasuredPeople, scores: Scores, count: int) -> Iterator[Figure]:
    """A liked picture among the first one, two, three of itself and three disliked ones, by votes that were cast."""
    rows = one_of_four(tested.examples(count), tested.liked_first(scores), seed=0)
    for k in (1, 2, 3):
        yield Figure(f"top{k}{name}", *mean_interval([person[:, k - 1] for person in rows], seed=0))


def calibration(margins: Sequence[Float[np.ndarray, "targets 2"]], name: str = "") -> Iterator[Figure]:
    """Error of `sigmoid(margin difference)` against the votes that were cast, and its ten bins; liked in column 0."""
    yield Figure(f"calibration.ece{name}", *calibration_error(margins, seed=0))
    pairs = np.concatenate(list(margins))
    confidence, right = expit(np.abs(pairs[:, 0] - pairs[:, 1])), pair_outcomes(pairs)
    place = np.minimum((2 * confidence - 1) * BINS, BINS - 1).astype(int)
    for number in np.unique(place):
        here = place == number
        yield exact(f"calibration.said{name}.{number}", confidence[here].mean(), int(here.sum()))
        yield exact(f"calibration.right{name}.{number}", right[here].mean(), int(here.sum()))


def flips(name: str, odds: Sequence[Float[np.ndarray, "people targets"]]) -> Figure:
    """Share of answers that differ between two readings, over all pairs of readings; a tie differs from neither."""
    pairs = [np.sign(one) * np.sign(other) < 0 for one, other in combinations(odds, 2)]
    return Figure(name, *mean_interval(list(np.mean(pairs, axis=0)), seed=0))


def flips_of_means(name: str, odds: Sequence[Float[np.ndarray, "people targets"]], together: int) -> Figure:
    """The same between means of `together` readings that share none, over all ways to draw two such means."""
    every = range(len(odds))
    differ = []
    for one in combinations(every, together):
        rest = [place for place in every if place not in one]
        for other in combinations(rest, together):
            if one[0] < other[0]:
                means = [np.mean([odds[place] for place in some], axis=0) for some in (one, other)]
                differ.append(np.sign(means[0]) * np.sign(means[1]) < 0)
    return Figure(name, *mean_interval(list(np.mean(differ, axis=0)), seed=0))


def prefixed(prefix: str, figures: Iterable[Figure]) -> Iterator[Figure]:
    """Say of figures which world they are of."""
    for f in figures:
        yield replace(f, name=f"{prefix}{f.name}")


def gathered(runs: list[list[Figure]]) -> Iterator[Figure]:
    """Put the figures that every run has together, in the order of the first."""
    named = [{figure.name: figure for figure in run} for run in runs]
    for name in named[0]:
        found = [run[name] for run in named if name in run]
        if len(found) == len(runs):
            values = [figure.value for figure in found]
            yield Figure(name, mean(values), min(values), max(values), sum(figure.n for figure in found))


def main() -> None:
    """Gather."""
    out, command, *paths = sys.argv[1:]
    seeds = [seed for path in paths for seed in json.loads(Path(path).read_text("utf-8"))["seeds"]]
    write_results(Path(out), command, seeds, list(gathered([read_results(Path(path)) for path in paths])))


if __name__ == "__main__":
    main()
