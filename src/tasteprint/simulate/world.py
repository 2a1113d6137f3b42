"""A whole simulated world in memory: people, pools of pictures, and their votes by the law of Bradley and Terry.

Enters: a `WorldConfig` and who is in which split; or utilities and the attributes of pictures. Leaves: a `World`; votes
one by one, or as arrays for many thousands of people. Does not know: pixels, files, models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from tasteprint.simulate.painter import Picture, draw_pictures, stream
from tasteprint.simulate.people import (
    BETA,
    FACTORS,
    GROUPS,
    OWN,
    POPULATION_SEED,
    Person,
    Population,
    draw_people,
    draw_population,
)
from tasteprint.simulate.taxonomy import SUBJECTS, one_hot, prompt
from tasteprint.types import Vote

Split = Callable[[Sequence[str]], Mapping[str, str]]
"""User ids to the name of each user's split; every split has a pool of pictures of its own."""

POOLS = {"train": 1500, "validation": 200, "test": 400}
"""Pictures in each split's pool, by default."""

# Who and what every result of the simulated worlds is measured on: fixed with the worlds themselves (`people.py`)
# on 2026-11-23. Never train on this seed.
TEST_SEED = 20261123
TEST_PEOPLE, TEST_PICTURES, TEST_VOTES = 300, 1000, 48

FIRST_DAY = datetime(2026, 1, 1, 9)
AT_ONCE = 500
"""People whose votes are drawn together: enough to be fast, few enough for small arrays."""


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """How large a log, of what people. `pictures` gives the size of each split's pool; `size` is in pixels.

    `kind` is `groups` or `factors`, a world without groups; `own` the share of a person's variance that is this
    person's alone; `beta` the sharpness of votes. `seed` draws people, pictures and votes, `population_seed`
    what people have in common, so that logs of several seeds are logs of one world.
    """

    people: int = 240
    votes: int = 24
    pictures: dict[str, int] = field(default_factory=lambda: dict(POOLS))
    size: int = 48
    kind: str = "groups"
    groups: int = GROUPS
    factors: int = FACTORS
    own: float = OWN
    beta: float = BETA
    seed: int = 0
    population_seed: int = POPULATION_SEED

    def population(self) -> Population:
        """What people share in this world. ValueError as for `draw_population`."""
        return draw_population(
            self.kind, self.groups, self.factors, self.own, self.beta, self.population_seed
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """Pictures as arrays: what they show of taste, and their subject's position in `taxonomy.SUBJECTS`."""

    attributes: Float[np.ndarray, "pictures values"]
    subjects: Int[np.ndarray, " pictures"]


@dataclass(frozen=True, slots=True)
class Choices:
    """Votes as arrays: positions in the pool of the two pictures shown; True where `left` was preferred."""

    left: Int[np.ndarray, "people votes"]
    right: Int[np.ndarray, "people votes"]
    answers: Bool[np.ndarray, "people votes"]


@dataclass(frozen=True, slots=True)
class World:
    """Everything behind a log: who voted, what was shown, what was chosen. Pictures are named by their id."""

    population: Population
    people: tuple[Person, ...]
    splits: dict[str, str]
    pictures: dict[str, Picture]
    votes: tuple[Vote, ...]

    def people_in(self, split: str) -> list[Person]:
        """The people of one split, in the order of their ids."""
        return [person for person in self.people if self.splits[person.user_id] == split]

    def votes_by_user(self) -> dict[str, list[Vote]]:
        """Each person's votes, oldest first."""
        grouped: dict[str, list[Vote]] = {person.user_id: [] for person in self.people}
        for vote in self.votes:
            grouped[vote.user_id].append(vote)
        return grouped


def draw_world(config: WorldConfig, split: Split) -> World:
    """Draw a world. People see only their split's pictures, so that those of the test are new to a model.

    ValueError for sizes that give no log, or for a split that has no pool of pictures.
    """
    population = config.population()
    people = draw_people(population, config.people, config.seed)
    splits = dict(split([person.user_id for person in people]))
    pools = {name: _pool(name, n, config.seed) for name, n in config.pictures.items()}
    votes: list[Vote] = []
    for name, group in _by_split(people, splits, pools).items():
        votes += simulate(group, pools[name], config.votes, config.beta, config.seed)
    votes.sort(key=lambda vote: vote.user_id)  # stable: each person's votes stay oldest first
    pictures = {name: picture for pool in pools.values() for name, picture in pool.items()}
    return World(population, tuple(people), splits, pictures, tuple(votes))


def draw_test(kind: str = "groups") -> World:
    """The test people of a world, their pictures and votes: 32 votes of history and 16 targets each.

    They are called `test-0000` and on, so that no training person has their name. ValueError for an unknown kind.
    """
    population = draw_population(kind)
    people = draw_people(population, TEST_PEOPLE, TEST_SEED, "test")
    pool = _pool("test", TEST_PICTURES, TEST_SEED)
    votes = simulate(people, pool, TEST_VOTES, population.beta, TEST_SEED)
    splits = {person.user_id: "test" for person in people}
    return World(population, tuple(people), splits, pool, tuple(votes))


def pool_of(pictures: Sequence[Picture]) -> Pool:
    """The arrays of some pictures, in their order."""
    attributes = np.stack([one_hot(picture.attributes) for picture in pictures])
    return Pool(attributes, np.array([SUBJECTS.index(picture.subject) for picture in pictures]))


def draw_choices(
    utilities: Float[np.ndarray, "people values"],
    pool: Pool,
    votes: int,
    beta: float,
    rng: np.random.Generator,
) -> Choices:
    """Let everyone vote, by the law of every simulated vote (20,000 people and 48 votes: seconds).

    Both pictures of a vote share the subject, nobody sees a picture twice, the left one is preferred with the
    probability of `prefers_first`. ValueError when the pool gives too few pairs.
    """
    parts = [utilities[i : i + AT_ONCE] for i in range(0, len(utilities), AT_ONCE)]
    drawn = [_choices(part, pool, votes, beta, rng) for part in parts]
    return Choices(*(np.concatenate(arrays) for arrays in zip(*drawn, strict=True)))


def simulate(
    people: Sequence[Person],
    pictures: Mapping[str, Picture],
    votes_per_person: int,
    beta: float,
    seed: int = 0,
) -> list[Vote]:
    """Let everyone vote by the law of `draw_choices`, person by person, oldest vote first.

    A person's votes depend on the seed, this person and the pictures, not on the other people.
    ValueError when the pictures give too few pairs.
    """
    names, pool = list(pictures), pool_of(list(pictures.values()))
    votes: list[Vote] = []
    for person in people:
        rng = stream(seed, person.user_id)
        chosen = draw_choices(person.utilities[None], pool, votes_per_person, beta, rng)
        time = FIRST_DAY + timedelta(days=int(rng.integers(60)), seconds=int(rng.integers(36000)))
        for left, right, liked in zip(chosen.left[0], chosen.right[0], chosen.answers[0], strict=True):
            first, second = names[left], names[right]
            words = prompt(pictures[first].subject)
            votes.append(Vote(person.user_id, words, first, second, float(liked), time))
            time += timedelta(seconds=int(rng.integers(4, 30)))
    return votes


def _pool(split: str, n: int, seed: int) -> dict[str, Picture]:
    drawn = draw_pictures(n, seed, purpose=f"pool {split}")
    return {f"{split}-{i:05d}": picture for i, picture in enumerate(drawn)}


def _by_split(
    people: Sequence[Person], splits: Mapping[str, str], pools: Mapping[str, object]
) -> dict[str, list[Person]]:
    grouped: dict[str, list[Person]] = {}
    for person in people:
        name = splits.get(person.user_id, "")
        if name not in pools:
            raise ValueError(
                f"{person.user_id} is in split {name!r}; expected one of {sorted(pools)}: "
                "name a pool of pictures for it, or split every user."
            )
        grouped.setdefault(name, []).append(person)
    return grouped


def _choices(
    utilities: Float[np.ndarray, "people values"],
    pool: Pool,
    votes: int,
    beta: float,
    rng: np.random.Generator,
) -> tuple[
    Int[np.ndarray, "people votes"], Int[np.ndarray, "people votes"], Bool[np.ndarray, "people votes"]
]:
    pairs = _pairs(pool, len(utilities), votes, rng)
    liking = utilities @ pool.attributes.T
    left, right = pairs[..., 0], pairs[..., 1]
    gap = np.take_along_axis(liking, left, axis=1) - np.take_along_axis(liking, right, axis=1)
    return left, right, rng.random(gap.shape) < expit(beta * gap)


def _pairs(
    pool: Pool, people: int, votes: int, rng: np.random.Generator
) -> Int[np.ndarray, "people votes 2"]:
    """For each person random pairs of one subject each, in which no picture stands twice."""
    mixed = []
    for subject in range(len(SUBJECTS)):
        here = np.flatnonzero(pool.subjects == subject)
        order = here[_orders(people, len(here), rng)]
        mixed.append(order[:, : len(here) // 2 * 2].reshape(people, -1, 2))
    pairs = np.concatenate(mixed, axis=1)
    if not 1 <= votes <= pairs.shape[1]:
        raise ValueError(
            f"{votes} votes a person were requested of {len(pool.subjects)} pictures; "
            f"expected 1 to {pairs.shape[1]}: take more pictures or fewer votes."
        )
    return np.take_along_axis(pairs, _orders(people, pairs.shape[1], rng)[:, :votes, None], axis=1)


def _orders(people: int, n: int, rng: np.random.Generator) -> Int[np.ndarray, "people n"]:
    """A random order of `n` things for each person."""
    return rng.random((people, n)).argsort(axis=1)
