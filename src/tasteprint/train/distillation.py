"""Distillation from a taste posterior: what it knows along a batch of histories, and the losses for missing it.

Enters: a prior, votes of several people in one list; what a network's read-outs say. Leaves: the posterior after each
vote, probabilities of pairs after the last; losses, lower is better (method.md section 11, ours beyond the paper).
Does not know: networks, layers, batches.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from tasteprint.config import TeacherConfig
from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import MixturePosterior, MixturePrior


class DistillationLoss(NamedTuple):
    """The three terms before weighting: a variance, nats a vote, nats a target pair."""

    utility: Float[Tensor, ""]
    posterior: Float[Tensor, ""]
    soft_label: Float[Tensor, ""]

    def total(self, config: TeacherConfig) -> Float[Tensor, ""]:
        """Weigh and add."""
        return (
            config.utility_weight * self.utility
            + config.posterior_weight * self.posterior
            + config.soft_label_weight * self.soft_label
        )


def utility_loss(predicted: Float[Tensor, "n q"], true: Float[Tensor, "n q"]) -> Float[Tensor, ""]:
    """Mean squared error of an image's utilities, which come standardised; 1 is what predicting 0 costs."""
    return mse_loss(predicted, true)


def posterior_loss(
    predicted_shares: Float[Tensor, "votes r"],
    predicted_taste: Float[Tensor, "votes d"],
    shares: Float[Tensor, "votes r"],
    taste: Float[Tensor, "votes d"],
) -> Float[Tensor, ""]:
    """Nats a vote: divergence of the components' shares (`predicted_shares` logits, `shares` logs) and of mean tastes.

    Tastes come in the prior's deviations, so that half their squared distance is the divergence of two normal
    distributions as wide as the prior. 0 without votes.
    """
    log_shares = predicted_shares.log_softmax(dim=-1)
    nats = (shares.exp() * (shares - log_shares)).sum(dim=-1) + (predicted_taste - taste).square().sum(
        dim=-1
    ) / 2
    return nats.sum() / max(1, len(nats))


def soft_label_loss(
    margins: Float[Tensor, "pairs 2"], probabilities: Float[Tensor, " pairs"]
) -> Float[Tensor, ""]:
    """Cross-entropy between `σ(margin of the first - margin of the second)` and the teacher's probability of it."""
    return binary_cross_entropy_with_logits(margins[:, 0] - margins[:, 1], probabilities)


class DistillationTargets(NamedTuple):
    """What the teacher knows of a batch: of every answer's image, after every vote, of every target pair.

    Utilities are standardised, tastes in deviations from the prior's mean; `shares` are logs.
    """

    utilities: Float[Tensor, "answers q"]
    shares: Float[Tensor, "votes r"]
    tastes: Float[Tensor, "votes d"]
    probabilities: Float[Tensor, " pairs"]


def posterior_after_each_vote(
    prior: MixturePrior,
    votes: Answers,
    voters: Int[Tensor, " votes"],
    pairs: Answers,
    pair_people: Int[Tensor, " pairs"],
) -> tuple[Float[Tensor, "votes r"], Float[Tensor, "votes d"], Float[Tensor, " pairs"]]:
    """Log shares and mean tastes after each vote and all before it of the same person; probabilities of the pairs
    after all.

    `voters` and `pair_people` number the people; a person's votes lie together, the earliest first, all of weight 1.
    """
    people = 1 + int(torch.cat([voters, pair_people]).max())
    counts = torch.bincount(voters, minlength=people)
    most = int(counts.max())
    nth = torch.arange(len(voters), device=voters.device) - (counts.cumsum(0) - counts)[voters]
    padded = _padded(votes, voters, nth, people, most)
    # Row k of a person's (most + 1) posteriors is given the first k votes.
    given = torch.ones(most + 1, most, dtype=torch.float64, device=voters.device).tril(-1)
    rows, offsets, low, high, _ = (part[:, None].expand(-1, most + 1, *part.shape[1:]) for part in padded)
    posterior = infer(prior, Answers(rows, offsets, low, high, given.expand(people, -1, -1)))
    after = (voters, nth + 1)
    last = (pair_people, counts[pair_people])
    final = MixturePosterior(
        posterior.log_weights[last],
        posterior.modes[last],
        posterior.factors[last],
        posterior.spread,
        posterior.stretch,
    )
    probabilities = final.predict_proba(Answers(*(part[:, None] for part in pairs)))[:, 0]
    return posterior.log_weights[after], posterior.taste[after], probabilities


def _padded(
    votes: Answers, voters: Int[Tensor, " votes"], nth: Int[Tensor, " votes"], people: int, most: int
) -> Answers:
    """Votes a row a person; what is padded has weight 0."""
    parts = []
    for part, fill in zip(votes, (0.0, 0.0, 0.0, 1.0, 0.0), strict=True):
        whole = part.new_full((people, most, *part.shape[1:]), fill)
        whole[voters, nth] = part
        parts.append(whole)
    return Answers(*parts)


def moments(prior: MixturePrior) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    """Give mean and standard deviation of a person's taste before any vote."""
    weights, means = prior.log_weights.exp()[:, None], prior.means.double()
    mean = (weights * means).sum(dim=0)
    within = prior.spread.square() + (weights * (means - mean).square()).sum(dim=0)
    return mean, within.sqrt()


@torch.no_grad()
def standardised(
    prior: MixturePrior, shared: Float[Tensor, " n"], features: Float[Tensor, "n d"]
) -> Float[Tensor, "n q"]:
    """Utilities of images under every component's mean taste, and one deviation along every feature.

    Centred over the images, all in the mean deviation of the components' utilities.
    """
    tastes = shared[:, None] + features @ prior.means.T
    whole = torch.cat([tastes, features * prior.spread.float()], dim=1)
    return (whole - whole.mean(dim=0)) / tastes.std(dim=0).mean().clamp(min=1e-6)
