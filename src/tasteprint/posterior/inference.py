"""Bayes' rule: a prior over tastes and a person's answers give what is believed of the person.

Enters: a mixture prior, answers. Leaves: a `MixturePosterior`. Does not know: images, names, files, how a prior is
fitted. Everything is batched over people, in float64.

Each component's posterior is approximated by a normal distribution, in one of two ways:

- Laplace: around the mode, with the curvature there. It carries gradients, so a prior can be learned through it.
- Averaged: slope and curvature are means over the distribution itself and not taken at its middle (the variational
  normal approximation, Opper and Archambeau 2009). Where the prior is wide, the mode lies nearer to zero than the mean,
  and Laplace is too unsure; a prior that nobody's answers have calibrated needs this one (docs/decisions.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.likelihoods import (
    Answers,
    averaged_slope_and_bend,
    log_likelihood,
    slope_and_bend,
)
from tasteprint.posterior.mixture import MixturePosterior, MixturePrior

STEPS = 100
"""Most Newton steps; five suffice for ordinary people, fifty for utilities of thousands."""

TOLERANCE = 1e-6
"""Newton stops when its step promises no more nats, and so moves a taste by less than 0.001 of the posterior's
deviations; the step that follows squares what is left."""

HALVINGS = 40
"""How often a Newton step may be halved: far from the mode a whole one can overshoot for ever."""

SLACK = 1e-10
"""Share of a log-density that rounding may take."""

AVERAGINGS = 30
"""Most steps from the mode to the averaged approximation; twenty are usual for the widest prior."""

DAMPING = 0.7
"""How far each of them goes: a whole one swings for ever where the prior is wide."""

NODES = 16
"""Points of the Gauss-Hermite rule for the expected log-likelihood."""


def infer(
    prior: MixturePrior, context: Answers, steps: int = STEPS, near: MixturePosterior | None = None
) -> MixturePosterior:
    """Condition the prior on answers; without answers, the prior itself. Their order does not matter.

    The mode lies in the span of the rows, so it is sought there, without gradients; one more Newton step from it
    carries them, which at the mode is the implicit derivative. Answers in float64. Averaged where the prior says so.
    The search begins in the middle, or at `near`, such as what was believed before the latest answer.
    """
    means, density = prior.means.double(), _WhiteAnswers.of(prior, context)
    with torch.no_grad():
        basis, within = _span(density.white)
        narrow = density._replace(white=within)
        start = density.offsets.new_zeros(*density.offsets.shape[:-1], within.shape[-1])
        if near is not None:
            start = _times(basis.mT, (near.modes - means) / prior.spread)
        if near is None or not prior.averaged:
            start = _climb(narrow, start, steps)
    if prior.averaged:
        variances = torch.zeros_like(density.offsets) if near is None else density.variances(near.factors)
        mode, bends, log_evidence = _averaged(narrow, start, variances)
        mode, factors = _times(basis, mode), density.factors(bends)
    else:
        gradient, factors = density.gradient_and_factors(_times(basis, start))
        mode = _times(basis, start) + torch.cholesky_solve(gradient[..., None], factors.detach())[..., 0]
        _, factors = density.gradient_and_factors(mode)
        log_evidence = density.log_density(mode) - _half_log_determinant(factors)
    log_weights = (prior.log_weights + log_evidence).log_softmax(-1)
    return MixturePosterior(log_weights, means + prior.spread * mode, factors, prior.spread, prior.stretch)


def answer_shares(
    prior: MixturePrior, belief: MixturePosterior, context: Answers
) -> Float[Tensor, "*people n d"]:
    """What each answer adds to the mean taste: without answers it is the prior's, and a sum over them on top."""
    density = _WhiteAnswers.of(prior, context)
    utilities = density.offsets + _times(density.white, (belief.modes - prior.means.double()) / prior.spread)
    if prior.averaged:
        pull, _ = averaged_slope_and_bend(
            utilities, density.variances(belief.factors), density.low, density.high
        )
    else:
        pull, _ = slope_and_bend(utilities, density.low, density.high)
    weighed = belief.log_weights.exp()[..., None] * density.weights * pull
    return (weighed[..., None] * density.white * prior.spread[..., None, :]).sum(dim=-3)


class _WhiteAnswers(NamedTuple):
    """Answers as each component sees them: a utility is `offsets + white v`, and v is standard normal."""

    white: Float[Tensor, "*people #r n k"]
    offsets: Float[Tensor, "*people r n"]
    low: Float[Tensor, "*people r n"]
    high: Float[Tensor, "*people r n"]
    weights: Float[Tensor, "*people 1 n"]

    @classmethod
    def of(cls, prior: MixturePrior, context: Answers) -> _WhiteAnswers:
        white = context.rows[..., None, :, :] * prior.spread[..., None, :]
        offsets = context.offsets[..., None, :] + prior.means.double() @ context.rows.mT
        low, high = (part[..., None, :] * prior.stretch[:, None] for part in (context.low, context.high))
        return cls(white, offsets, low, high, context.weights[..., None, :])

    def utilities(self, v: Float[Tensor, "*people r k"]) -> Float[Tensor, "*people r n"]:
        return self.offsets + _times(self.white, v)

    def log_density(self, v: Float[Tensor, "*people r k"]) -> Float[Tensor, "*people r"]:
        likelihoods = self.weights * log_likelihood(self.utilities(v), self.low, self.high)
        return likelihoods.sum(dim=-1) - v.square().sum(dim=-1) / 2

    def gradient_and_factors(
        self, v: Float[Tensor, "*people r k"]
    ) -> tuple[Float[Tensor, "*people r k"], Float[Tensor, "*people r k k"]]:
        """The log-density's gradient, and lower Cholesky factors of its negative Hessian."""
        pull, bend = slope_and_bend(self.utilities(v), self.low, self.high)
        return self.gradient(pull, v), self.factors(bend)

    def gradient(
        self, pull: Float[Tensor, "*people r n"], v: Float[Tensor, "*people r k"]
    ) -> Float[Tensor, "*people r k"]:
        return _times(self.white.mT, self.weights * pull) - v

    def factors(self, bend: Float[Tensor, "*people r n"]) -> Float[Tensor, "*people r k k"]:
        """Lower Cholesky factors of `I + Σ weight · bend x xᵀ`."""
        counted = self.weights * bend
        if (
            counted.shape[-2] > self.white.shape[-3]
        ):  # the same rows for many components: their products once for all
            products = (self.white[..., :, None] * self.white[..., None, :]).flatten(-2).squeeze(-3)
            precision = (counted @ products).unflatten(-1, (self.white.shape[-1],) * 2)
        else:
            precision = (self.white * counted[..., None]).mT @ self.white
        unit = torch.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
        return torch.linalg.cholesky(precision + unit)

    def variances(self, factors: Float[Tensor, "*people r k k"]) -> Float[Tensor, "*people r n"]:
        """Of every answer's utility, under the normal distribution that the factors stand for."""
        return ((self.white @ torch.cholesky_inverse(factors)) * self.white).sum(dim=-1)


def _span(white: Float[Tensor, "*people r n d"]) -> tuple[Float[Tensor, "*_ d k"], Float[Tensor, "*_ n k"]]:
    """An orthonormal basis of what the rows span, and the rows in it; where they are many, the space as it is."""
    if white.shape[-2] >= white.shape[-1]:
        return torch.eye(white.shape[-1], dtype=white.dtype, device=white.device), white
    basis, within = torch.linalg.qr(white.mT)
    return basis, within.mT


def _climb(
    density: _WhiteAnswers, v: Float[Tensor, "*people r k"], steps: int
) -> Float[Tensor, "*people r k"]:
    """Newton's method from a start in every component.

    A step is halved until it brings a quarter of what the slope at its beginning promises (Armijo's rule).
    """
    height = density.log_density(v)
    for _ in range(steps):
        gradient, factors = density.gradient_and_factors(v)
        step = torch.cholesky_solve(gradient[..., None], factors)[..., 0]
        promised = (gradient * step).sum(dim=-1)
        for _ in range(HALVINGS):
            reached = density.log_density(v + step)
            short = reached < height * (1 + SLACK) + promised / 4
            if not short.any():
                break
            step = torch.where(short[..., None], step / 2, step)
            promised = torch.where(short, promised / 2, promised)
        v, height = v + step, reached
        if not (promised > TOLERANCE).any():
            break
    return v


@torch.no_grad()
def _averaged(
    density: _WhiteAnswers, v: Float[Tensor, "*people r k"], variances: Float[Tensor, "*people r n"]
) -> tuple[Float[Tensor, "*people r k"], Float[Tensor, "*people r n"], Float[Tensor, "*people r"]]:
    """The mean, the mean bend of every answer, and the lower bound of the log-evidence.

    It begins at a middle and variances of the utilities: the mode and none, or what was believed before.
    """
    _, bends = averaged_slope_and_bend(density.utilities(v), variances, density.low, density.high)
    for _ in range(AVERAGINGS):
        factors = density.factors(bends)
        variances = density.variances(factors)
        pull, now = averaged_slope_and_bend(density.utilities(v), variances, density.low, density.high)
        gradient = density.gradient(pull, v)
        step = torch.cholesky_solve(gradient[..., None], factors)[..., 0]
        # A middle can stand still while the curvature does not, as between two answers that contradict each other.
        turned = (density.weights * variances * (now - bends)).sum(dim=-1).square()
        v, bends = v + DAMPING * step, bends + DAMPING * (now - bends)
        if not ((gradient * step).sum(dim=-1) + turned > TOLERANCE).any():
            break
    return v, bends, _lower_bound(density, v, density.factors(bends))


def _lower_bound(
    density: _WhiteAnswers, v: Float[Tensor, "*people r k"], factors: Float[Tensor, "*people r k k"]
) -> Float[Tensor, "*people r"]:
    """Expected log-likelihood, less the divergence of the normal distribution from the standard one."""
    points, shares = (torch.as_tensor(part) for part in np.polynomial.hermite_e.hermegauss(NODES))
    deviations = density.variances(factors).sqrt()[..., None]
    utilities = density.utilities(v)[..., None] + deviations * points
    likelihoods = log_likelihood(utilities, density.low[..., None], density.high[..., None])
    expected = (density.weights * (likelihoods @ (shares / shares.sum()))).sum(dim=-1)
    trace = torch.cholesky_inverse(factors).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    spread = v.square().sum(dim=-1) + trace - v.shape[-1]
    return expected - spread / 2 - _half_log_determinant(factors)


def _half_log_determinant(factors: Float[Tensor, "*people r k k"]) -> Float[Tensor, "*people r"]:
    return factors.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)


def _times(matrix: Float[Tensor, "*many a b"], vector: Float[Tensor, "*more b"]) -> Float[Tensor, "*all a"]:
    """Every component's vector by its matrix; a matrix that all of a person's share makes it one product."""
    if matrix.ndim == 2 or matrix.shape[-3] == 1:
        return vector @ (matrix if matrix.ndim == 2 else matrix.squeeze(-3)).mT
    return (matrix @ vector[..., None])[..., 0]
