"""The taste posterior: tastes that people vary around, and what is believed of a person (method.md section 10).

Enters: features of images; a belief's numbers. Leaves: the prior over tastes; a posterior's predictions of answers.
Does not know: how a posterior is found (`inference.py`), image names, encoders, files. All is batched over people.

A person's utility of an image is `u(z) = m(z) + w · h(z)`: `m` is the taste that all share, `h` a small map on the
image's embedding, and the person's taste `w` comes from a mixture of R normal distributions, R tastes with
variations: `Σ_r π_r N(μ_r, diag σ_r²)`. Answers are logistic in u (`likelihoods.py`). Given answers, each component's
posterior is normal by approximation, and its share is π_r times the approximate evidence.
Relatives: Chu and Ghahramani 2005; PAL (arXiv 2406.08469); LoRe (arXiv 2504.14439).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.posterior.likelihoods import Answers, answer_probability

LEAST_SPREAD = 1e-3


class MixturePrior(nn.Module):
    """R tastes that people vary around: `Σ_r π_r N(μ_r, diag σ²)`, σ at least 0.001.

    `averaged` says which approximation of the posterior it needs (`inference.py`).
    """

    averaged = False

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

    @property
    def stretch(self) -> Float[Tensor, " r"]:
        """By how much the cuts of ratings lie further apart for each component: 1, where cuts are learned."""
        return torch.ones_like(self.logits, dtype=torch.float64)


class MixturePosterior(NamedTuple):
    """What answers say about people: shares of the components, and a normal distribution within each.

    With `v = (w - μ_r) / σ_r`, `factors` are the lower Cholesky factors of v's precision `I + Σ c x xᵀ`, whose
    eigenvalues are therefore at least 1: nothing here can be badly conditioned from below. `spread` is σ, of all
    components or of each, and `stretch` what the bounds of ratings are multiplied by.
    """

    log_weights: Float[Tensor, "*people r"]
    modes: Float[Tensor, "*people r d"]
    factors: Float[Tensor, "*people r d d"]
    spread: Float[Tensor, "*r d"]
    stretch: Float[Tensor, " r"]

    @property
    def taste(self) -> Float[Tensor, "*people d"]:
        """The mean taste: expected utility is `m + taste · h`, one dot product an image."""
        return (self.log_weights.exp()[..., None] * self.modes).sum(dim=-2)

    def of(self, person: int) -> MixturePosterior:
        """One person of a batch."""
        return MixturePosterior(
            self.log_weights[person], self.modes[person], self.factors[person], self.spread, self.stretch
        )

    def batched(self) -> MixturePosterior:
        """One person as a batch of one."""
        return self._replace(
            log_weights=self.log_weights[None], modes=self.modes[None], factors=self.factors[None]
        )

    def moments(
        self, offsets: Float[Tensor, "*people q"], rows: Float[Tensor, "*people q d"]
    ) -> tuple[Float[Tensor, "*people r q"], Float[Tensor, "*people r q"]]:
        """Mean and variance, under each component, of the utilities (or differences) that rows stand for."""
        means = offsets[..., None, :] + self.modes @ rows.mT
        return means, self._white(rows).square().sum(dim=-2)

    def preferred(
        self,
        shared: Float[Tensor, " n"],
        features: Float[Tensor, "n d"],
        other_shared: Float[Tensor, " k"],
        other_features: Float[Tensor, "k d"],
    ) -> Float[Tensor, "n k"]:
        """Probability that one person prefers every one of n images to every one of k others."""
        means = shared + self.modes @ features.mT
        others = other_shared + self.modes @ other_features.mT
        apart = torch.cdist(self._white(features).mT, self._white(other_features).mT)
        each = answer_probability(means[:, :, None] - others[:, None, :], apart.square())
        return (self.log_weights.exp()[:, None, None] * each).sum(dim=0)

    def _white(self, rows: Float[Tensor, "*people q d"]) -> Float[Tensor, "*people r d q"]:
        """Rows in the coordinates in which each component's posterior is standard normal."""
        white = (rows[..., None, :, :] * self.spread[..., None, :]).mT
        return torch.linalg.solve_triangular(
            self.factors, white.expand(*self.factors.shape[:-1], -1), upper=False
        )

    def predict_proba(self, targets: Answers) -> Float[Tensor, "*people q"]:
        """Probability of each answer: the weighted mean over components; `targets.weights` are not read."""
        means, variances = self.moments(targets.offsets, targets.rows)
        bounds = (part[..., None, :] * self.stretch[:, None] for part in (targets.low, targets.high))
        each = answer_probability(means, variances, *bounds)
        return (self.log_weights.exp()[..., None] * each).sum(dim=-2)

    def utility(
        self, shared: Float[Tensor, "*people q"], features: Float[Tensor, "*people q d"]
    ) -> tuple[Float[Tensor, "*people q"], Float[Tensor, "*people q"]]:
        """Mean and variance of the utility of images, over all components together."""
        means, variances = self.moments(shared, features)
        shares = self.log_weights.exp()[..., None]
        mean = (shares * means).sum(dim=-2)
        return mean, (shares * (variances + (means - mean[..., None, :]).square())).sum(dim=-2)
