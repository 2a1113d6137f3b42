"""The test people of a simulated world as a learner sees them, and figures over them.

Enters: the kind of world, a learner, what it sees of the test's pictures. Leaves: beliefs, what they foresee, figures.
Does not know: how anything is learned. Accuracies are expectations over the target's coin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import expit
from experiments.simulated import Crowd, Pictures, draw_asked
from torch import Tensor

from tasteprint.evaluate.metrics import mean_interval
from tasteprint.evaluate.results import Figure
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import MixturePosterior, infer
from tasteprint.simulate.oracle import earned
from tasteprint.simulate.people import draw_population

COUNTS = (0, 1, 2, 4, 8, 16, 32)
TOLD = max(COUNTS)
MAIN = 8


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


class Seen:
    """A learner's view of the test people: answers to believe, and targets to foresee."""

    def __init__(self, learner: LearnedPrior, embeddings: Tensor, crowd: Crowd) -> None:
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
    def believe(self, count: int, people: np.ndarray | None = None) -> MixturePosterior:
        """What is believed after so many answers."""
        return infer(self.prior, self.told(count, people))

    @torch.no_grad()
    def foresee(self, belief: MixturePosterior, people: np.ndarray | None = None) -> np.ndarray:
        """Probability that each target's left picture is taken, for those whom the belief is about."""
        who = slice(None) if people is None else torch.from_numpy(people)
        return belief.predict_proba(Answers.choices(self.rows[who, TOLD:], self.offsets[who, TOLD:])).numpy()


def over_people(name: str, right: Float[np.ndarray, "people targets"]) -> Figure:
    """The mean of what people earn; its interval is over people."""
    return Figure(name, *mean_interval(list(right), seed=0))


def spread(name: str, values: Sequence[float]) -> Figure:
    """The mean of several runs, from the lowest to the highest."""
    return Figure(name, float(np.mean(values)), min(values), max(values), len(values))
