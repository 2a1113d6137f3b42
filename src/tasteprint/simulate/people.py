"""Simulated people whose true taste is known, and their votes.

Enters: a population, seeds, the attributes of pictures. Leaves: people, utilities, Bradley-Terry votes, one by one
or as arrays for many thousands of people. Does not know: pixels, files, how tastes are spread (`populations.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from tasteprint.simulate.painter import Picture, stream
from tasteprint.simulate.populations import Population
from tasteprint.simulate.taxonomy import SUBJECTS, Attributes, one_hot, prompt
from tasteprint.types import Vote

FIRST_DAY = datetime(2026, 1, 1, 9)
AT_ONCE = 500
"""People whose votes are drawn together: enough to be fast, few enough for small arrays."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whose true taste is known: a utility for every value, in the order of `taxonomy.VALUES`.

    `group` is -1 in a world without groups.
    """

    user_id: str
    group: int
    utilities: Float[np.ndarray, " values"]


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


def draw_people(population: Population, n: int, seed: int = 0, name: str = "person") -> list[Person]:
    """Draw `n` people called `name-0000` and on. ValueError for fewer than 1 or a bad seed."""
    utilities, groups = population.draw(n, stream(seed, "people"))
    return [Person(f"{name}-{i:04d}", int(groups[i]), utilities[i]) for i in range(n)]


def utility(person: Person, attributes: Attributes) -> float:
    """How much this person likes a picture with these attributes; higher is better."""
    return float(person.utilities @ one_hot(attributes))


def prefers_first(person: Person, first: Attributes, second: Attributes, beta: float) -> float:
    """Probability that the first is preferred (Bradley-Terry): sigmoid(beta * (u_first - u_second))."""
    return float(expit(beta * (utility(person, first) - utility(person, second))))


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
            asked = prompt(pictures[first].subject)
            votes.append(Vote(person.user_id, asked, first, second, float(liked), time))
            time += timedelta(seconds=int(rng.integers(4, 30)))
    return votes


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
            f"{votes} votes a person were asked of {len(pool.subjects)} pictures; "
            f"expected 1 to {pairs.shape[1]}: take more pictures or fewer votes."
        )
    return np.take_along_axis(pairs, _orders(people, pairs.shape[1], rng)[:, :votes, None], axis=1)


def _orders(people: int, n: int, rng: np.random.Generator) -> Int[np.ndarray, "people n"]:
    """A random order of `n` things for each person."""
    return rng.random((people, n)).argsort(axis=1)
