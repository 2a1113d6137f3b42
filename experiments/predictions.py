"""The test people of a simulated world as arrays, and what a fitted prior predicts of them.

Enters: the kind of world; a fitted prior and embeddings. Leaves: pools of pictures with embeddings, people's choices,
posteriors, probabilities. Does not know: how anything is fitted, figures. Pictures and people of the three splits are
different ones; the test's are those of `draw_test`, fixed before any model was trained. Accuracies are expectations:
a guess earns the probability that the person takes that picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from experiments.people import HISTORY
from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import ABOVE, EVEN, Answers, Opinions
from tasteprint.posterior.mixture import MixturePosterior
from tasteprint.posterior.utilities import FittedPrior
from tasteprint.simulate.oracle import earned
from tasteprint.simulate.painter import Picture, draw_pictures, paint, stream
from tasteprint.simulate.people import draw_population
from tasteprint.simulate.world import Choices, Pool, draw_choices, draw_test, pool_of
from tasteprint.vision.encoder import ImageEncoder

PEOPLE = {"train": 6000, "validation": 400}
PICTURES = {"train": 24_000, "validation": 2000}
SEEDS = {"train": 1, "validation": 2}
VOTES = 48


@dataclass(frozen=True)
class PictureTable:
    """A pool of pictures, seen in both ways."""

    pictures: list[Picture]

    @cached_property
    def pool(self) -> Pool:
        """What they show, as arrays."""
        return pool_of(self.pictures)

    @cached_property
    def attributes(self) -> Tensor:
        """The true attributes, one-hot."""
        return torch.from_numpy(self.pool.attributes).float()

    @cached_property
    def pixels(self) -> Tensor:
        """What the bundled eye sees of them."""
        painted = (paint(p.subject, p.attributes, p.seed) for p in self.pictures)
        return ImageEncoder.from_pretrained("eye").embed_pictures(painted)


@dataclass(frozen=True)
class Crowd:
    """People of one split: true utilities, groups, and their choices in the split's pool."""

    utilities: np.ndarray
    groups: np.ndarray
    choices: Choices

    def opinions(self, offset: int = 0) -> list[Opinions]:
        """What each person said, by rows of an image table in which the pool begins at `offset`."""
        liked = np.where(self.choices.answers, self.choices.left, self.choices.right)
        other = np.where(self.choices.answers, self.choices.right, self.choices.left)
        pairs = torch.from_numpy(np.stack([liked, other], axis=-1) + offset)
        count = pairs.shape[1]
        bounds, weights = (
            torch.tensor([[EVEN, ABOVE]]).expand(count, 2),
            torch.ones(count, dtype=torch.float64),
        )
        return [Opinions(person, bounds, weights) for person in pairs]

    def differences(self, pool: Pool) -> np.ndarray:
        """One-hot attributes of the left picture minus the right's."""
        return pool.attributes[self.choices.left] - pool.attributes[self.choices.right]


def draw_learning(kind: str) -> tuple[PictureTable, list[Opinions], list[Opinions]]:
    """Pictures of training and validation in one table, and what the people of both said by its rows."""
    population = draw_population(kind)
    tables: list[Picture] = []
    opinions: list[list[Opinions]] = []
    for split, people in PEOPLE.items():
        seed = SEEDS[split]
        pictures = draw_pictures(PICTURES[split], seed, f"results {split}")
        utilities, groups = population.draw(people, stream(seed, "results people"))
        rng = stream(seed, "results votes")
        choices = draw_choices(utilities, pool_of(pictures), VOTES, population.beta, rng)
        opinions.append(Crowd(utilities, groups, choices).opinions(len(tables)))
        tables += pictures
    return PictureTable(tables), opinions[0], opinions[1]


def draw_targets(kind: str) -> tuple[PictureTable, Crowd]:
    """The test's pictures and people, 32 votes of history and 16 targets each."""
    world = draw_test(kind)
    place = {name: row for row, name in enumerate(world.pictures)}
    votes = world.votes_by_user()
    rows = [[(place[v.image_0], place[v.image_1], v.label_0) for v in votes[p.user_id]] for p in world.people]
    left, right, label = np.moveaxis(np.array(rows), -1, 0)
    choices = Choices(left.astype(int), right.astype(int), label == 1)
    utilities = np.stack([person.utilities for person in world.people])
    groups = np.array([person.group for person in world.people])
    return PictureTable(list(world.pictures.values())), Crowd(utilities, groups, choices)


@dataclass(frozen=True)
class Targets:
    """The test people and what is true of them: `truth` is the probability that a target's left picture is taken."""

    crowd: Crowd
    pictures: PictureTable
    truth: np.ndarray

    @classmethod
    def of(cls, kind: str) -> Targets:
        """Draw them."""
        pictures, crowd = draw_targets(kind)
        gap = np.einsum("ptv,pv->pt", crowd.differences(pictures.pool)[:, HISTORY:], crowd.utilities)
        return cls(crowd, pictures, expit(draw_population(kind).beta * gap))

    def earned(self, chances: np.ndarray) -> np.ndarray:
        """What guesses at the targets earn."""
        return earned(chances, self.truth)


class PriorView:
    """How a fitted prior sees the test people: their answers, and their targets."""

    def __init__(self, fitted: FittedPrior, embeddings: Tensor, crowd: Crowd) -> None:
        with torch.no_grad():
            shared, features = (part.double() for part in fitted.map(embeddings))
        self.prior, self.shared, self.features = fitted.prior, shared, features
        left, right = (torch.from_numpy(side) for side in (crowd.choices.left, crowd.choices.right))
        self.liked = torch.from_numpy(crowd.choices.answers).double() * 2 - 1
        self.rows, self.offsets = features[left] - features[right], shared[left] - shared[right]

    def context(self, count: int, people: np.ndarray | None = None) -> Answers:
        """The first answers of everyone, or of the people named in their place."""
        who = slice(None) if people is None else torch.from_numpy(people)
        sign, rows, offsets = (part[who, :count] for part in (self.liked, self.rows, self.offsets))
        return Answers.choices(sign[..., None] * rows, sign * offsets)

    @torch.no_grad()
    def posterior_of(self, count: int, people: np.ndarray | None = None) -> MixturePosterior:
        """What so many answers say of each person."""
        return infer(self.prior, self.context(count, people))

    @torch.no_grad()
    def probabilities(self, posterior: MixturePosterior, people: np.ndarray | None = None) -> np.ndarray:
        """Probability that each target's left picture is taken, for those whom the posterior is about."""
        who = slice(None) if people is None else torch.from_numpy(people)
        return posterior.predict_proba(
            Answers.choices(self.rows[who, HISTORY:], self.offsets[who, HISTORY:])
        ).numpy()
