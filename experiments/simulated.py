"""The simulated worlds as arrays, for results over many people: who chooses what, and what the pictures look like.

Enters: the kind of world, sizes. Leaves: pools of pictures with embeddings, people's choices. Does not know: models
but the bundled eye. Pictures and people of the three splits are different ones; the test's are those of
`draw_test`, fixed before any model was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tasteprint.posterior.likelihoods import ABOVE, EVEN, Opinions
from tasteprint.simulate.painter import Picture, draw_pictures, paint, stream
from tasteprint.simulate.people import draw_population
from tasteprint.simulate.world import Choices, Pool, draw_choices, draw_test, pool_of
from tasteprint.vision.encoder import ImageEncoder

PEOPLE = {"train": 6000, "validation": 400}
PICTURES = {"train": 24_000, "validation": 2000}
SEEDS = {"train": 1, "validation": 2}
VOTES = 48


@dataclass(frozen=True)
class Pictures:
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


def draw_learning(kind: str) -> tuple[Pictures, list[Opinions], list[Opinions]]:
    """Pictures of training and validation in one table, and what the people of both said by its rows."""
    population, tables, said = draw_population(kind), [], []
    for split, people in PEOPLE.items():
        seed = SEEDS[split]
        pictures = draw_pictures(PICTURES[split], seed, f"results {split}")
        utilities, groups = population.draw(people, stream(seed, "results people"))
        rng = stream(seed, "results votes")
        choices = draw_choices(utilities, pool_of(pictures), VOTES, population.beta, rng)
        said.append(Crowd(utilities, groups, choices).opinions(len(tables)))
        tables += pictures
    return Pictures(tables), said[0], said[1]


def draw_asked(kind: str) -> tuple[Pictures, Crowd]:
    """The test's pictures and people, 32 votes of history and 16 targets each."""
    world = draw_test(kind)
    place = {name: row for row, name in enumerate(world.pictures)}
    votes = world.votes_by_user()
    rows = [[(place[v.image_0], place[v.image_1], v.label_0) for v in votes[p.user_id]] for p in world.people]
    left, right, label = np.moveaxis(np.array(rows), -1, 0)
    choices = Choices(left.astype(int), right.astype(int), label == 1)
    utilities = np.stack([person.utilities for person in world.people])
    groups = np.array([person.group for person in world.people])
    return Pictures(list(world.pictures.values())), Crowd(utilities, groups, choices)
