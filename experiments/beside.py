"""What stands beside the posterior on simulated people: controls on the same features, and votes that are asked for.

Enters: the test people, what a learner sees of them, what others said. Leaves: figures.
Does not know: worlds, how a posterior is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from experiments.foreseen import MAIN, TOLD, Asked, Seen, over_people, spread
from scipy.special import expit
from torch import Tensor, nn

from tasteprint.config import PosteriorConfig
from tasteprint.evaluate.results import Figure
from tasteprint.evaluate.shared_tastes import fit, probability
from tasteprint.posterior.active import expected_information_gain
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import MixturePrior, infer
from tasteprint.simulate.people import draw_population

OFFERED = 64
"""Random pairs among which the most telling one is sought (method.md section 10)."""


class Standardised(nn.Module):
    """No shared taste, and every feature as it is, standardised: what a logistic regression a person sees."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.mean, self.scale = table.mean(dim=0), table.std(dim=0).clamp(min=1e-6)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.new_zeros(len(rows)), (rows - self.mean) / self.scale


def controls(asked: Asked, test: Tensor, table: Tensor, people: Sequence, view: str) -> Iterator[Figure]:
    """A logistic regression a person on the same features, and a mixture of shared reward functions (LoRe)."""
    plain = LearnedPrior(table, PosteriorConfig(components=1, features=1))
    plain.map, plain.prior = Standardised(table), MixturePrior(1, table.shape[1])
    with torch.no_grad():
        plain.prior.means.zero_()
        plain.prior.raw_spread.fill_(-0.5 * np.log(table.shape[1]))
    seen = Seen(plain, test, asked.crowd)
    for n in (2, MAIN, TOLD):
        # Wide features make large matrices: some people at a time.
        parts = np.array_split(np.arange(len(asked.truth)), 30)
        chances = [seen.foresee(seen.believe(n, part), part) for part in parts]
        yield over_people(f"{view}accuracy.logistic.{n}", asked.earned(np.concatenate(chances)))
    tastes = fit(table, [one.images for one in people])
    with torch.no_grad():
        utilities = tastes.utilities(test)
        left, right = (
            torch.from_numpy(side) for side in (asked.crowd.choices.left, asked.crowd.choices.right)
        )
        gaps = utilities[left] - utilities[right]
        for n in (2, MAIN, TOLD):
            beliefs = tastes.beliefs(seen.liked[:, :n, None].float() * gaps[:, :n])
            yield over_people(
                f"{view}accuracy.lore.{n}", asked.earned(probability(beliefs, gaps[:, TOLD:]).numpy())
            )


def asking(asked: Asked, runs: Sequence[Seen], view: str) -> Iterator[Figure]:
    """Votes chosen by what they are expected to tell, against random ones: accuracy by votes, and votes to match 8."""
    curves = np.array([_asked_well(asked, seen, seed) for seed, seen in enumerate(runs)]).mean(axis=0)
    aim = np.mean([asked.earned(seen.foresee(seen.believe(MAIN))).mean() for seen in runs])
    for votes, right in enumerate(curves, 1):
        yield over_people(f"{view}ask.accuracy.{votes}", right)
    enough = [votes for votes, right in enumerate(curves, 1) if right.mean() >= aim]
    yield spread(f"{view}ask.votes_to_match_8", [float(enough[0]) if enough else float("inf")])


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
        nats = expected_information_gain(
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
