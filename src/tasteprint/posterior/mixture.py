"""The taste posterior: what a few answers say about a person, by Bayes' rule (method.md section 10).

Enters: features of images, answers, a prior. Leaves: the posterior over a person's taste, and its predictions.
Does not know: image names, encoders, files, how a prior is fitted. Everything is batched over people.

A person's utility of an image is `u(z) = m(z) + w · h(z)`: `m` is the taste that all share, `h` a small map on the
image's embedding, and the person's taste `w` comes from a mixture of R normal distributions, R tastes with
variations: `Σ_r π_r N(μ_r, diag σ²)`. Answers are logistic in u (`likelihoods.py`). Given answers, each component's
posterior is normal by Laplace's approximation, and its share is π_r times the approximate evidence.
Relatives: Chu and Ghahramani 2005; PAL (arXiv 2406.08469); LoRe (arXiv 2504.14439).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.posterior.likelihoods import Answers, answer_probability, log_likelihood, slope_and_bend

STEPS = 100
"""Most Newton steps; five suffice for ordinary people, fifty for utilities of thousands."""

TOLERANCE = 1e-6
"""Newton stops when its step promises no more nats, and so moves a taste by less than 0.001 of the posterior's
deviations; the step that follows squares what is left."""

HALVINGS = 40
"""How often a Newton step may be halved: far from the mode a whole one can overshoot for ever."""

SLACK = 1e-10
"""Share of a log-density that rounding may take."""

LEAST_SPREAD = 1e-3


class MixturePrior(nn.Module):
    """R tastes that people vary around: `Σ_r π_r N(μ_r, diag σ²)`, σ at least 0.001."""

    def __init__(self, components: int, features: int) -> None:
        """Start with random tastes, equally common, and a spread of one half."""
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, features))
        self.raw_spread = nn.Parameter(torch.full((features,), -0.7))

    @property
    def log_weights(self) -> Float[Tensor, " r"]:
        """Log π, in float64 as everything below."""
        return self.logits.double().log_softmax(0)

    @property
    def spread(self) -> Float[Tensor, " d"]:
        """Standard deviations σ of the variation, the same around every taste."""
        return LEAST_SPREAD + self.raw_spread.double().exp()


class MixturePosterior(NamedTuple):
    """What answers say about people: shares of the components, and a normal distribution within each.

    With `v = (w - μ_r) / σ`, `factors` are the lower Cholesky factors of v's precision `I + Σ c x xᵀ`, whose
    eigenvalues are therefore at least 1: nothing here can be badly conditioned from below.
    """

    log_weights: Float[Tensor, "*people r"]
    modes: Float[Tensor, "*people r d"]
    factors: Float[Tensor, "*people r d d"]
    spread: Float[Tensor, " d"]

    @property
    def taste(self) -> Float[Tensor, "*people d"]:
        """The mean taste: expected utility is `m + taste · h`, one dot product an image."""
        return (self.log_weights.exp()[..., None] * self.modes).sum(dim=-2)

    def of(self, person: int) -> MixturePosterior:
        """One person of a batch."""
        return MixturePosterior(
            self.log_weights[person], self.modes[person], self.factors[person], self.spread
        )

    def moments(
        self, offsets: Float[Tensor, "*people q"], rows: Float[Tensor, "*people q d"]
    ) -> tuple[Float[Tensor, "*people r q"], Float[Tensor, "*people r q"]]:
        """Mean and variance, under each component, of the utilities (or differences) that rows stand for."""
        means = offsets[..., None, :] + self.modes @ rows.mT
        white = (rows * self.spread).mT[..., None, :, :].expand(*means.shape[:-1], -1, -1)
        solved = torch.linalg.solve_triangular(self.factors, white, upper=False)
        return means, solved.square().sum(dim=-2)

    def predict_proba(self, targets: Answers) -> Float[Tensor, "*people q"]:
        """Probability of each answer: the weighted mean over components; `targets.weights` are not read."""
        means, variances = self.moments(targets.offsets, targets.rows)
        each = answer_probability(means, variances, targets.low[..., None, :], targets.high[..., None, :])
        return (self.log_weights.exp()[..., None] * each).sum(dim=-2)

    def utility(
        self, shared: Float[Tensor, "*people q"], features: Float[Tensor, "*people q d"]
    ) -> tuple[Float[Tensor, "*people q"], Float[Tensor, "*people q"]]:
        """Mean and variance of the utility of images, over all components together."""
        means, variances = self.moments(shared, features)
        shares = self.log_weights.exp()[..., None]
        mean = (shares * means).sum(dim=-2)
        return mean, (shares * (variances + (means - mean[..., None, :]).square())).sum(dim=-2)


def infer(prior: MixturePrior, context: Answers, steps: int = STEPS) -> MixturePosterior:
    """Condition the prior on answers; without answers, the prior itself. Their order does not matter.

    The mode lies in the span of the rows, so it is sought there, without gradients; one more Newton step from it
    carries them, which at the mode is the implicit derivative. Answers in float64.
    """
    spread, means = prior.spread, prior.means.double()
    white, offsets = context.rows * spread, context.offsets[..., None, :] + means @ context.rows.mT
    density = _WhiteAnswers(white, offsets, *(part[..., None, :] for part in context[2:]))
    with torch.no_grad():
        basis, within = torch.linalg.qr(white.mT)
        start = _climb(density._replace(white=within.mT), steps) @ basis.mT
    gradient, factors = density.gradient_and_factors(start)
    mode = start + torch.cholesky_solve(gradient[..., None], factors.detach())[..., 0]
    _, factors = density.gradient_and_factors(mode)
    log_determinant = factors.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    log_weights = (prior.log_weights + density.log_density(mode) - log_determinant).log_softmax(-1)
    return MixturePosterior(log_weights, means + spread * mode, factors, spread)


class _WhiteAnswers(NamedTuple):
    """Answers as each component sees them: a utility is `offsets + v · white`, and v is standard normal."""

    white: Float[Tensor, "*people n k"]
    offsets: Float[Tensor, "*people r n"]
    low: Float[Tensor, "*people 1 n"]
    high: Float[Tensor, "*people 1 n"]
    weights: Float[Tensor, "*people 1 n"]

    def log_density(self, v: Float[Tensor, "*people r k"]) -> Float[Tensor, "*people r"]:
        utilities = self.offsets + v @ self.white.mT
        log_likelihoods = (self.weights * log_likelihood(utilities, self.low, self.high)).sum(dim=-1)
        return log_likelihoods - v.square().sum(dim=-1) / 2

    def gradient_and_factors(
        self, v: Float[Tensor, "*people r k"]
    ) -> tuple[Float[Tensor, "*people r k"], Float[Tensor, "*people r k k"]]:
        """The log-density's gradient, and lower Cholesky factors of its negative Hessian."""
        pull, bend = slope_and_bend(self.offsets + v @ self.white.mT, self.low, self.high)
        products = (self.white[..., :, None] * self.white[..., None, :]).flatten(-2)
        precision = ((self.weights * bend) @ products).view(*v.shape, v.shape[-1])
        factors = torch.linalg.cholesky(precision + torch.eye(v.shape[-1], dtype=v.dtype, device=v.device))
        return (self.weights * pull) @ self.white - v, factors


def _climb(density: _WhiteAnswers, steps: int) -> Float[Tensor, "*people r k"]:
    """Newton's method from the middle of every component.

    A step is halved until it brings a quarter of what the slope at its beginning promises (Armijo's rule).
    """
    v = density.offsets.new_zeros(*density.offsets.shape[:-1], density.white.shape[-1])
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
