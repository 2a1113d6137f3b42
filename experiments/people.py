"""The test people of a simulated world as conversations: their histories, their targets, what a prediction earns.

Enters: a world whose people have 48 votes, predictors. Leaves: histories, scores, what they earn, the bounds.
Does not know: models. The first votes are history, the last 16 are asked; an accuracy
counts the true probability of the predicted choice, whatever was chosen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from tasteprint.evaluate.predictors import Candidate, Predictor
from tasteprint.simulate.oracle import Bound, bounds_of, differences, earned
from tasteprint.simulate.people import Person
from tasteprint.simulate.world import (
    TEST_PEOPLE,
    TEST_PICTURES,
    TEST_SEED,
    TEST_VOTES,
    World,
    WorldConfig,
    draw_world,
)
from tasteprint.types import Example, History, Vote

COUNTS = (0, 1, 2, 4, 8, 16, 32)
"""Votes of history after which everything is measured."""

HISTORY = max(COUNTS)
MAIN = 8
AT_ONCE = 25
"""People read in one pass, which bounds the memory."""

STRANGERS = 1
"""Seed of a population whose groups no model was trained on: another one than `POPULATION_SEED`."""

Scores = Float[np.ndarray, "people candidates"]


@dataclass(frozen=True)
class MeasuredPeople:
    """Some people of a world and all their votes, oldest first."""

    world: World
    people: Sequence[Person]
    votes: Sequence[Sequence[Vote]]

    @classmethod
    def of(cls, world: World, people: int = TEST_PEOPLE) -> MeasuredPeople:
        """Take the first people of a world."""
        votes, some = world.votes_by_user(), world.people[:people]
        return cls(world, some, [votes[person.user_id] for person in some])

    @property
    def groups(self) -> np.ndarray:
        """Everyone's true group; -1 in a world without groups."""
        return np.array([person.group for person in self.people])

    @cached_property
    def differences(self) -> Float[np.ndarray, "people votes values"]:
        """One-hot attributes of the first picture of every vote minus the second's."""
        return np.stack([differences(votes, self.world.pictures) for votes in self.votes])

    @cached_property
    def utilities(self) -> Float[np.ndarray, "people values"]:
        """True utilities."""
        return np.stack([person.utilities for person in self.people])

    @cached_property
    def answers(self) -> Float[np.ndarray, "people votes"]:
        """1 where the first picture was taken."""
        return np.array([[vote.label_0 for vote in votes] for votes in self.votes])

    @cached_property
    def truth(self) -> Float[np.ndarray, "people targets"]:
        """Probability that the first picture of a target is taken."""
        gap = np.einsum("ptv,pv->pt", self.differences[:, HISTORY:], self.utilities)
        return expit(self.world.population.beta * gap)

    @property
    def candidates(self) -> list[list[Candidate]]:
        """Both pictures of everyone's targets, as shown."""
        return [[(image, v.prompt) for v in votes[HISTORY:] for image in v.images] for votes in self.votes]

    def histories(self, count: int) -> list[History]:
        """Everyone's first votes."""
        return [
            History(person.user_id, tuple(votes[:count]))
            for person, votes in zip(self.people, self.votes, strict=True)
        ]

    def examples(self, count: int) -> list[Example]:
        """Everyone's first votes and targets."""
        pairs = zip(self.histories(count), self.votes, strict=True)
        return [Example(history, tuple(votes[HISTORY:])) for history, votes in pairs]

    def earned(self, scores: Scores) -> Float[np.ndarray, "people targets"]:
        """What scores of the candidates earn; a tie one half."""
        return earned(expit(scores[:, 0::2] - scores[:, 1::2]), self.truth)

    def liked_first(self, scores: Scores) -> list[Float[np.ndarray, "targets 2"]]:
        """The scores of everyone's targets, of the picture that was taken in column 0."""
        pairs = scores.reshape(len(scores), -1, 2)
        return list(np.where(self.answers[:, HISTORY:, None] == 1, pairs, pairs[..., ::-1]))

    def bounds(self, counts: Sequence[int] = COUNTS) -> dict[str, Bound]:
        """The reference predictors of `simulate/oracle.py`, given so many votes of history."""
        longest = max(counts)
        context, answers = (
            np.concatenate([part[:, :longest], part[:, HISTORY:]], axis=1)
            for part in (self.differences, self.answers)
        )
        return bounds_of(self.world.population, self.utilities, context, answers, counts)

    def mistaken(self, share: float, seed: int) -> MeasuredPeople:
        """The same people, each vote of whose history was noted down wrongly with this probability."""
        rng = random.Random(f"{seed}:misled")
        return replace(self, votes=[_mistaken(votes, share, rng) for votes in self.votes])


def scores_of(
    predictor: Predictor, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
) -> Scores:
    """Scores of everyone's candidates, of which all people have as many; the difference of a pair is its log odds."""
    predict = getattr(predictor, "pairs", predictor)
    parts = [
        predict(histories[start : start + AT_ONCE], candidates[start : start + AT_ONCE])
        for start in range(0, len(histories), AT_ONCE)
    ]
    return np.stack([row for part in parts for row in part]).astype(np.float64)


def reshuffled(histories: Sequence[History], seed: int) -> list[History]:
    """The same votes in another order, each shown the other way round as often as not."""
    return [_reshuffled(history, random.Random(f"{seed}:{history.user_id}")) for history in histories]


def strangers() -> World:
    """People of groups that were never seen in training, with the test's pictures."""
    config = WorldConfig(
        TEST_PEOPLE, TEST_VOTES, {"test": TEST_PICTURES}, seed=TEST_SEED, population_seed=STRANGERS
    )
    return draw_world(config, lambda users: dict.fromkeys(users, "test"))


def _reshuffled(history: History, rng: random.Random) -> History:
    votes = rng.sample(history.votes, len(history))
    return History(history.user_id, tuple(v.swapped() if rng.random() < 0.5 else v for v in votes))


def _mistaken(votes: Sequence[Vote], share: float, rng: random.Random) -> list[Vote]:
    wrong = [rng.random() < share for _ in votes[:HISTORY]]
    context = [replace(v, label_0=1 - v.label_0) if w else v for v, w in zip(votes, wrong, strict=False)]
    return [*context, *votes[HISTORY:]]
