"""The taste posterior where the truth is known: `python -m experiments.posterior`, fifteen minutes, a world a core.

Enters: nothing; the worlds, their people and their pictures are drawn. Leaves: docs/results/posterior.json and what
the plots are made of. Does not know: how anything is learned. Accuracies, as those of the bounds, count the true
probability of each predicted choice; figures of a model are means over seeds, their intervals over people.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from scipy.special import logit
from sklearn.metrics import adjusted_rand_score

from experiments.baselines import active_questions, feature_baselines
from experiments.figures import RESULTS, calibration, over_people, prefixed, share_of_headroom, spread
from experiments.people import COUNTS, HISTORY, MAIN
from experiments.predictions import Crowd, PriorView, Targets, draw_learning
from tasteprint.config import PosteriorConfig, load_config
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.posterior.inference import infer
from tasteprint.posterior.learned_prior import learn_prior
from tasteprint.posterior.likelihoods import Answers
from tasteprint.simulate.oracle import Bound, bounds_of
from tasteprint.simulate.people import KINDS, draw_population
from tasteprint.train.allocator import keep_freed_memory

VIEWS = ("attributes", "pixels")
SEEDS = (0, 1, 2)


def main() -> None:
    """Measure both worlds in both views, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--worlds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--time", action="store_true", help="Only time the learning, one seed.")
    options = parser.parse_args()
    config = load_config("posterior", tuple(f"posterior.{one}" for one in options.settings)).posterior
    if options.time:
        figures = [spread("train.seconds", [_learning_time(config)])]
        write_results(
            options.out / "posterior-time.json", "python -m experiments.posterior --time", [0], figures
        )
        print(figures)
        return
    with ProcessPoolExecutor(len(options.worlds), get_context("spawn")) as worlds:
        found = worlds.map(_world, options.worlds, repeat(config), repeat(options.seeds))
        figures = [figure for world in found for figure in world]
    for figure in figures:
        print(f"{figure.name:48s} {figure.value:.4f} {figure.low:.4f} {figure.high:.4f}")
    write_results(
        options.out / "posterior.json", "python -m experiments.posterior", list(options.seeds), figures
    )


def _learning_time(config: PosteriorConfig) -> float:
    """Seconds to learn the prior of the world with groups from cached embeddings."""
    keep_freed_memory()
    pictures, people, held_out = draw_learning("groups")
    table = pictures.pixels
    started = time.monotonic()
    learn_prior(table, people, config, held_out)
    return time.monotonic() - started


def _world(kind: str, config: PosteriorConfig, seeds: Sequence[int]) -> list[Figure]:
    """One world in a process and on a core of its own."""
    torch.set_num_threads(1)
    keep_freed_memory()
    return [_named(figure, kind) for figure in measure_world(kind, config, seeds)]


def measure_world(kind: str, config: PosteriorConfig, seeds: Sequence[int]) -> Iterator[Figure]:
    """Everything about one world."""
    targets = Targets.of(kind)
    learning = draw_learning(kind)
    found = _bounds(kind, targets)
    yield from (over_people(name, bound.earned) for name, bound in found.items())
    for view in VIEWS:
        table, test = getattr(learning[0], view), getattr(targets.pictures, view)
        yield from feature_baselines(targets, test, table, learning[1], f"{view}.")
        runs = []
        for seed in seeds:
            started = time.monotonic()
            prior = learn_prior(table, learning[1], config, learning[2], seed)
            runs.append((PriorView(prior, test, targets.crowd), time.monotonic() - started))
        yield from _accuracies(targets, [seen for seen, _ in runs], found, f"{view}.")
        yield spread(f"{view}.train.seconds", [seconds for _, seconds in runs])
        if kind == "groups":
            yield spread(f"{view}.groups.ari", [_rand(seen, targets.crowd) for seen, _ in runs])
        if view == "attributes" or kind == "groups":
            yield from active_questions(targets, [seen for seen, _ in runs], f"{view}.")


def _bounds(kind: str, targets: Targets) -> dict[str, Bound]:
    difference = targets.crowd.differences(targets.pictures.pool)
    answers = targets.crowd.choices.answers.astype(float)
    return bounds_of(draw_population(kind), targets.crowd.utilities, difference, answers, COUNTS)


def _accuracies(
    targets: Targets, runs: Sequence[PriorView], found: dict[str, Bound], view: str
) -> Iterator[Figure]:
    """Accuracy and headroom by votes, calibration, own minus another's, order."""
    chances = {n: [seen.probabilities(seen.posterior_of(n)) for seen in runs] for n in COUNTS}
    average = found["bound.average"].earned
    for n in COUNTS:
        right = np.mean([targets.earned(one) for one in chances[n]], axis=0)
        yield over_people(f"{view}accuracy.{n}", right)
        if n:
            yield share_of_headroom(f"{view}headroom.{n}", right, average, found[f"bound.bayes.{n}"].earned)
    others = np.roll(np.arange(len(targets.truth)), 1)
    other = np.mean(
        [targets.earned(seen.probabilities(seen.posterior_of(MAIN, others))) for seen in runs], axis=0
    )
    own = np.mean([targets.earned(one) for one in chances[MAIN]], axis=0)
    yield over_people(f"{view}accuracy.other_history", other)
    yield over_people(f"{view}own_minus_other.{MAIN}", own - other)
    yield from _calibration(view, targets, chances[MAIN])
    yield spread(f"{view}order.flips", [_flips(seen) for seen in runs])


def _flips(seen: PriorView) -> float:
    """Share of targets whose answer changes when the history is read backwards."""
    context = seen.context(MAIN)
    backwards = Answers(*(part.flip(1) for part in context))
    one, other = (seen.probabilities(infer(seen.prior, way)) > 0.5 for way in (context, backwards))
    return float((one != other).mean())


def _rand(seen: PriorView, crowd: Crowd) -> float:
    """Adjusted Rand index of the likeliest component after all votes against the true group."""
    return float(
        adjusted_rand_score(crowd.groups, seen.posterior_of(HISTORY).log_weights.argmax(dim=-1).numpy())
    )


def _calibration(view: str, targets: Targets, chances: Sequence[np.ndarray]) -> Iterator[Figure]:
    """Expected calibration error of the pair's probability against the votes that were cast, and its ten bins."""
    taken = targets.crowd.choices.answers[:, HISTORY:]
    odds = np.concatenate([np.where(taken, 1, -1) * logit(one) for one in chances], axis=1)
    yield from prefixed(
        view, calibration([np.stack([person, np.zeros_like(person)], axis=1) for person in odds])
    )


def _named(figure: Figure, kind: str) -> Figure:
    """Figures of pixels in the world with groups bear plain names; all others say where they are of."""
    plain = figure.name.removeprefix("pixels.")
    name = plain if kind == "groups" else f"{kind}.{figure.name}"
    return Figure(name, figure.value, figure.low, figure.high, figure.n)


if __name__ == "__main__":
    main()
