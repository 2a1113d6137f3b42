"""Simulated people: a few groups that share a taste, people who vary around their group, and their votes.

Enters: sizes, seeds, the attributes of pictures. Leaves: populations, people, utilities, Bradley-Terry votes.
Does not know: pixels, files. A utility has variance near 1 over random pictures; subjects carry none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from tasteprint.types import Vote
from tasteprint.world.painter import Picture, stream
from tasteprint.world.taxonomy import DIMENSIONS, SUBJECTS, VALUES, Attributes, one_hot, prompt

WEIGHTS: dict[str, float] = {"background": 0.4}
"""How strongly people feel about a dimension; 1 where nothing stands here."""

FIRST_DAY = datetime(2026, 1, 1, 9)


@dataclass(frozen=True, slots=True)
class Population:
    """Taste groups and how far people stray from them.

    `groups` holds each group's utility of every value; `own` is the share of a person's variance that is
    this person's alone; `beta` is how sharply a difference of utility decides a vote.
    """

    groups: Float[np.ndarray, "groups values"]
    own: float
    beta: float


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whose true taste is known: a utility for every value, in the order of `taxonomy.VALUES`."""

    user_id: str
    group: int
    utilities: Float[np.ndarray, " values"]


def draw_population(groups: int = 4, own: float = 0.1, beta: float = 5.0, seed: int = 0) -> Population:
    """Draw groups whose utilities are centred, so that the average person tells little.

    ValueError for bad sizes.
    """
    if groups < 2 or not 0 <= own < 1 or not beta > 0:
        raise ValueError(
            f"the population has {groups} groups, own share {own}, beta {beta}; "
            "expected at least 2, a share in [0, 1) and beta above 0: correct them."
        )
    tastes = _random_tastes(groups, stream(seed, "groups"))
    tastes -= tastes.mean(axis=0)
    return Population(tastes / np.sqrt(_variance(tastes).mean()), own, beta)


def draw_people(population: Population, n: int, seed: int = 0) -> list[Person]:
    """Draw `n` people, the groups in equal parts as far as `n` allows. ValueError for fewer than 1."""
    if n < 1:
        raise ValueError(f"{n} people were asked for; expected at least 1: raise the number.")
    rng = stream(seed, "people")
    group = rng.permutation(np.arange(n) % len(population.groups))
    own = _random_tastes(n, rng)
    own *= np.sqrt(population.own / _expected_variance())
    tastes = np.sqrt(1 - population.own) * population.groups[group] + own
    return [Person(f"person-{i:04d}", int(group[i]), tastes[i]) for i in range(n)]


def utility(person: Person, attributes: Attributes) -> float:
    """How much this person likes a picture with these attributes; higher is better."""
    return float(person.utilities @ one_hot(attributes))


def prefers_first(person: Person, first: Attributes, second: Attributes, beta: float) -> float:
    """Probability that the first is preferred (Bradley-Terry): sigmoid(beta * (u_first - u_second))."""
    return float(expit(beta * (utility(person, first) - utility(person, second))))


def simulate(
    people: Sequence[Person],
    pictures: Mapping[str, Picture],
    votes_per_person: int,
    beta: float,
    seed: int = 0,
) -> list[Vote]:
    """Let everyone vote, person by person, oldest vote first.

    Both pictures of a vote share the subject, and no one sees a picture twice; so no history shows a target.
    A person's votes depend on the seed, this person and the pictures, not on the other people.
    ValueError when the pictures give too few pairs.
    """
    return [vote for person in people for vote in _votes_of(person, pictures, votes_per_person, beta, seed)]


def _votes_of(
    person: Person, pictures: Mapping[str, Picture], count: int, beta: float, seed: int
) -> list[Vote]:
    rng = stream(seed, person.user_id)
    time = FIRST_DAY + timedelta(days=int(rng.integers(60)), seconds=int(rng.integers(36000)))
    votes = []
    for left, right in _pairs(pictures, count, rng):
        first, second = pictures[left], pictures[right]
        liked = rng.random() < prefers_first(person, first.attributes, second.attributes, beta)
        votes.append(Vote(person.user_id, prompt(first.subject), left, right, float(liked), time))
        time += timedelta(seconds=int(rng.integers(4, 30)))
    return votes


def _pairs(pictures: Mapping[str, Picture], count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Random pairs of one subject each, in which no picture stands twice."""
    pairs: list[tuple[str, str]] = []
    for subject in SUBJECTS:
        names = [name for name, picture in pictures.items() if picture.subject == subject]
        mixed = [names[i] for i in rng.permutation(len(names))]
        pairs += list(zip(mixed[::2], mixed[1::2], strict=False))
    if not 1 <= count <= len(pairs):
        raise ValueError(
            f"{count} votes a person were asked of {len(pictures)} pictures; "
            f"expected 1 to {len(pairs)}: take more pictures or fewer votes."
        )
    return [pairs[i] for i in rng.permutation(len(pairs))[:count]]


def _random_tastes(n: int, rng: np.random.Generator) -> Float[np.ndarray, "n values"]:
    """Normal utilities, weighted by dimension and centred within it, since votes show differences only."""
    weights = np.array([WEIGHTS.get(name, 1.0) for name, _ in VALUES])
    tastes = rng.normal(size=(n, len(VALUES))) * weights
    return tastes - tastes @ _within_means()


def _within_means() -> Float[np.ndarray, "values values"]:
    """The matrix that replaces each value's utility by the mean of its dimension."""
    return np.array([[float(a == b) / len(DIMENSIONS[a]) for b, _ in VALUES] for a, _ in VALUES])


def _variance(tastes: Float[np.ndarray, "n values"]) -> Float[np.ndarray, " n"]:
    """Variance of each taste's utility over pictures with uniform, independent attributes."""
    sizes = np.array([len(DIMENSIONS[name]) for name, _ in VALUES])
    return (tastes**2 / sizes).sum(axis=1)


def _expected_variance() -> float:
    """The variance that `_random_tastes` has on average: sum over dimensions of weight² (1 − 1 / size)."""
    return sum(WEIGHTS.get(name, 1.0) ** 2 * (1 - 1 / len(values)) for name, values in DIMENSIONS.items())
