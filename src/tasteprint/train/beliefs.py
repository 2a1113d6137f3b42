"""Belief supervision: shared tastes, which know what a history is evidence of, teach the model (method.md 11).

Enters: shared tastes, a packed batch with image features, hidden states. Leaves: three losses in nats (the first
in variances), lower is better. Does not know: the trainer. The read-outs are thrown away after training.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from tasteprint.config import TeacherConfig
from tasteprint.data.collate import Batch
from tasteprint.model.preference import AnswerLogits
from tasteprint.model.tastes import SharedTastes, probability


class BeliefLoss(NamedTuple):
    """The three terms before weighting."""

    utility: Float[Tensor, ""]
    belief: Float[Tensor, ""]
    soft: Float[Tensor, ""]

    def total(self, config: TeacherConfig) -> Float[Tensor, ""]:
        """Weigh and add."""
        return config.utility * self.utility + config.belief * self.belief + config.soft * self.soft


class Lesson(NamedTuple):
    """What the teacher says about a batch: at every image read, after every vote, of every target pair."""

    utilities: Float[Tensor, "answers r"]
    beliefs: Float[Tensor, "votes r"]
    probabilities: Float[Tensor, "pairs"]


class Teacher(nn.Module):
    """Shared tastes, and one linear read-out for utilities and one for beliefs, at the layers of the config."""

    mean: Tensor
    scale: Tensor

    def __init__(
        self, tastes: SharedTastes, features: Float[Tensor, "n d"], width: int, config: TeacherConfig
    ) -> None:
        """Standardise the utilities over the images at hand; the tastes themselves stay as they are."""
        super().__init__()
        self.config = config
        self.tastes = tastes.requires_grad_(False)
        with torch.no_grad():
            utilities = tastes.utilities(features)
        self.register_buffer("mean", utilities.mean(dim=0))
        self.register_buffer("scale", utilities.std(dim=0).clamp(min=1e-6))
        self.utility = nn.Linear(width, utilities.shape[1])
        self.belief = nn.Linear(width, utilities.shape[1])

    @property
    def layers(self) -> tuple[int, int]:
        """The layers that are read, from 1."""
        return self.config.utility_layer, self.config.belief_layer

    def lesson(self, batch: Batch) -> Lesson:
        """Say what a reader of these features should think; no gradient."""
        with torch.no_grad():
            utilities = self.tastes.utilities(batch["image_features"].flatten(1).float())
            told, asked = utilities[batch["told_image"]], utilities[batch["target_image"]]
            votes = _differences(told, batch["told_liked"])
            pairs = asked[0::2] - asked[1::2]
            beliefs, last = beliefs_after(self.tastes, votes, batch["told"][0::2, 0], len(batch["input_ids"]))
            chances = probability(last[batch["targets"][0::2, 0]], pairs[:, None])[:, 0]
        return Lesson((torch.cat([told, asked]) - self.mean) / self.scale, beliefs, chances)

    def loss(self, batch: Batch, out: AnswerLogits, margins: Float[Tensor, "pairs 2"]) -> BeliefLoss:
        """Compare the model's early layer with utilities, its later layer with beliefs, its margin with the chance."""
        lesson = self.lesson(batch)
        early, late = out.layers
        places = torch.cat([batch["told"], batch["targets"]])
        utility = mse_loss(self.utility(early[places[:, 0], places[:, 1]]), lesson.utilities)
        # A vote is told when its second answer has been read: one place after the one that predicts it.
        after = batch["told"][1::2]
        said = self.belief(late[after[:, 0], after[:, 1] + 1]).log_softmax(dim=-1)
        belief = (lesson.beliefs.exp() * (lesson.beliefs - said)).sum(dim=-1).sum() / max(1, len(said))
        soft = binary_cross_entropy_with_logits(margins[:, 0] - margins[:, 1], lesson.probabilities)
        return BeliefLoss(utility, belief, soft)


def beliefs_after(
    tastes: SharedTastes, votes: Float[Tensor, "votes r"], rows: Int[Tensor, "votes"], people: int
) -> tuple[Float[Tensor, "votes r"], Float[Tensor, "people r"]]:
    """Beliefs after each vote given this person's votes so far, and after the last; votes lie person by person."""
    earlier = (rows[:, None] == rows[None, :]).tril().to(votes)
    told = torch.nn.functional.logsigmoid(votes)
    prior = tastes.prior.log_softmax(0)
    each = torch.log_softmax(prior + earlier @ told, dim=-1)
    whole = torch.zeros(people, votes.shape[1], dtype=votes.dtype, device=votes.device).index_add(
        0, rows, told
    )
    return each, torch.log_softmax(prior + whole, dim=-1)


def _differences(utilities: Float[Tensor, "m r"], liked: Tensor) -> Float[Tensor, "votes r"]:
    sign = torch.where(liked[0::2], 1.0, -1.0)[:, None]
    return (utilities[0::2] - utilities[1::2]) * sign
