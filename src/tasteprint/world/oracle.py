"""The best that any model could do: reference predictors that read the true attributes of a simulated log.

Enters: a population, people, their votes, the attributes of the pictures. Leaves: expected accuracies.
Does not know: pixels, models. Accuracies are expectations over the vote that is predicted, so they carry no
noise from its coin: a predictor that says A earns the true probability of A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from tasteprint.types import Vote
from tasteprint.world.painter import Picture
from tasteprint.world.people import Person, Population, draw_people
from tasteprint.world.taxonomy import one_hot


def bounds(
    population: Population,
    people: Sequence[Person],
    votes: Mapping[str, Sequence[Vote]],
    pictures: Mapping[str, Picture],
    counts: Sequence[int] = (0, 1, 2, 4, 8),
    per_group: int = 1000,
    seed: int = 1,
) -> dict[str, float]:
    """Give `bound.oracle`, `bound.average`, `bound.bayes.N` over the people's later votes, as shares of 1.

    The first `max(counts)` votes of each person serve as history and all later ones are predicted, the same
    for every N. The average person is the Bayes bound without history: what a random person would choose.
    ValueError when a person has no vote left to predict.
    """
    crowd = draw_people(population, per_group * len(population.groups), seed)
    tastes = np.stack([person.utilities for person in crowd])
    rows = [
        _person_bounds(p, votes[p.user_id], pictures, tastes, population.beta, (0, *counts)) for p in people
    ]
    oracle, average, *bayes = np.concatenate(rows, axis=1).mean(axis=1).tolist()
    named = {f"bound.bayes.{count}": value for count, value in zip(counts, bayes, strict=True)}
    return {"bound.oracle": oracle, "bound.average": average, **named}


def differences(votes: Sequence[Vote], pictures: Mapping[str, Picture]) -> Float[np.ndarray, "votes values"]:
    """What tells the first picture of each vote from the second: their one-hot attributes' difference."""
    pairs = [(pictures[vote.image_0].attributes, pictures[vote.image_1].attributes) for vote in votes]
    return np.stack([one_hot(first) - one_hot(second) for first, second in pairs])


def bayes_probabilities(
    tastes: Float[np.ndarray, "crowd values"],
    history: Float[np.ndarray, "history values"],
    first_preferred: Float[np.ndarray, " history"],
    targets: Float[np.ndarray, "targets values"],
    beta: float,
) -> Float[np.ndarray, " targets"]:
    """Probability that the first of each target pair is preferred, by those of a crowd who fit the history.

    The crowd is a sample of the population; each of its people weighs as much as the history is probable
    under their taste. `first_preferred` is 1 or 0.
    """
    sign = 2 * first_preferred - 1
    log_weight = -np.logaddexp(0, -beta * (tastes @ history.T) * sign).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum() @ expit(beta * tastes @ targets.T)


def _person_bounds(
    person: Person,
    votes: Sequence[Vote],
    pictures: Mapping[str, Picture],
    tastes: Float[np.ndarray, "crowd values"],
    beta: float,
    counts: Sequence[int],
) -> Float[np.ndarray, "predictors targets"]:
    """Expected correctness of each predictor on each later vote of one person; the oracle comes first."""
    start = max(counts)
    if len(votes) <= start:
        raise ValueError(
            f"{person.user_id} has {len(votes)} votes; expected more than {start}, the longest history: "
            "ask for shorter histories."
        )
    difference, label = differences(votes, pictures), np.array([vote.label_0 for vote in votes])
    targets = difference[start:]
    truth = expit(beta * targets @ person.utilities)
    guesses = [bayes_probabilities(tastes, difference[:n], label[:n], targets, beta) for n in counts]
    return np.stack([_earned(guess, truth) for guess in (truth, *guesses)])


def _earned(
    guess: Float[np.ndarray, " targets"], truth: Float[np.ndarray, " targets"]
) -> Float[np.ndarray, " targets"]:
    """The probability of being right: an exact tie earns one half."""
    right = np.where(guess > 0.5, truth, 1 - truth)
    return np.where(guess == 0.5, 0.5, right)
