"""What an answer says about a utility: that, with logistic noise, it fell between two bounds.

Enters: utilities, or differences of two, and the bounds that an answer stands for. Leaves: log-probabilities and their
derivatives. Does not know: people, images, priors. One law serves every kind of answer:

    A was preferred to B       u(A) - u(B) above 0                  (Bradley and Terry 1952)
    a tie                      both answers, each of weight one half
    a like, or a dislike       u(z) above, or below, the like threshold
    k of n stars               u(z) between the cuts k - 1 and k     (McCullagh 1980, proportional odds)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

FAR = 1e9
"""Stands for a bound that is not there, in logits; infinity itself would turn products with 0 into NaN."""


class Answers(NamedTuple):
    """Many answers of many people. Answer `n` says that `utility + noise` lay in (low, high); weight 0 pads.

    Rows are an image's features h, or the difference of two images'; offsets the shared taste m, likewise, so
    that with a taste w the utility is `offset + row · w`. A bound that is not there is -FAR or FAR.
    """

    rows: Float[Tensor, "*people n d"]
    offsets: Float[Tensor, "*people n"]
    low: Float[Tensor, "*people n"]
    high: Float[Tensor, "*people n"]
    weights: Float[Tensor, "*people n"]

    @classmethod
    def choices(cls, rows: Float[Tensor, "*people n d"], offsets: Float[Tensor, "*people n"]) -> Answers:
        """Say of every difference of two images that the first was preferred."""
        even = torch.zeros_like(offsets)
        return cls(rows, offsets, even, even + FAR, even + 1)


def log_likelihood(
    utility: Float[Tensor, "*n"], low: Float[Tensor, "*#n"], high: Float[Tensor, "*#n"]
) -> Float[Tensor, "*n"]:
    """Log-probability that `utility + noise` lies in (low, high), noise standard logistic; at most 0.

    `σ(u - low) - σ(u - high) = σ(u - low) σ(high - u) (1 - e^(low - high))`, which neither overflows nor cancels,
    and is concave in u.
    """
    width = torch.log(-torch.expm1(low - high))
    return logsigmoid(utility - low) + logsigmoid(high - utility) + width


def slope_and_bend(
    utility: Float[Tensor, "*n"], low: Float[Tensor, "*#n"], high: Float[Tensor, "*#n"]
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """First derivative of `log_likelihood` in the utility, -1 to 1, and minus the second, 0 to 1/2."""
    above, below = torch.sigmoid(utility - low), torch.sigmoid(high - utility)
    return below - above, above * (1 - above) + below * (1 - below)


def probability(
    mean: Float[Tensor, "*n"],
    variance: Float[Tensor, "*n"],
    low: Float[Tensor, "*#n"] | float = 0.0,
    high: Float[Tensor, "*#n"] | float = FAR,
) -> Float[Tensor, "*n"]:
    """Probability of an answer where the utility itself is normal: σ(k (mean - low)) - σ(k (mean - high)).

    MacKay's approximation (1992): `k = 1 / sqrt(1 + π/8 · variance)`; within 0.02 of the integral, or 0.04 between
    two bounds.
    """
    scale = (1 + torch.pi / 8 * variance).rsqrt()
    return log_likelihood(scale * mean, scale * low, scale * high).exp()
