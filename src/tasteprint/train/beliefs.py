"""The losses of belief supervision, on numbers alone (method.md section 11, ours beyond the paper).

Enters: what a model said, what its teacher knows. Leaves: scalars, lower is better, 0 where both agree but for the
soft labels. Does not know: models, teachers, batches.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from tasteprint.config import TeacherConfig


class BeliefLoss(NamedTuple):
    """The three terms before weighting: a variance, nats a vote, nats a target pair."""

    utility: Float[Tensor, ""]
    belief: Float[Tensor, ""]
    soft: Float[Tensor, ""]

    def total(self, config: TeacherConfig) -> Float[Tensor, ""]:
        """Weigh and add."""
        return config.utility * self.utility + config.belief * self.belief + config.soft * self.soft


def utility_loss(said: Float[Tensor, "n q"], true: Float[Tensor, "n q"]) -> Float[Tensor, ""]:
    """Mean squared error of an image's utilities, which come standardised; 1 is what saying nothing costs."""
    return mse_loss(said, true)


def belief_loss(
    said_shares: Float[Tensor, "votes r"],
    said_taste: Float[Tensor, "votes d"],
    shares: Float[Tensor, "votes r"],
    taste: Float[Tensor, "votes d"],
) -> Float[Tensor, ""]:
    """Nats a vote: divergence of the components' shares (`said_shares` logits, `shares` logs), and of the mean taste.

    Tastes come in the prior's deviations, so that half their squared distance is the divergence of two normal
    distributions as wide as the prior. 0 without votes.
    """
    off = said_shares.log_softmax(dim=-1)
    nats = (shares.exp() * (shares - off)).sum(dim=-1) + (said_taste - taste).square().sum(dim=-1) / 2
    return nats.sum() / max(1, len(nats))


def soft_loss(margins: Float[Tensor, "pairs 2"], chances: Float[Tensor, " pairs"]) -> Float[Tensor, ""]:
    """Cross-entropy between `σ(margin of the first - margin of the second)` and the teacher's probability of it."""
    return binary_cross_entropy_with_logits(margins[:, 0] - margins[:, 1], chances)
