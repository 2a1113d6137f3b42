"""The taste posterior where the truth is known: `python runs/posterior.py`, about fifteen minutes, a world a core.

Enters: nothing; the worlds, their people and their pictures are drawn. Leaves: docs/results/posterior.json and what
the plots are made of. Does not know: how anything is learned. Accuracies are expectations over the target's coin, as
those of the bounds; figures of a model are means over seeds, their intervals over people.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import expit, logit
from simulated import Crowd, Pictures, draw_asked, draw_learning
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

from tasteprint.config import PosteriorConfig, load_config
from tasteprint.evaluate.ranking import BINS, calibration_error, mean_interval
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.model.likelihoods import Answers
from tasteprint.model.posterior import Belief, MixturePrior, infer
from tasteprint.model.tastes import fit, probability
from tasteprint.taste.asking import information
from tasteprint.taste.learning import Learner, learn
from tasteprint.train.allocator import keep_freed_memory
from tasteprint.world.oracle import Bound, bounds_of, earned, headroom
from tasteprint.world.populations import KINDS, draw_population

COUNTS = (0, 1, 2, 4, 8, 16, 32)
TOLD = max(COUNTS)
MAIN = 8
VIEWS = ("attributes", "pixels")
SEEDS = (0, 1, 2)
OFFERED = 64
"""Random pairs among which the most telling one is sought (method.md section 10)."""

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Asked:
    """The test people and what is true of them: `truth` is the probability that a target's left picture is taken."""

    crowd: Crowd
    pictures: Pictures
    truth: np.ndarray

    @classmethod
    def of(cls, kind: str) -> Asked:
        """Draw them."""
        pictures, crowd = draw_asked(kind)
        gap = np.einsum("ptv,pv->pt", crowd.differences(pictures.pool)[:, TOLD:], crowd.utilities)
        return cls(crowd, pictures, expit(draw_population(kind).beta * gap))

    def earned(self, chances: np.ndarray) -> np.ndarray:
        """What guesses at the targets earn."""
        return earned(chances, self.truth)


class Standardised(nn.Module):
    """No shared taste, and every feature as it is, standardised: what a logistic regression a person sees."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.mean, self.scale = table.mean(dim=0), table.std(dim=0).clamp(min=1e-6)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.new_zeros(len(rows)), (rows - self.mean) / self.scale


class Seen:
    """A learner's view of the test people: answers to believe, and targets to foresee."""

    def __init__(self, learner: Learner, embeddings: Tensor, crowd: Crowd) -> None:
        with torch.no_grad():
            shared, features = (part.double() for part in learner.map(embeddings))
        self.prior, self.shared, self.features = learner.prior, shared, features
        left, right = (torch.from_numpy(side) for side in (crowd.choices.left, crowd.choices.right))
        self.liked = torch.from_numpy(crowd.choices.answers).double() * 2 - 1
        self.rows, self.offsets = features[left] - features[right], shared[left] - shared[right]

    def told(self, count: int, people: np.ndarray | None = None) -> Answers:
        """The first answers of everyone, or of the people named in their place."""
        who = slice(None) if people is None else torch.from_numpy(people)
        sign, rows, offsets = (part[who, :count] for part in (self.liked, self.rows, self.offsets))
        return Answers.choices(sign[..., None] * rows, sign * offsets)

    @torch.no_grad()
    def believe(self, count: int, people: np.ndarray | None = None) -> Belief:
        """What is believed after so many answers."""
        return infer(self.prior, self.told(count, people))

    @torch.no_grad()
    def foresee(self, belief: Belief) -> np.ndarray:
        """Probability that each target's left picture is taken."""
        return belief.chances(Answers.choices(self.rows[:, TOLD:], self.offsets[:, TOLD:])).numpy()


def main() -> None:
    """Measure both worlds in both views, write the figures and the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--worlds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--out", type=Path, default=DOCS / "results")
    parser.add_argument("--time", action="store_true", help="Only time the learning, all cores, one seed.")
    asked = parser.parse_args()
    config = load_config("posterior", tuple(f"posterior.{one}" for one in asked.settings)).posterior
    if asked.time:
        figures = [_spread("train.seconds", [_learning_time(config)])]
        write_results(asked.out / "posterior-time.json", "python runs/posterior.py --time", [0], figures)
        print(figures)
        return
    with ProcessPoolExecutor(len(asked.worlds), get_context("spawn")) as worlds:
        found = worlds.map(_world, asked.worlds, repeat(config), repeat(asked.seeds))
        figures = [figure for world in found for figure in world]
    for figure in figures:
        print(f"{figure.name:48s} {figure.value:.4f} {figure.low:.4f} {figure.high:.4f}")
    write_results(asked.out / "posterior.json", "python runs/posterior.py", list(asked.seeds), figures)


def _learning_time(config: PosteriorConfig) -> float:
    """Seconds to learn the prior of the world with groups from cached embeddings."""
    keep_freed_memory()
    pictures, people, held_out = draw_learning("groups")
    table = pictures.pixels
    started = time.monotonic()
    learn(table, people, config, held_out)
    return time.monotonic() - started


def _world(kind: str, config: PosteriorConfig, seeds: Sequence[int]) -> list[Figure]:
    """One world in a process and on a core of its own."""
    torch.set_num_threads(1)
    keep_freed_memory()
    return [_named(figure, kind) for figure in measure(kind, config, seeds)]


def measure(kind: str, config: PosteriorConfig, seeds: Sequence[int]) -> Iterator[Figure]:
    """Everything about one world."""
    asked = Asked.of(kind)
    learning = draw_learning(kind)
    found = _bounds(kind, asked)
    yield from (_figure(name, bound.earned) for name, bound in found.items())
    for view in VIEWS:
        table, test = getattr(learning[0], view), getattr(asked.pictures, view)
        yield from _controls(asked, test, table, learning[1], f"{view}.")
        runs = []
        for seed in seeds:
            started = time.monotonic()
            learner = learn(table, learning[1], config, learning[2], seed)
            runs.append((Seen(learner, test, asked.crowd), time.monotonic() - started))
        yield from _accuracies(asked, [seen for seen, _ in runs], found, f"{view}.")
        yield _spread(f"{view}.train.seconds", [seconds for _, seconds in runs])
        if kind == "groups":
            yield _spread(f"{view}.groups.ari", [_rand(seen, asked.crowd) for seen, _ in runs])
        if view == "attributes" or kind == "groups":
            yield from _asking(asked, [seen for seen, _ in runs], f"{view}.")


def _bounds(kind: str, asked: Asked) -> dict[str, Bound]:
    difference = asked.crowd.differences(asked.pictures.pool)
    answers = asked.crowd.choices.answers.astype(float)
    return bounds_of(draw_population(kind), asked.crowd.utilities, difference, answers, COUNTS)


def _accuracies(asked: Asked, runs: Sequence[Seen], found: dict[str, Bound], view: str) -> Iterator[Figure]:
    """Accuracy and headroom by votes, calibration, own minus another's, order."""
    chances = {n: [seen.foresee(seen.believe(n)) for seen in runs] for n in COUNTS}
    average = found["bound.average"].earned
    for n in COUNTS:
        right = np.mean([asked.earned(one) for one in chances[n]], axis=0)
        yield _figure(f"{view}accuracy.{n}", right)
        if n:
            yield _headroom(f"{view}headroom.{n}", right, average, found[f"bound.bayes.{n}"].earned)
    others = np.roll(np.arange(len(asked.truth)), 1)
    other = np.mean([asked.earned(seen.foresee(seen.believe(MAIN, others))) for seen in runs], axis=0)
    own = np.mean([asked.earned(one) for one in chances[MAIN]], axis=0)
    yield _figure(f"{view}accuracy.other_history", other)
    yield _figure(f"{view}own_minus_other.{MAIN}", own - other)
    yield from _calibration(view, asked, chances[MAIN])
    yield _spread(f"{view}order.flips", [_flips(seen) for seen in runs])


def _controls(asked: Asked, test: Tensor, table: Tensor, people: Sequence, view: str) -> Iterator[Figure]:
    """A logistic regression a person on the same features, and a mixture of shared reward functions (LoRe)."""
    plain = Learner(table, PosteriorConfig(components=1, features=1))
    plain.map, plain.prior = Standardised(table), MixturePrior(1, table.shape[1])
    with torch.no_grad():
        plain.prior.means.zero_()
        plain.prior.raw_spread.fill_(-0.5 * np.log(table.shape[1]))
    seen = Seen(plain, test, asked.crowd)
    for n in (2, MAIN, TOLD):
        parts = np.array_split(np.arange(len(asked.truth)), 30)
        chances = [seen_part(seen, n, part) for part in parts]
        yield _figure(f"{view}accuracy.logistic.{n}", asked.earned(np.concatenate(chances)))
    tastes = fit(table, [one.images for one in people])
    with torch.no_grad():
        utilities = tastes.utilities(test)
        left, right = (
            torch.from_numpy(side) for side in (asked.crowd.choices.left, asked.crowd.choices.right)
        )
        gaps = utilities[left] - utilities[right]
        for n in (2, MAIN, TOLD):
            beliefs = tastes.beliefs(seen.liked[:, :n, None].float() * gaps[:, :n])
            yield _figure(
                f"{view}accuracy.lore.{n}", asked.earned(probability(beliefs, gaps[:, TOLD:]).numpy())
            )


def seen_part(seen: Seen, count: int, people: np.ndarray) -> np.ndarray:
    """Foresee the targets of some people only: wide features make large matrices."""
    belief = infer(seen.prior, seen.told(count, people))
    with torch.no_grad():
        asked = Answers.choices(seen.rows[people, TOLD:], seen.offsets[people, TOLD:])
        return belief.chances(asked).numpy()


def _asking(asked: Asked, runs: Sequence[Seen], view: str) -> Iterator[Figure]:
    """Votes chosen by what they are expected to tell, against random ones: accuracy by votes, and votes to match 8."""
    curves = np.array([_asked_well(asked, seen, seed) for seed, seen in enumerate(runs)]).mean(axis=0)
    aim = np.mean([asked.earned(seen.foresee(seen.believe(MAIN))).mean() for seen in runs])
    for votes, right in enumerate(curves, 1):
        yield _figure(f"{view}ask.accuracy.{votes}", right)
    enough = [votes for votes, right in enumerate(curves, 1) if right.mean() >= aim]
    yield _spread(f"{view}ask.votes_to_match_8", [float(enough[0]) if enough else float("inf")])


@torch.no_grad()
def _asked_well(asked: Asked, seen: Seen, seed: int) -> list[np.ndarray]:
    """Ask everyone the most telling of random pairs, again and again; what the targets earn after each answer."""
    rng, pool = np.random.default_rng(seed), asked.pictures.pool
    kind_beta = draw_population("groups").beta
    people, rows, offsets, curve = len(asked.truth), [], [], []
    for _ in range(MAIN):
        told = Answers.choices(*_stacked(rows, offsets, people, seen))
        belief = infer(seen.prior, told)
        pairs = rng.integers(len(pool.subjects), size=(people, OFFERED, 2))
        first, second = (torch.from_numpy(pairs[..., side]) for side in (0, 1))
        nats = information(
            belief, seen.shared[first] - seen.shared[second], seen.features[first] - seen.features[second]
        )
        best = pairs[np.arange(people), nats.argmax(dim=1).numpy()]
        gap = ((pool.attributes[best[:, 0]] - pool.attributes[best[:, 1]]) * asked.crowd.utilities).sum(
            axis=1
        )
        sign = torch.from_numpy(np.where(rng.random(people) < expit(kind_beta * gap), 1.0, -1.0))
        one, other = torch.from_numpy(best[:, 0]), torch.from_numpy(best[:, 1])
        rows.append(sign[:, None] * (seen.features[one] - seen.features[other]))
        offsets.append(sign * (seen.shared[one] - seen.shared[other]))
        belief = infer(seen.prior, Answers.choices(*_stacked(rows, offsets, people, seen)))
        curve.append(asked.earned(seen.foresee(belief)))
    return curve


def _stacked(rows: list[Tensor], offsets: list[Tensor], people: int, seen: Seen) -> tuple[Tensor, Tensor]:
    if not rows:
        return seen.features.new_zeros(people, 0, seen.features.shape[1]), seen.features.new_zeros(people, 0)
    return torch.stack(rows, dim=1), torch.stack(offsets, dim=1)


def _flips(seen: Seen) -> float:
    """Share of targets whose answer changes when the history is told backwards."""
    told = seen.told(MAIN)
    backwards = Answers(*(part.flip(1) for part in told))
    one, other = (seen.foresee(infer(seen.prior, way)) > 0.5 for way in (told, backwards))
    return float((one != other).mean())


def _rand(seen: Seen, crowd: Crowd) -> float:
    """Adjusted Rand index of the likeliest component after all votes against the true group."""
    return float(adjusted_rand_score(crowd.groups, seen.believe(TOLD).log_weights.argmax(dim=-1).numpy()))


def _calibration(view: str, asked: Asked, chances: Sequence[np.ndarray]) -> Iterator[Figure]:
    """Expected calibration error of the pair's probability against the votes that were cast, and its ten bins."""
    taken = asked.crowd.choices.answers[:, TOLD:]
    odds = np.concatenate([np.where(taken, 1, -1) * logit(one) for one in chances], axis=1)
    margins = [np.stack([person, np.zeros_like(person)], axis=1) for person in odds]
    yield Figure(f"{view}calibration.ece", *calibration_error(margins, seed=0))
    confidence, right = expit(np.abs(odds)).ravel(), (odds > 0).ravel()
    place = np.minimum((2 * confidence - 1) * BINS, BINS - 1).astype(int)
    for number in np.unique(place):
        here = place == number
        yield _one(f"{view}calibration.said.{number}", confidence[here].mean(), int(here.sum()))
        yield _one(f"{view}calibration.right.{number}", right[here].mean(), int(here.sum()))


def _figure(name: str, right: Float[np.ndarray, "people targets"]) -> Figure:
    return Figure(name, *mean_interval(list(right), seed=0))


def _headroom(name: str, right: np.ndarray, average: np.ndarray, best: np.ndarray) -> Figure:
    """Headroom captured, with a bootstrap over people of all three."""
    sums = np.stack([right.mean(axis=1), average.mean(axis=1), best.mean(axis=1)], axis=1)
    draws = np.random.default_rng(0).integers(len(sums), size=(2000, len(sums)))
    shares = [headroom(*row) for row in sums[draws].mean(axis=1)]
    low, high = np.quantile(shares, [0.025, 0.975])
    return Figure(name, headroom(*sums.mean(axis=0)), float(low), float(high), len(sums))


def _one(name: str, value: float, n: int) -> Figure:
    return Figure(name, float(value), float(value), float(value), n)


def _spread(name: str, values: Sequence[float]) -> Figure:
    return Figure(name, float(np.mean(values)), min(values), max(values), len(values))


def _named(figure: Figure, kind: str) -> Figure:
    """Figures of pixels in the world with groups bear house.md's plain names; all others say where they are of."""
    plain = figure.name.removeprefix("pixels.")
    name = plain if kind == "groups" else f"{kind}.{figure.name}"
    return Figure(name, figure.value, figure.low, figure.high, figure.n)


if __name__ == "__main__":
    main()
