"""A whole simulated world in memory: people, pools of pictures, votes.

Enters: a `WorldConfig` and who is in which split. Leaves: a `World`. Does not know: files, models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tasteprint.simulate.painter import Picture, draw_pictures
from tasteprint.simulate.people import Person, draw_people, simulate
from tasteprint.simulate.populations import (
    BETA,
    FACTORS,
    GROUPS,
    OWN,
    POPULATION_SEED,
    Population,
    draw_population,
)
from tasteprint.types import Vote

Split = Callable[[Sequence[str]], Mapping[str, str]]
"""User ids to the name of each user's split; every split has a pool of pictures of its own."""

POOLS = {"train": 1500, "validation": 200, "test": 400}
"""Pictures in each split's pool, by default."""

# Who and what every result of the simulated worlds is measured on: fixed with the worlds themselves (`populations.py`)
# on 2026-11-23. Never train on this seed.
TEST_SEED = 20261123
TEST_PEOPLE, TEST_PICTURES, TEST_VOTES = 300, 1000, 48


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


def _pool(split: str, n: int, seed: int) -> dict[str, Picture]:
    return {
        f"{split}-{i:05d}": picture
        for i, picture in enumerate(draw_pictures(n, seed, purpose=f"pool {split}"))
    }


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
