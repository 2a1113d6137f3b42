"""Simulated people whose true taste is known, and the populations that they are drawn from.

Enters: a kind of population, sizes, a seed. Leaves: populations; people, each with a utility for every value.
Does not know: votes, pictures, files. People share a few tastes in groups, or mix continuous factors without any group:
both populations are mixtures of Gaussians over the utilities of `taxonomy.VALUES`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit

from tasteprint.simulate.painter import stream
from tasteprint.simulate.taxonomy import DIMENSIONS, VALUES, Attributes, one_hot

# The worlds of every result. Fixed on 2026-11-23, on the bounds of oracle.py alone (oracle near 0.92, Bayes bound
# at 8 votes 0.80 to 0.85 and average person at most 0.60 in the world with groups), before any model was trained on
# them. Do not tune them to a model.
GROUPS, FACTORS = 8, 6
OWN = 0.15
BETA = 5.0
POPULATION_SEED = 0

KINDS = ("groups", "factors")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whose true taste is known: a utility for every value, in the order of `taxonomy.VALUES`.

    `group` is -1 in a world without groups.
    """

    user_id: str
    group: int
    utilities: Float[np.ndarray, " values"]


@dataclass(frozen=True, slots=True)
class Population:
    """What people have in common, and how far they stray from it.

    Of kind `groups` a person is sqrt(1 - own) * the group's row of `tastes` + sqrt(own) * a taste of their own;
    of kind `factors` sqrt(1 - own) * a normal mixture of all rows + sqrt(own) * a taste of their own. A taste is
    a utility for every value, centred within each dimension, since votes show differences only; its variance
    over random pictures is near 1. `beta` is how sharply a difference of utility decides a vote.
    """

    kind: str
    tastes: Float[np.ndarray, "tastes values"]
    own: float
    beta: float

    @property
    def means(self) -> Float[np.ndarray, "components values"]:
        """The middle of each component of the mixture, all equally probable; a single 0 without groups."""
        if self.kind == "factors":
            return np.zeros((1, len(VALUES)))
        return np.sqrt(1 - self.own) * self.tastes

    @property
    def spread(self) -> Float[np.ndarray, "values directions"]:
        """How people vary around their component's mean: this matrix times standard normal numbers."""
        own = np.sqrt(self.own / _centred_variance()) * _centring()
        if self.kind == "factors":
            return np.hstack([np.sqrt(1 - self.own) * self.tastes.T, own])
        return own

    def draw(
        self, n: int, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "n values"], Int[np.ndarray, " n"]]:
        """Draw `n` people: utilities, and groups in equal parts as far as `n` allows (-1 without groups).

        ValueError for fewer than 1.
        """
        if n < 1:
            raise ValueError(f"{n} people were requested; expected at least 1: raise the number.")
        means, spread = self.means, self.spread
        component = rng.permutation(np.arange(n) % len(means))
        utilities = means[component] + rng.normal(size=(n, spread.shape[1])) @ spread.T
        return utilities, np.full(n, -1) if self.kind == "factors" else component


def draw_population(
    kind: str = "groups",
    groups: int = GROUPS,
    factors: int = FACTORS,
    own: float = OWN,
    beta: float = BETA,
    seed: int = POPULATION_SEED,
) -> Population:
    """Draw what people share, with a mean of 0 over people, so that the average person tells little.

    `groups` or `factors` gives the number of shared tastes, by the kind. ValueError for an unknown kind, bad
    sizes or a bad seed.
    """
    _check(kind, groups, factors, own, beta)
    size = groups if kind == "groups" else factors
    tastes = stream(seed, kind).normal(size=(size, len(VALUES))) @ _centring()
    if kind == "groups":
        tastes -= tastes.mean(axis=0)
    total = variance(tastes).mean() if kind == "groups" else variance(tastes).sum()
    return Population(kind, tastes / np.sqrt(total), own, beta)


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


def variance(tastes: Float[np.ndarray, "n values"]) -> Float[np.ndarray, " n"]:
    """Variance of each taste's utility over pictures with uniform, independent attributes."""
    sizes = np.array([len(DIMENSIONS[name]) for name, _ in VALUES])
    return (tastes**2 / sizes).sum(axis=1)


def _check(kind: str, groups: int, factors: int, own: float, beta: float) -> None:
    if kind not in KINDS:
        raise ValueError(f"world {kind!r} is unknown; expected one of {list(KINDS)}: correct the name.")
    if groups < 2 or factors < 1 or not 0 <= own < 1 or not beta > 0:
        raise ValueError(
            f"the population has {groups} groups, {factors} factors, own share {own}, beta {beta}; expected "
            "at least 2 groups, at least 1 factor, a share in [0, 1) and beta above 0: correct them."
        )


def _centring() -> Float[np.ndarray, "values values"]:
    """The matrix that takes from each value's utility the mean of its dimension."""
    means = [[float(a == b) / len(DIMENSIONS[a]) for b, _ in VALUES] for a, _ in VALUES]
    return np.eye(len(VALUES)) - np.array(means)


def _centred_variance() -> float:
    """The variance over pictures of a centred normal taste: the sum over dimensions of 1 − 1 / size."""
    return sum(1 - 1 / len(values) for values in DIMENSIONS.values())
