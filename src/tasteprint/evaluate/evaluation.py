"""One model and its baselines, measured on the same people and the same pairs, and one liked image against three.

Enters: predictors by name, examples. Leaves: margins by predictor and person, and the figures computed from them.
Does not know: how predictors work, files, tables.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from tasteprint.data.histories import shortened
from tasteprint.evaluate.baselines import no_history, other_history
from tasteprint.evaluate.metrics import (
    Interval,
    calibration_error,
    mean_interval,
    pair_outcomes,
    paired_difference,
    top_outcomes,
)
from tasteprint.evaluate.predictors import predict_pairs
from tasteprint.evaluate.results import Figure
from tasteprint.types import Example, Predictor, Vote

OTHERS = 3


def one_of_four(
    examples: Sequence[Example], margins: Sequence[Float[np.ndarray, "_ 2"]], seed: int
) -> list[Float[np.ndarray, "_ 3"]]:
    """Each person's liked target images against three disliked ones, one row a liked image: top 1, 2, 3.

    P leaves the draw open; here the three come at random, seeded by person, from the person's disliked
    target images, which the history does not show; the liked image's own rival may be among them. Each image
    counts once, with its first prompt; images that the person liked in one target and
    disliked in another are left out, and so are people with fewer than three disliked images.
    """
    rows = [_person(example, pairs, seed) for example, pairs in zip(examples, margins, strict=True)]
    return [row for row in rows if len(row)]


def _person(example: Example, pairs: Float[np.ndarray, "_ 2"], seed: int) -> Float[np.ndarray, "_ 3"]:
    liked: dict[str, float] = {}
    disliked: dict[str, float] = {}
    for vote, (plus, minus) in zip(example.targets, pairs.tolist(), strict=True):
        liked.setdefault(vote.liked, plus)
        disliked.setdefault(vote.disliked, minus)
    good = [value for image, value in liked.items() if image not in disliked]
    bad = [value for image, value in disliked.items() if image not in liked]
    if not good or len(bad) < OTHERS:
        return np.empty((0, OTHERS))
    rng = random.Random(f"{seed}:{example.history.user_id}")
    return top_outcomes(np.array(good), np.array([rng.sample(bad, OTHERS) for _ in good]))


OWN, SECOND = "own", "posterior"
"""The predictor that is measured, and a second one that may be measured after as many votes."""

Progress = Callable[[str, int, int], None]
"""Called with the name of what is measured, and how many of how many people are done."""

Margins = list[Float[np.ndarray, "_ 2"]]
"""One array a person, one row a target pair, the liked image in column 0."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """Margins of the same examples by name: `own`, `no_history`, `population`, `8`, ...

    `ranked` are the margins of `own` that compare across pairs; a predictor with `pairs` has others within a pair.
    """

    examples: list[Example]
    margins: dict[str, Margins]
    ranked: Margins

    def outcomes(self, name: str) -> list[Float[np.ndarray, " _"]]:
        """Each person's outcomes under one name: 1 right, 0 wrong, one half for a tie, one a target."""
        return [pair_outcomes(person) for person in self.margins[name]]

    @property
    def votes(self) -> int:
        """Votes in every history."""
        return len(self.examples[0].history)


def evaluate(
    predictors: Mapping[str, Predictor],
    examples: Sequence[Example],
    seed: int = 0,
    counts: Sequence[int] = (0, 1, 2, 4, 8),
    votes: Mapping[str, Sequence[Vote]] | None = None,
    progress: Progress | None = None,
) -> list[Figure]:
    """Give the figures of the predictor named `own` and of the other predictors, its baselines.

    `counts` beyond the length of the histories are left out. `votes`, by user, fill up another's history
    where it would show a target. ValueError for no predictor `own`, fewer than two people, histories of several
    lengths, or no history at all.
    """
    return figures(measure(predictors, examples, seed, counts, votes, progress), seed)


def measure(
    predictors: Mapping[str, Predictor],
    examples: Sequence[Example],
    seed: int = 0,
    counts: Sequence[int] = (0, 1, 2, 4, 8),
    votes: Mapping[str, Sequence[Vote]] | None = None,
    progress: Progress | None = None,
) -> Measurements:
    """Predict the examples with every predictor, and with `own` after no, another's and shorter histories too.

    The full history is measured once under two names, `own` and `8` (`posterior` and `posterior.8`): the one stands
    beside the baselines, the other ends the series by votes.
    """
    _check(predictors, examples)
    margins: dict[str, Margins] = {}
    for name, predictor, given in _variants(predictors, examples, seed, counts, votes):
        moved = None if progress is None else partial(_moved, progress, name, len(examples))
        margins[name] = predict_pairs(getattr(predictor, "pairs", predictor), given, progress=moved)
    again = {0: "no_history", len(examples[0].history): OWN}
    margins |= {str(count): margins[again[count]] for count in counts if count in again}
    if SECOND in margins and len(examples[0].history) in counts:
        margins[f"{SECOND}.{len(examples[0].history)}"] = margins[SECOND]
    own = predictors[OWN]
    ranked = predict_pairs(own, examples) if hasattr(own, "pairs") else margins[OWN]
    return Measurements(list(examples), margins, ranked)


def figures(measured: Measurements, seed: int = 0) -> list[Figure]:
    """Make the figures; every interval is over people."""
    own = measured.outcomes(OWN)
    against = paired_difference(own, measured.outcomes("other_history"), seed)
    names = sorted(measured.margins, key=lambda name: int(name) if name.isdigit() else -1)
    found = {f"accuracy.{name}": mean_interval(measured.outcomes(name), seed) for name in names}
    found[f"own_minus_other.{measured.votes}"] = against
    found |= _tops(measured, seed)
    found["calibration.ece"] = calibration_error(measured.margins[OWN], seed)
    return [Figure(name, *interval) for name, interval in found.items()]


def _variants(
    predictors: Mapping[str, Predictor],
    examples: Sequence[Example],
    seed: int,
    counts: Sequence[int],
    votes: Mapping[str, Sequence[Vote]] | None,
) -> Iterator[tuple[str, Predictor, Sequence[Example]]]:
    yield OWN, predictors[OWN], examples
    yield "no_history", no_history(predictors[OWN]), examples
    yield "other_history", predictors[OWN], other_history(examples, seed, votes)
    for name, predictor in predictors.items():
        if name != OWN:
            yield name, predictor, examples
    if SECOND in predictors and 0 in counts:
        yield f"{SECOND}.0", no_history(predictors[SECOND]), examples
    for count in counts:
        if 0 < count < len(examples[0].history):
            shorter = [shortened(example, count) for example in examples]
            yield str(count), predictors[OWN], shorter
            if SECOND in predictors:
                yield f"{SECOND}.{count}", predictors[SECOND], shorter


def _tops(measured: Measurements, seed: int) -> dict[str, Interval]:
    """`top1` to `top3` over the people with three disliked images to draw from; none where no two have."""
    rows = one_of_four(measured.examples, measured.ranked, seed)
    if len(rows) < 2:
        return {}
    return {f"top{k}": mean_interval([person[:, k - 1] for person in rows], seed) for k in (1, 2, 3)}


def _check(predictors: Mapping[str, Predictor], examples: Sequence[Example]) -> None:
    if OWN not in predictors:
        raise ValueError(
            f"the predictors are {sorted(predictors)}; expected one named {OWN!r}: give the model this name."
        )
    lengths = sorted({len(example.history) for example in examples})
    if len(examples) < 2 or len(lengths) > 1 or lengths == [0]:
        raise ValueError(
            f"{len(examples)} examples came in, with histories of {lengths} votes; expected at least two "
            "people and one length above 0: draw them with `fixed_examples`."
        )


def _moved(progress: Progress, name: str, total: int, done: int) -> None:
    progress(name, done, total)
