"""The losses of the paper, on logits alone.

Enters: answer logits. Leaves: scalars in nats, lower is better. Does not know: models, batches, people.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid


class AnswerTokens(NamedTuple):
    """The ids of the two answer tokens in the backbone's vocabulary."""

    minus: int
    plus: int


class PreferenceLoss(NamedTuple):
    """The parts of P's objective, before weighting; `history` is ours (zero where no label was read)."""

    base: Float[Tensor, ""]
    plus: Float[Tensor, ""]
    minus: Float[Tensor, ""]
    history: Float[Tensor, ""]

    def total(self, contrastive: float = 1.0, history: float = 0.0) -> Float[Tensor, ""]:
        """Add the parts up; unit weights give P's `L_all = L_base + L_+ + L_-`."""
        return self.base + contrastive * (self.plus + self.minus) + history * self.history


def answer_loss(
    logits: Float[Tensor, "n v"], liked: Bool[Tensor, " n"], answers: AnswerTokens, binary_loss: bool = False
) -> Float[Tensor, ""]:
    """Cross-entropy of the answer token, over the whole vocabulary or over the two answers only (P Eq. 5)."""
    if binary_loss:
        logits, answers = logits[:, list(answers)], AnswerTokens(0, 1)
    return cross_entropy(logits, liked.long() * (answers.plus - answers.minus) + answers.minus)


def contrastive_loss(
    liked: Float[Tensor, "n v"], disliked: Float[Tensor, "n v"], answers: AnswerTokens
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """`L_+` and `L_-` of P Eq. 7: `+` rather of the liked image, `-` rather of the disliked one."""
    plus = -logsigmoid(liked[:, answers.plus] - disliked[:, answers.plus]).mean()
    minus = -logsigmoid(disliked[:, answers.minus] - liked[:, answers.minus]).mean()
    return plus, minus


def preference_loss(
    pairs: Float[Tensor, "n 2 v"],
    context: Float[Tensor, "m v"],
    context_liked: Bool[Tensor, " m"],
    answers: AnswerTokens,
    binary_loss: bool = False,
) -> PreferenceLoss:
    """Every part from the logits of target pairs (liked first) and of the history's own answers."""
    labels = torch.tensor([True, False], device=pairs.device).expand(pairs.shape[:2]).reshape(-1)
    base = answer_loss(pairs.flatten(0, 1), labels, answers, binary_loss)
    plus, minus = contrastive_loss(pairs[:, 0], pairs[:, 1], answers)
    history = (
        answer_loss(context, context_liked, answers, binary_loss) if len(context) else base.new_zeros(())
    )
    return PreferenceLoss(base, plus, minus, history)


def margin(logits: Float[Tensor, "*n v"], answers: AnswerTokens) -> Float[Tensor, "*n"]:
    """`M+ - M-`: positive where the person is thought to like the image; `Q = sigmoid(margin)` (P Eq. 6)."""
    return logits[..., answers.plus] - logits[..., answers.minus]


def accuracy(liked: Float[Tensor, " n"], disliked: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Share of pairs in which the liked image scores higher; an exact tie counts one half."""
    return ((liked > disliked).float() + 0.5 * (liked == disliked).float()).mean()
