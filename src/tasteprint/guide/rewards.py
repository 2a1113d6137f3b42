"""What guidance rewards: a scorer, how its score becomes a loss, and its weight (method.md section 8).

Enters: scorers, scores, noise. Leaves: losses to be added up, and the regulariser of the noise.
Does not know: generators, how noise is changed, which model stands behind a scorer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.types import Scorer

Loss = Callable[[Tensor], Tensor]
"""Scores to losses, one a score, lower is better."""


def one_minus_q(score: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Give `1 − Q = σ(−margin)`, 0 to 1: P's loss of the person's own model (P Eq. 6).

    Only a margin M+ − M- has a Q. It saturates: beyond a margin of about 5 a better image is worth next to nothing.
    """
    return torch.sigmoid(-score)


def minus_margin(score: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Give `−score`, which does not saturate and asks for no zero: for a margin, or a posterior's utility in logits."""
    return -score


def below(offset: float) -> Loss:
    """Give the loss `offset − score` of a general reward model, as ReNO writes it; the offset moves no gradient."""

    def offset_minus_score(score: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return offset - score

    return offset_minus_score


LOSSES: dict[str, Loss] = {"q": one_minus_q, "margin": minus_margin}
"""The losses of a person's print, by the name that its `guidance_loss` and `--loss` give."""


@dataclass(frozen=True, slots=True)
class Reward:
    """One term of the loss: `weight · loss(score)`. ValueError for a weight that is negative or not a number."""

    name: str
    scorer: Scorer
    weight: float
    loss: Loss = one_minus_q

    def __post_init__(self) -> None:
        """Refuse a weight that would turn the loss round or make it meaningless."""
        if not 0 <= self.weight < float("inf"):
            raise ValueError(
                f"reward {self.name!r} has weight {self.weight}; expected a number of at least 0: correct it."
            )

    def scores(self, images: Float[Tensor, "b 3 h w"], prompt: str) -> Float[Tensor, " b"]:
        """Score images made for one prompt, on their device. ValueError unless there is one score an image."""
        scores = self.scorer.score(images, [prompt] * len(images))
        if scores.shape != (len(images),):
            raise ValueError(
                f"reward {self.name!r} gave scores of shape {tuple(scores.shape)} for {len(images)} images; "
                f"expected ({len(images)},), one an image: repair its `score`."
            )
        return scores.to(images.device)


@runtime_checkable
class KnowsUncertainty(Protocol):
    """A print that knows the standard deviation of its score, as a taste posterior's does."""

    def pessimistic(self, deviations: float) -> Scorer:
        """Give a scorer of mean − deviations · standard deviation, which does not reward what is unknown."""
        ...


def regulariser(noise: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Give `½‖ε‖² − (d − 1) log ‖ε‖` of each noise, least where ‖ε‖² = d − 1.

    Up to a constant the negative log density of the norm of d standard normal numbers (ReNO, arXiv 2406.04312).
    """
    norm = torch.linalg.vector_norm(noise.flatten(1), dim=1)
    return 0.5 * norm**2 - (prod(noise.shape[1:]) - 1) * norm.log()
