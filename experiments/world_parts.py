"""The parts of `runs/world.py`: what is asked of both ways about the people of one world, and the figures of it.

Enters: both ways, people, for some a dataset to learn from. Leaves: figures. Does not know: files of results, nor what
is measured inside the model (`inside.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from experiments.both_ways import BothWays, chosen_scale
from experiments.examined import Examined, Scores, read, reshuffled
from experiments.foreseen import MAIN, over_people
from experiments.rivals import general_scorer, reference_scores
from scipy.special import expit
from experiments.ways import Ways
from experiments.world_figures import flips, flips_of_means, share_of_headroom, tops

from tasteprint.data.dataset import Dataset
from tasteprint.evaluate.baselines import logistic
from tasteprint.evaluate.results import Figure
from tasteprint.simulate.oracle import Bound, earned

ORDERS, TOGETHER = 8, 4


def read_both(ways: Ways, examined: Examined, count: int) -> tuple[Scores, Scores]:
    """The model's scores after so many votes, and the posterior's."""
    told = examined.histories(count), examined.asked
    return read(ways.in_context, *told), read(ways.closed_form, *told)


def compared(
    examined: Examined, own: Scores, closed: Scores, found: Mapping[str, Bound], n: int
) -> Iterator[Figure]:
    """Accuracy and headroom of both after n votes, and the model minus the posterior."""
    for name, scores in {"": own, "posterior.": closed}.items():
        right = examined.earned(scores)
        yield over_people(f"accuracy.{name}{n}", right)
        if n:
            average, best = found["bound.average"].earned, found[f"bound.bayes.{n}"].earned
            yield share_of_headroom(f"headroom.{name}{n}", right, average, best)
    yield over_people(f"own_minus_posterior.{n}", examined.earned(own) - examined.earned(closed))


def halves(ways: Ways, examined: Examined, own: Mapping[int, Scores]) -> Iterator[Figure]:
    """A long history read as two of half its length, whose margins are added."""
    for n in (MAIN, 2 * MAIN):
        later = [replace(history, votes=history.votes[n:]) for history in examined.histories(2 * n)]
        both = examined.earned(own[n] + read(ways.in_context, later, examined.asked))
        yield over_people(f"accuracy.two_halves.{2 * n}", both)
        yield over_people(f"two_halves_minus_own.{2 * n}", both - examined.earned(own[2 * n]))


def ranked(ways: Ways, examined: Examined, own: Scores) -> Iterator[Figure]:
    """One against three, by the model, the posterior's expected utility and the references."""
    yield from tops("", examined, own, MAIN)
    utilities = read(ways.closed_form.__call__, examined.histories(MAIN), examined.asked)
    references = {"posterior": utilities, **reference_scores(examined, MAIN)}
    for name, scores in references.items():
        yield from tops(f".{name}", examined, scores, MAIN)


def controls(ways: Ways, examined: Examined, own: Mapping[int, Scores]) -> Iterator[Figure]:
    """No history, another's history, a logistic regression a person."""
    histories = examined.histories(MAIN)
    others = [histories[place - 1] for place in range(len(histories))]
    logits = logistic(ways.rows, list(examined.world.pictures))
    readings = {
        "no_history": own[0],
        "other_history": read(ways.in_context, others, examined.asked),
        "logistic": read(logits, histories, examined.asked),
    }
    for name, scores in readings.items():
        yield over_people(f"accuracy.{name}", examined.earned(scores))
        yield from tops(f".{name}", examined, scores, MAIN)
    for name in ("other", "no"):
        less = examined.earned(own[MAIN]) - examined.earned(readings[f"{name}_history"])
        yield over_people(f"own_minus_{'other' if name == 'other' else 'no_history'}.{MAIN}", less)


def orders(ways: Ways, examined: Examined, own: Scores) -> Iterator[Figure]:
    """How often the answer changes with the order of the history: in one order, and averaged over four."""
    told = [reshuffled(examined.histories(MAIN), seed) for seed in range(ORDERS)]
    margins = [read(ways.in_context, histories, examined.asked) for histories in told]
    odds = [one[:, 0::2] - one[:, 1::2] for one in margins]
    yield flips("order.flips", odds)
    yield flips_of_means("order.flips.of_4", odds, TOGETHER)
    averaged = examined.earned(np.mean(margins[:TOGETHER], axis=0))
    yield over_people("accuracy.of_4_orders", averaged)
    yield over_people("of_4_orders_minus_own", averaged - examined.earned(own))


def there(ways: Ways, examined: Examined) -> Iterator[Figure]:
    """Bounds (which are not told that votes are wrong) and both ways."""
    found = examined.bounds((MAIN,))
    yield from (over_people(name, bound.earned) for name, bound in found.items())
    yield from compared(examined, *read_both(ways, examined, MAIN), found, MAIN)


def together(
    ways: Ways, examined: Examined, dataset: Dataset, own: Scores, closed: Scores
) -> Iterator[Figure]:
    """The posterior with the model's margin as its prior mean."""
    scale = chosen_scale(ways, dataset, MAIN)
    yield Figure("together.scale", scale, scale, scale, 1)
    both = BothWays.of(ways, examined.histories(MAIN), examined.asked, own)
    right = earned(expit(both.odds(scale)), examined.truth)
    yield over_people("accuracy.together", right)
    yield from tops(".together", examined, both.scores(scale), MAIN)
    yield over_people("together_minus_own", right - examined.earned(own))
    yield over_people("together_minus_posterior", right - examined.earned(closed))


def general(ways: Ways, examined: Examined, dataset: Dataset, steps: int) -> Iterator[Figure]:
    """A scorer of the same size that knows nobody."""
    general = ways.with_model(general_scorer(dataset, steps=steps))
    scores = read(general.in_context, examined.histories(0), examined.asked)
    yield over_people("accuracy.general", examined.earned(scores))
    yield from tops(".general", examined, scores, MAIN)
