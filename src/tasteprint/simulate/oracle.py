"""The best that any model could do: reference predictors that read the true attributes of a simulated log.

Enters: a population, people, their votes, the attributes of the pictures. Leaves: expected accuracies.
Does not know: pixels, models. Accuracies are expectations over the vote that is predicted, so they carry no
noise from its coin: a predictor that says A earns the true probability of A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, ndtr

from tasteprint.simulate.bayes import SAMPLES, Predicted, predict
from tasteprint.simulate.painter import Picture
from tasteprint.simulate.people import Person, Population
from tasteprint.simulate.taxonomy import one_hot
from tasteprint.types import Vote

TIE = 1e-9
"""A guess this near to one half is a tie: what sums of floats can differ by."""
LARGEST_SHORTFALL, LEAST_EFFECTIVE, TRIES = 0.005, 50, 4


@dataclass(frozen=True, slots=True)
class Bound:
    """One predictor's expected accuracy on each target, as shares of 1; `value` is the mean.

    `shortfall` is how much of the mean the sampling behind the guesses is expected to have cost, at most
    half a point; `effective` is the smallest effective sample size of any person. 0 and infinity where exact.
    """

    earned: Float[np.ndarray, "people targets"]
    shortfall: float = 0.0
    effective: float = np.inf

    @property
    def value(self) -> float:
        """The mean over people and targets."""
        return float(self.earned.mean())


def bounds(
    population: Population,
    people: Sequence[Person],
    votes: Mapping[str, Sequence[Vote]],
    pictures: Mapping[str, Picture],
    counts: Sequence[int] = (0, 1, 2, 4, 8),
    samples: int = SAMPLES,
    seed: int = 1,
) -> dict[str, Bound]:
    """Give `bound.oracle`, `bound.average`, `bound.bayes.N` and `bound.centroid.N` over the people's later votes.

    The first `max(counts)` votes of each person serve as history and the later ones are predicted, the same
    for every N; where people's votes differ in number, as many as the shortest has. ValueError when a person
    has no vote left to predict, or when the sampling error stays above half a point.
    """
    length = _length(people, votes, max(counts))
    difference = np.stack([differences(votes[p.user_id][:length], pictures) for p in people])
    answers = np.array([[vote.label_0 for vote in votes[p.user_id][:length]] for p in people])
    utilities = np.stack([person.utilities for person in people])
    return bounds_of(population, utilities, difference, answers, counts, samples, seed)


def bounds_of(
    population: Population,
    utilities: Float[np.ndarray, "people values"],
    difference: Float[np.ndarray, "people votes values"],
    answers: Float[np.ndarray, "people votes"],
    counts: Sequence[int] = (0, 1, 2, 4, 8),
    samples: int = SAMPLES,
    seed: int = 1,
) -> dict[str, Bound]:
    """The same from arrays: one-hot attributes of the first picture minus the second's, answers 1 or 0."""
    start = max(counts)
    history, targets = difference[:, :start], difference[:, start:]
    truth = expit(population.beta * np.einsum("ptv,pv->pt", targets, utilities))
    found = {"bound.oracle": Bound(earned(truth, truth))}
    for n in (0, *counts):
        past, past_answers = history[:, :n], answers[:, :n]
        bound = _bayes(population, past, past_answers, targets, truth, samples, seed)
        found["bound.average" if "bound.average" not in found else f"bound.bayes.{n}"] = bound
    for n in counts:
        guess = centroid_probabilities(history[:, :n], answers[:, :n], targets)
        found[f"bound.centroid.{n}"] = Bound(earned(guess, truth))
    return found


def differences(votes: Sequence[Vote], pictures: Mapping[str, Picture]) -> Float[np.ndarray, "votes values"]:
    """What tells the first picture of each vote from the second: their one-hot attributes' difference."""
    pairs = [(pictures[vote.image_0].attributes, pictures[vote.image_1].attributes) for vote in votes]
    return np.stack([one_hot(first) - one_hot(second) for first, second in pairs])


def centroid_probabilities(
    history: Float[np.ndarray, "people votes values"],
    answers: Float[np.ndarray, "people votes"],
    targets: Float[np.ndarray, "people targets values"],
) -> Float[np.ndarray, "people targets"]:
    """1 where the first of a target pair lies further from disliked to liked than the second, 0 where less.

    The direction is the mean of the liked pictures minus that of the disliked ones. Without votes all tie: 0.5.
    """
    direction = np.einsum("pnv,pn->pv", history, 2 * answers - 1)  # the sum does as well, and is exact
    return (1 + np.sign(np.einsum("ptv,pv->pt", targets, direction))) / 2


def earned(
    guess: Float[np.ndarray, "people targets"], truth: Float[np.ndarray, "people targets"]
) -> Float[np.ndarray, "people targets"]:
    """The true probability that a guess is right; a tie earns one half. Any model's guesses can be judged by it."""
    right = np.where(guess > 0.5, truth, 1 - truth)
    return np.where(np.abs(guess - 0.5) < TIE, 0.5, right)


def headroom(accuracy: float, average: float, bayes: float) -> float:
    """Share of what personal votes can add that was added: 0 as the average person, 1 as the Bayes bound.

    ValueError when the bound leaves no room above the average person.
    """
    if not bayes > average:
        raise ValueError(
            f"the Bayes bound is {bayes} and the average person {average}; expected a bound above the average "
            "person: measure both on the same targets, after at least one vote."
        )
    return (accuracy - average) / (bayes - average)


def _bayes(
    population: Population,
    history: Float[np.ndarray, "people votes values"],
    answers: Float[np.ndarray, "people votes"],
    targets: Float[np.ndarray, "people targets values"],
    truth: Float[np.ndarray, "people targets"],
    samples: int,
    seed: int,
) -> Bound:
    """The ideal observer, with four times the samples as often as `TRIES` allows until they suffice."""
    for more in range(TRIES):
        predicted = predict(population, history, answers, targets, samples * 4**more, seed)
        shortfall, effective = _shortfall(predicted), float(predicted.effective.min())
        if shortfall <= LARGEST_SHORTFALL and effective >= LEAST_EFFECTIVE:
            return Bound(earned(predicted.probability, truth), shortfall, effective)
    raise ValueError(
        f"after {history.shape[1]} votes the sampling may have cost {shortfall:.4f} at {effective:.0f} effective "
        f"samples; expected at most {LARGEST_SHORTFALL} and at least {LEAST_EFFECTIVE}: give more samples."
    )


def _shortfall(predicted: Predicted) -> float:
    """What flipped guesses cost on average: |2p − 1| times the chance that the error turned p over one half."""
    gap = np.abs(predicted.probability - 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        flipped = np.where(predicted.error > 0, ndtr(-gap / predicted.error), 0.0)
    return float((2 * gap * flipped).mean())


def _length(people: Sequence[Person], votes: Mapping[str, Sequence[Vote]], start: int) -> int:
    """Votes that everyone has, refused where none is left after the longest history."""
    shortest = min(people, key=lambda person: len(votes[person.user_id]))
    length = len(votes[shortest.user_id])
    if length <= start:
        raise ValueError(
            f"{shortest.user_id} has {length} votes; expected more than {start}, the longest history: "
            "ask for shorter histories."
        )
    return length
