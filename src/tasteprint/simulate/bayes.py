"""What an ideal observer believes after some votes: the predictive probability of later ones, by importance sampling.

Enters: a population, votes as differences of true attributes. Leaves: probabilities with their sampling errors.
Does not know: pictures, people, models. Not a model either: it knows the population that people were drawn from.

Within a component of the population a person is mean + root @ e, e standard normal. Its posterior is sampled from the
Gaussian nearest to it and each sample weighed by posterior / Gaussian, so that the answer is right whatever the
Gaussian; the effective sample size says how near it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_expit

from tasteprint.simulate.painter import stream
from tasteprint.simulate.people import Population

SAMPLES = 4096
STEPS = 12
WIDER = 0.7
"""Share of the votes' information that the sampling Gaussian keeps; below 1 its tails cover the posterior's."""
AT_ONCE = 4
"""People treated together; more would leave the caches."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Probability that the first of each target pair is preferred, and how well it is known.

    `error` is the standard error from sampling (0 where exact), `effective` the effective sample size a person.
    """

    probability: Float[np.ndarray, "people targets"]
    error: Float[np.ndarray, "people targets"]
    effective: Float[np.ndarray, " people"]


def predict(
    population: Population,
    history: Float[np.ndarray, "people votes values"],
    answers: Float[np.ndarray, "people votes"],
    targets: Float[np.ndarray, "people targets values"],
    samples: int = SAMPLES,
    seed: int = 0,
) -> Predicted:
    """Average `sigmoid(beta * target @ utilities)` over the posterior of each person's utilities.

    `history` and `targets` are one-hot attributes of the first picture minus those of the second; an answer is 1
    where the first was preferred, else 0. `samples` a person are shared equally by the components. Without votes
    the answer is exact. The same arguments give the same numbers.
    """
    means, root = population.beta * population.means, population.beta * _root(population.spread)
    if history.shape[1] == 0:
        return _prior(means, root, targets)
    rng, parts = stream(seed, f"bayes {history.shape[1]}"), []
    for rows in (slice(i, i + AT_ONCE) for i in range(0, len(history), AT_ONCE)):
        told = history[rows] * (2 * answers[rows] - 1)[..., None]
        e, weight = _posterior(told @ means.T, told @ root, max(2, samples // len(means)), rng)
        parts.append(_expect(e, weight, targets[rows] @ means.T, targets[rows] @ root))
    return Predicted(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _root(spread: Float[np.ndarray, "values directions"]) -> Float[np.ndarray, "values rank"]:
    """The same covariance from as few directions as it has; none at all where people do not vary.

    It is Cholesky's root without exchanges of rows, past the values that those before them fix. Of all roots only this
    one has zeros above its steps, so every processor finds the same (within rounding), and with it the same samples.
    Eigenvectors would not do: variances repeat, and within equal ones a library may turn them as it likes.
    """
    rest = spread @ spread.T
    least, columns = 1e-12 * rest.diagonal().max(), []
    for i in range(len(rest)):
        if rest[i, i] > least:
            column = rest[:, i] / np.sqrt(rest[i, i])
            rest = rest - np.outer(column, column)
            columns.append(column)
    return np.array(columns).reshape(-1, len(rest)).T


def _prior(
    means: Float[np.ndarray, "components values"],
    root: Float[np.ndarray, "values rank"],
    targets: Float[np.ndarray, "people targets values"],
) -> Predicted:
    """Without votes a margin is normal in each component: a sum over a fine symmetric grid is exact to 1e-9."""
    z = np.linspace(-8, 8, 321)
    density = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    middle, width = targets @ means.T, np.linalg.norm(targets @ root, axis=-1)
    probability = sum(
        expit(middle[..., r, None] + width[..., None] * z) @ density for r in range(len(means))
    ) / len(means)
    return Predicted(probability, np.zeros_like(width), np.full(len(targets), np.inf))


def _posterior(
    middle: Float[np.ndarray, "people votes components"],
    slope: Float[np.ndarray, "people votes rank"],
    n: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "people components n rank"], Float[np.ndarray, "people components n"]]:
    """Draw `n` weighted samples of e in each component; a person's weights sum to 1.

    The margin of the answer given to a vote is `middle + slope @ e`.
    """
    centre, precision = _nearest_gaussian(middle, slope)
    inverse = np.linalg.inv(np.linalg.cholesky(precision))
    z = rng.normal(size=(*centre.shape[:2], n, centre.shape[2]))
    e = centre[:, :, None] + z @ inverse
    margin = middle.transpose(0, 2, 1)[:, :, None] + e @ slope.transpose(0, 2, 1)[:, None]
    volume = np.log(np.diagonal(inverse, axis1=-2, axis2=-1)).sum(-1)[..., None]
    log = log_expit(margin).sum(-1) + ((z**2).sum(-1) - (e**2).sum(-1)) / 2 + volume
    weight = np.exp(log - log.max(axis=(1, 2), keepdims=True))
    return e, weight / weight.sum(axis=(1, 2), keepdims=True)


def _nearest_gaussian(
    middle: Float[np.ndarray, "people votes components"], slope: Float[np.ndarray, "people votes rank"]
) -> tuple[Float[np.ndarray, "people components rank"], Float[np.ndarray, "people components rank rank"]]:
    """Centre and precision of a Gaussian near the posterior of e, by variational Newton steps.

    As Laplace's approximation, but slope and curvature of each vote's log-likelihood are averaged over the Gaussian
    itself (sigmoid of a normal margin by its probit approximation), which follows a skewed posterior better.
    """
    a, b = slope[:, None], middle.transpose(0, 2, 1)
    at, eye = a.swapaxes(-1, -2), np.eye(slope.shape[2])
    centre = np.zeros((*b.shape[:2], slope.shape[2]))
    variance = np.broadcast_to((a**2).sum(-1), b.shape)
    for _ in range(STEPS):
        flat = 1 / np.sqrt(1 + np.pi / 8 * variance)
        wrong = expit(-flat * (b + (a @ centre[..., None])[..., 0]))
        information = at @ ((flat * wrong * (1 - wrong))[..., None] * a)
        covariance = np.linalg.inv(eye + information)
        centre = centre + (covariance @ (at @ wrong[..., None] - centre[..., None]))[..., 0]
        variance = (a @ covariance * a).sum(-1)
    return centre, eye + WIDER * information


def _expect(
    e: Float[np.ndarray, "people components n rank"],
    weight: Float[np.ndarray, "people components n"],
    middle: Float[np.ndarray, "people targets components"],
    slope: Float[np.ndarray, "people targets rank"],
) -> Iterator[np.ndarray]:
    """The fields of `Predicted`: weighted mean over the samples, its standard error, effective sample size.

    Every component has samples of its own, so only what varies within a component is sampling error.
    """
    each = expit(middle.transpose(0, 2, 1)[:, :, None] + e @ slope.transpose(0, 2, 1)[:, None])
    mean = np.einsum("prn,prnt->pt", weight, each)
    off = weight[..., None] * (each - mean[:, None, None])
    n = off.shape[2]
    within = ((off - off.mean(axis=2, keepdims=True)) ** 2).sum(axis=(1, 2)) * n / (n - 1)
    yield from (mean, np.sqrt(within), 1 / (weight**2).sum(axis=(1, 2)))
