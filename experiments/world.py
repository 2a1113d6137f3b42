"""The in-context model where the truth is known: `python -m experiments.world --model RUN --posterior FOLDER`.

Enters: a trained `mini` (a run's folder or a model's), the taste posterior that taught it; with `--data`, the dataset
of `world_log.py`, for the general scorer and both models combined, which are left out without it. Leaves:
docs/results/world.json, and the attention maps that a picture is made of in world-attention.json. Does not know: how
either was trained. Some ten minutes on one core.

People, pictures and votes are those of `draw_test`; histories are a person's first votes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.special import expit

from experiments.baselines import GENERAL_STEPS, general_scorer, reference_scores
from experiments.combined import CombinedModels, chosen_scale
from experiments.figures import (
    RESULTS,
    calibration,
    exact,
    flips,
    flips_of_means,
    over_people,
    prefixed,
    share_of_headroom,
    tops,
)
from experiments.inside import attended, clustered
from experiments.models import ModelPair, open_pair
from experiments.people import COUNTS, MAIN, MeasuredPeople, Scores, reshuffled, scores_of, strangers
from tasteprint.data.dataset import Dataset
from tasteprint.evaluate.baselines import logistic
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.simulate.oracle import Bound, earned
from tasteprint.simulate.world import TEST_PEOPLE, draw_test
from tasteprint.train.allocator import keep_freed_memory

ORDERS, TOGETHER = 8, 4


def scores_of_both(models: ModelPair, tested: MeasuredPeople, count: int) -> tuple[Scores, Scores]:
    """The model's scores after so many votes, and the posterior's."""
    context = tested.histories(count), tested.candidates
    return scores_of(models.in_context, *context), scores_of(models.by_posterior, *context)


def compared(
    tested: MeasuredPeople, own: Scores, closed: Scores, found: Mapping[str, Bound], n: int
) -> Iterator[Figure]:
    """Accuracy and headroom of both after n votes, and the model minus the posterior."""
    for name, scores in {"": own, "posterior.": closed}.items():
        right = tested.earned(scores)
        yield over_people(f"accuracy.{name}{n}", right)
        if n:
            average, best = found["bound.average"].earned, found[f"bound.bayes.{n}"].earned
            yield share_of_headroom(f"headroom.{name}{n}", right, average, best)
    yield over_people(f"own_minus_posterior.{n}", tested.earned(own) - tested.earned(closed))


def halves(models: ModelPair, tested: MeasuredPeople, own: Mapping[int, Scores]) -> Iterator[Figure]:
    """A long history read as two of half its length, whose margins are added."""
    for n in (MAIN, 2 * MAIN):
        later = [replace(history, votes=history.votes[n:]) for history in tested.histories(2 * n)]
        both = tested.earned(own[n] + scores_of(models.in_context, later, tested.candidates))
        yield over_people(f"accuracy.two_halves.{2 * n}", both)
        yield over_people(f"two_halves_minus_own.{2 * n}", both - tested.earned(own[2 * n]))


def ranked(models: ModelPair, tested: MeasuredPeople, own: Scores) -> Iterator[Figure]:
    """One against three, by the model, the posterior's expected utility and the references."""
    yield from tops("", tested, own, MAIN)
    utilities = scores_of(models.by_posterior.__call__, tested.histories(MAIN), tested.candidates)
    references = {"posterior": utilities, **reference_scores(tested, MAIN)}
    for name, scores in references.items():
        yield from tops(f".{name}", tested, scores, MAIN)


def baselines(models: ModelPair, tested: MeasuredPeople, own: Mapping[int, Scores]) -> Iterator[Figure]:
    """No history, another's history, a logistic regression a person."""
    histories = tested.histories(MAIN)
    others = [histories[place - 1] for place in range(len(histories))]
    logits = logistic(models.embeddings, list(tested.world.pictures))
    readings = {
        "no_history": own[0],
        "other_history": scores_of(models.in_context, others, tested.candidates),
        "logistic": scores_of(logits, histories, tested.candidates),
    }
    for name, scores in readings.items():
        yield over_people(f"accuracy.{name}", tested.earned(scores))
        yield from tops(f".{name}", tested, scores, MAIN)
    for name in ("other", "no"):
        less = tested.earned(own[MAIN]) - tested.earned(readings[f"{name}_history"])
        yield over_people(f"own_minus_{'other' if name == 'other' else 'no_history'}.{MAIN}", less)


def orders(models: ModelPair, tested: MeasuredPeople, own: Scores) -> Iterator[Figure]:
    """How often the answer changes with the order of the history: in one order, and averaged over four."""
    context = [reshuffled(tested.histories(MAIN), seed) for seed in range(ORDERS)]
    margins = [scores_of(models.in_context, histories, tested.candidates) for histories in context]
    odds = [one[:, 0::2] - one[:, 1::2] for one in margins]
    yield flips("order.flips", odds)
    yield flips_of_means("order.flips.of_4", odds, TOGETHER)
    averaged = tested.earned(np.mean(margins[:TOGETHER], axis=0))
    yield over_people("accuracy.of_4_orders", averaged)
    yield over_people("of_4_orders_minus_own", averaged - tested.earned(own))


def there(models: ModelPair, tested: MeasuredPeople) -> Iterator[Figure]:
    """Bounds (which do not know that votes are wrong) and both models."""
    found = tested.bounds((MAIN,))
    yield from (over_people(name, bound.earned) for name, bound in found.items())
    yield from compared(tested, *scores_of_both(models, tested, MAIN), found, MAIN)


def combined(
    models: ModelPair, tested: MeasuredPeople, dataset: Dataset, own: Scores, closed: Scores
) -> Iterator[Figure]:
    """The posterior with the model's margin as its prior mean."""
    scale = chosen_scale(models, dataset, MAIN)
    yield exact("together.scale", scale)
    both = CombinedModels.of(models, tested.histories(MAIN), tested.candidates, own)
    right = earned(expit(both.odds(scale)), tested.truth)
    yield over_people("accuracy.together", right)
    yield from tops(".together", tested, both.scores(scale), MAIN)
    yield over_people("together_minus_own", right - tested.earned(own))
    yield over_people("together_minus_posterior", right - tested.earned(closed))


def general(models: ModelPair, tested: MeasuredPeople, dataset: Dataset, steps: int) -> Iterator[Figure]:
    """A scorer of the same size that knows nobody."""
    general = models.with_model(general_scorer(dataset, steps=steps))
    scores = scores_of(general.in_context, tested.histories(0), tested.candidates)
    yield over_people("accuracy.general", tested.earned(scores))
    yield from tops(".general", tested, scores, MAIN)


SEEDS = (0, 1, 2)
WRONG = 0.2
"""Chance of a misled history's votes to be noted down wrongly."""


def main() -> None:
    """Measure everything, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--posterior", required=True)
    parser.add_argument("--data", type=Path, help="Dataset: for the general scorer and both models combined.")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=SEEDS, help="Of the clusters' targets and starts."
    )
    parser.add_argument(
        "--runs", type=Path, nargs="*", default=(), help="It was trained in, for the time that took."
    )
    parser.add_argument("--people", type=int, default=TEST_PEOPLE, help="Fewer, for a quick try.")
    parser.add_argument("--steps", type=int, default=GENERAL_STEPS, help="Of the general scorer's training.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    options.out.mkdir(parents=True, exist_ok=True)
    world, figures, started = draw_test(), list(_taken(options.runs)), time.monotonic()
    with TemporaryDirectory() as folder:
        models = open_pair(options.model, options.posterior, world.pictures, Path(folder))
        for f in _measured(models, MeasuredPeople.of(world, options.people), options):
            seconds = time.monotonic() - started
            print(f"{seconds:5.0f} s  {f.name:40s} {f.value:.4f} {f.low:.4f} {f.high:.4f}", flush=True)
            figures.append(f)
    write_results(options.out / "world.json", _command(options), options.seeds, figures)


def _taken(runs: Sequence[Path]) -> Iterator[Figure]:
    """What the training took, all parts of all runs that the model is made by."""
    seconds = [json.loads((run / "run.json").read_text("utf-8"))["seconds"].values() for run in runs]
    if seconds:
        total = float(sum(map(sum, seconds)))
        yield exact("train.seconds", total)


def _command(options: argparse.Namespace) -> str:
    """What to type again; folders, which are another's elsewhere, by what they are."""
    names = {"model": "RUN", "posterior": "RUN/posterior"}
    given = {
        name: folder if Path(vars(options)[name]).exists() else vars(options)[name]
        for name, folder in names.items()
    }
    words = "".join(f" --{name} {value}" for name, value in given.items())
    return f"python -m experiments.world{words}" + " --data DATA" * bool(options.data)


def _measured(models: ModelPair, tested: MeasuredPeople, options: argparse.Namespace) -> Iterator[Figure]:
    """Everything about the world with groups, and other people beside it."""
    found = tested.bounds()
    yield from (over_people(name, bound.earned) for name, bound in found.items())
    own, closed = {}, {}
    for n in COUNTS:
        own[n], closed[n] = scores_of_both(models, tested, n)
        yield from compared(tested, own[n], closed[n], found, n)
    yield from halves(models, tested, own)
    yield from ranked(models, tested, own[MAIN])
    yield from baselines(models, tested, own)
    yield from calibration(tested.liked_first(own[MAIN]))
    yield from calibration(tested.liked_first(closed[MAIN]), ".posterior")
    yield from orders(models, tested, own[MAIN])
    yield from clustered(models, tested, MAIN, options.seeds)
    yield from attended(models, tested, MAIN, options.out / "world-attention.json")
    for name, others in _elsewhere(tested, options.people).items():
        yield from prefixed(name, there(models, others))
    if options.data:
        dataset = Dataset(options.data)
        yield from combined(models, tested, dataset, own[MAIN], closed[MAIN])
        yield from general(models, tested, dataset, options.steps)


def _elsewhere(tested: MeasuredPeople, people: int) -> dict[str, MeasuredPeople]:
    """People without groups, people of groups never seen, people whose votes are partly wrong."""
    return {
        "factors.": MeasuredPeople.of(draw_test("factors"), people),
        "strangers.": MeasuredPeople.of(strangers(), people),
        "misled.": tested.mistaken(WRONG, seed=0),
    }


if __name__ == "__main__":
    main()
