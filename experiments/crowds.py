"""Many people as one scorer: image n is scored for person n, as each person's own print would.

Enters: prints, or a judge and true utilities. Leaves: `Scorer`s of a batch. Does not know: how noise is changed.
Every noise of a batch is guided on its own, so people may share a batch; that saves most of the time of small models.
For prints of a posterior see `tasteprint.report.guided_pictures.Each`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from experiments.attribute_reader import CLASSES
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.incontext.prints import InContextPrint
from tasteprint.incontext.scoring import score_requests
from tasteprint.simulate.taxonomy import VALUES


@dataclass(frozen=True)
class InContext:
    """Margins of in-context prints of one model."""

    people: Sequence[InContextPrint]

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score image n for person n."""
        return score_requests(self.people, images, prompts)


SOFTENED = 10.0
"""The judge is so sure that its own probabilities have no gradient to speak of: the logits are divided by this."""


@dataclass(frozen=True)
class Oracle:
    """True utility of what a judge reads; the gradient is that of its expectation under softened probabilities."""

    judge: nn.Module
    utilities: Float[Tensor, "b values"]

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score image n for person n."""
        logits = self.judge(images)
        *tastes, _ = (logits / SOFTENED).split(CLASSES, dim=1)
        expected = (torch.cat([part.softmax(dim=1) for part in tastes], dim=1) * self.utilities).sum(dim=1)
        best = torch.stack([part.argmax(dim=1) for part in logits.split(CLASSES, dim=1)], dim=1)
        true = (values_shown(best) * self.utilities).sum(dim=1)
        return true + expected - expected.detach()


def values_shown(read: Tensor) -> Float[Tensor, "b values"]:
    """What a judge read, the subject last, as ones at the values, in the order of `VALUES`."""
    parts = [torch.nn.functional.one_hot(read[:, i], size) for i, size in enumerate(CLASSES[:-1])]
    shown = torch.cat(parts, dim=1).float()
    assert shown.shape[1] == len(VALUES)
    return shown
