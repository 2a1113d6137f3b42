"""People to be guided for, as both models and the truth know them, and what each method follows.

Enters: a world, a judge; the models that come with the package. Leaves: scorers and rewards of a batch, in which image
n is scored for person n as that person's own print would; true utilities. Does not know: generators, how noise is
changed. Every noise of a batch is guided on its own, so people may share a batch, which saves most of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from experiments.judge import CLASSES, read_values
from experiments.models import painted
from experiments.people import MAIN, MeasuredPeople
from tasteprint.config import GuideConfig
from tasteprint.guide.rewards import Reward, minus_margin, one_minus_q
from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.prints import InContextPrint, score_requests
from tasteprint.posterior.model import TastePosterior
from tasteprint.report.guided_pictures import OnePersonPerImage
from tasteprint.simulate.taxonomy import VALUES
from tasteprint.simulate.world import World, pool_of
from tasteprint.types import History


@dataclass(frozen=True)
class InContextPrints:
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


def values_shown(values: Tensor) -> Float[Tensor, "b values"]:
    """What a judge read, the subject last, as ones at the values, in the order of `VALUES`."""
    parts = [torch.nn.functional.one_hot(values[:, i], size) for i, size in enumerate(CLASSES[:-1])]
    shown = torch.cat(parts, dim=1).float()
    assert shown.shape[1] == len(VALUES)
    return shown


CONTEXT, POSTERIOR = "mini", "mini-posterior"


@dataclass(frozen=True)
class GuidedPeople:
    """Some people as everyone knows them."""

    votes: Sequence[History]
    utilities: Float[Tensor, "people values"]
    context: InContextPrints
    posterior: OnePersonPerImage
    nobody: OnePersonPerImage
    judge: nn.Module

    @classmethod
    def of(cls, world: World, count: int, judge: nn.Module, first: int = 0) -> GuidedPeople:
        """Take the first people of a world."""
        tested = MeasuredPeople.of(world, first + count)

        context = tested.histories(MAIN)[first:]
        opened = painted(world.pictures)
        model, posterior = InContextModel.from_pretrained(CONTEXT), TastePosterior.from_pretrained(POSTERIOR)
        nobody = posterior.print_of(History("nobody"), opened)
        return cls(
            context,
            torch.from_numpy(_in_spreads(world, tested)[first:]).float(),
            InContextPrints([model.print_of(history, opened) for history in context]),
            OnePersonPerImage([posterior.print_of(history, opened) for history in context]),
            OnePersonPerImage([nobody] * count),
            judge,
        )

    def only(self, rows: Sequence[int]) -> GuidedPeople:
        """Some of them."""
        return GuidedPeople(
            [self.votes[row] for row in rows],
            self.utilities[list(rows)],
            InContextPrints([self.context.people[row] for row in rows]),
            replace(self.posterior, people=[self.posterior.people[row] for row in rows]),
            OnePersonPerImage([self.nobody.people[row] for row in rows]),
            self.judge,
        )

    def truly(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, " b"], Tensor]:
        """True utility of image n to person n, and the subject that it shows."""
        with torch.no_grad():
            seen = read_values(self.judge, images)
        return (values_shown(seen) * self.utilities).sum(dim=1), seen[:, -1]


def _in_spreads(world: World, tested: MeasuredPeople) -> np.ndarray:
    """Utilities in units of each person's own spread over the world's pictures."""
    shown = pool_of(list(world.pictures.values())).attributes
    return tested.utilities / (tested.utilities @ shown.T).std(axis=1, keepdims=True)


def rewards(method: str, people: GuidedPeople, others: GuidedPeople) -> list[Reward]:
    """What each method follows; `others` are the same people, one place further."""
    weight = GuideConfig().weight
    context = Reward("mini", people.context, weight, one_minus_q)
    posterior = Reward("posterior", people.posterior, weight, minus_margin)
    return {
        "average": [replace(posterior, scorer=people.nobody)],
        "other_context": [replace(context, scorer=others.context)],
        "other": [replace(posterior, scorer=others.posterior)],
        "best_of_n": [posterior],
        "own_context": [context],
        "own_context_margin": [replace(context, loss=minus_margin)],
        "own_posterior": [posterior],
        "own_posterior_cautious": [replace(posterior, scorer=replace(people.posterior, pessimism=1.0))],
        "both": [
            replace(context, weight=weight / 2, loss=minus_margin),
            replace(posterior, weight=weight / 2),
        ],
        "oracle": [replace(posterior, scorer=Oracle(people.judge, people.utilities))],
    }[method]
