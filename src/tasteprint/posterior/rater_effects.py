"""A few raters' opinions taken apart: the taste that all raters share, and each rater's own effects on top.

Enters: features of images, opinions. Leaves: a `SharedTaste`, and `RaterEffects`: weights, and values of single images.
Does not know: image names, encoders, priors over people. Everything in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import (
    ALONE,
    Answers,
    Cutpoints,
    Opinions,
    answers,
    log_likelihood,
    slope_and_bend,
)
from tasteprint.posterior.mixture import LEAST_SPREAD, MixturePrior

MOST_OPINIONS = 128
"""Of a rater with more opinions, the first so many count: work and memory grow with the cube."""

RATERS_A_BATCH = 16
"""Raters whose effects are found together."""

JITTER = 1e-9
"""Added to a kernel's diagonal, in squared logits: the same opinion twice makes it singular."""


class SharedTaste(NamedTuple):
    """Utility `features · weights`, and for images that were rated what is the image's `own` on top; the cuts.

    What is not known of it has the covariance `root rootᵀ` over weights and own parts together.
    """

    weights: Float[Tensor, " q"]
    own: Float[Tensor, " images"]
    cutpoints: Cutpoints
    root: Float[Tensor, "k k"]

    def utility(self, features: Float[Tensor, "images q"]) -> Float[Tensor, " images"]:
        """Utility of the images of the table that it was found on."""
        return features @ self.weights + self.own


class RaterEffects(NamedTuple):
    """A rater's utility minus the shared one: `features · weights`, and for images that they rated `own` on top."""

    weights: Float[Tensor, "raters q"]
    own: Float[Tensor, "raters images"]

    def at(self, features: Float[Tensor, "images q"]) -> Float[Tensor, "images raters"]:
        """Every rater's effect at every image of the table."""
        return features @ self.weights.T + self.own.T


def shared_taste(
    features: Float[Tensor, "images q"],
    people: Sequence[Opinions],
    spread: float,
    own: float,
    near: SharedTaste | None = None,
) -> SharedTaste:
    """Find the most probable taste as if all opinions were one person's: Bradley and Terry's strengths, shrunk.

    Weights have the normal prior of standard deviation `spread`, an image's own part that of `own`; the cuts of
    ratings have none. The search begins at a taste that is thought `near`, of the same features, if there is one.
    """
    whole = Opinions(*(torch.cat(part) for part in zip(*people, strict=True)))
    cutpoints, weights, parts = _beginning(features, spread, own, near)
    optimiser = torch.optim.LBFGS(
        [weights, parts, *cutpoints.parameters()],
        max_iter=200,
        tolerance_grad=1e-6,
        line_search_fn="strong_wolfe",
    )

    def penalised_log_loss() -> Tensor:
        optimiser.zero_grad()
        utility = spread * features @ weights + own * parts
        observed = answers([whole], utility, utility[:, None], cutpoints.table())
        likelihoods = observed.weights * log_likelihood(observed.offsets, observed.low, observed.high)
        loss = (weights.square().sum() + parts.square().sum()) / 2 - likelihoods.sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(penalised_log_loss)
    found = spread * weights.detach(), own * parts.detach()
    cutpoints = cutpoints.float().eval().requires_grad_(False)
    return SharedTaste(*found, cutpoints, _doubt(features, whole, *found, cutpoints, spread, own))


def _doubt(
    features: Float[Tensor, "images q"],
    whole: Opinions,
    weights: Float[Tensor, " q"],
    parts: Float[Tensor, " images"],
    cutpoints: Cutpoints,
    spread: float,
    own: float,
) -> Float[Tensor, "k k"]:
    """A root of the covariance that Laplace's approximation gives weights and own parts, the cuts taken as they are."""
    eye = torch.eye(len(features), dtype=features.dtype)
    everything = torch.cat([spread * features, own * eye], dim=1)
    observed = answers([whole], features @ weights + parts, everything, cutpoints.table())
    _, bends = slope_and_bend(observed.offsets[0], observed.low[0], observed.high[0])
    rows = observed.rows[0] * (observed.weights[0] * bends).sqrt()[:, None]
    factor = torch.linalg.cholesky(rows.T @ rows + torch.eye(rows.shape[1], dtype=rows.dtype))
    scales = torch.cat([torch.full((features.shape[1],), spread), torch.full((len(features),), own)]).double()
    return scales[:, None] * torch.linalg.inv(factor).T


def _beginning(
    features: Float[Tensor, "images q"], spread: float, own: float, near: SharedTaste | None
) -> tuple[Cutpoints, Float[Tensor, " q"], Float[Tensor, " images"]]:
    """Cuts, weights and own parts, the latter two in their deviations, from which the search begins."""
    if near is None or len(near.weights) != features.shape[1]:
        begin = Cutpoints().double(), features.new_zeros(features.shape[1]), features.new_zeros(len(features))
    else:
        begin = deepcopy(near.cutpoints).double(), near.weights / spread, near.own / own
    return begin[0].requires_grad_(), begin[1].clone().requires_grad_(), begin[2].clone().requires_grad_()


def rater_effects(
    features: Float[Tensor, "images q"], people: Sequence[Opinions], taste: SharedTaste, spread: float
) -> RaterEffects:
    """Find every rater's most probable effect, of standard deviation `spread` at an image.

    Half of the variance is the features', half the image's own: two images share what their features share.
    """
    found = [
        _effects_of_few(features, people[start : start + RATERS_A_BATCH], taste, spread)
        for start in range(0, len(people), RATERS_A_BATCH)
    ]
    return RaterEffects(*(torch.cat(part) for part in zip(*found, strict=True)))


def _effects_of_few(
    features: Float[Tensor, "images q"], people: Sequence[Opinions], taste: SharedTaste, spread: float
) -> RaterEffects:
    people = [Opinions(*(part[:MOST_OPINIONS] for part in one)) for one in people]
    observed = answers(people, taste.utility(features), features, taste.cutpoints.table())
    images = pad_sequence([one.images for one in people], batch_first=True)
    share = spread**2 / 2
    pull = share * answer_pulls(share * (observed.rows @ observed.rows.mT + _overlap(images)), observed)
    own = features.new_zeros(len(people), len(features))
    own.scatter_add_(1, images[..., 0], pull)
    own.scatter_add_(1, images[..., 1].clamp(min=0), torch.where(images[..., 1] == ALONE, 0, -pull))
    return RaterEffects((pull[..., None, :] @ observed.rows)[..., 0, :], own)


def _overlap(images: Int[Tensor, "people n 2"]) -> Float[Tensor, "people n n"]:
    """Inner products of opinions that say of images 1 for the first and -1 for the second, if there is one."""
    first, second = images[..., 0], images[..., 1]

    def same(one: Tensor, other: Tensor) -> Tensor:
        return (one[..., :, None] == other[..., None, :]).double()

    both = same(second, second) * (second != ALONE)[..., None]
    return same(first, first) + both - same(first, second) - same(second, first)


def answer_pulls(kernel: Float[Tensor, "people n n"], observed: Answers) -> Float[Tensor, "people n"]:
    """Laplace's posterior in its dual form: the pull of each answer at the mode, `weight * slope`.

    The utilities there are `offsets + kernel pulls` (Rasmussen and Williams 2006, equation 3.17). The mode is found
    by `infer`, on the kernel's Cholesky factor in the place of features; `observed.rows` are not read.
    """
    prior = standard_normal(kernel.shape[-1])
    roots = torch.linalg.cholesky(kernel + JITTER * torch.eye(kernel.shape[-1], dtype=kernel.dtype))
    mode = infer(prior, observed._replace(rows=roots)).taste
    slope, _ = slope_and_bend(
        observed.offsets + (roots @ mode[..., None])[..., 0], observed.low, observed.high
    )
    return observed.weights * slope


def standard_normal(features: int) -> MixturePrior:
    """One taste in the middle, of spread 1 in every direction: N(0, I)."""
    with torch.random.fork_rng(devices=[]):
        prior = MixturePrior(1, features)
    nn.init.zeros_(prior.means)
    nn.init.constant_(prior.raw_spread, math.log(1 - LEAST_SPREAD))
    return prior.requires_grad_(False)
