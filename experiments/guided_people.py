"""People to be guided for, as both models and the truth know them, and what each method follows.

Enters: a world, a judge; the models that come with the package. Leaves: rewards of a batch of people, true utilities.
Does not know: generators, how noise is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from experiments.attribute_reader import read
from experiments.crowds import InContext, Oracle, values_shown
from experiments.examined import Examined
from experiments.foreseen import MAIN
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from tasteprint.methods import open_model
from tasteprint.config import GuideConfig
from tasteprint.guide.rewards import Reward, minus_margin, one_minus_q
from tasteprint.report.guided_pictures import Each
from tasteprint.simulate.painter import paint
from tasteprint.simulate.world import World, pool_of
from tasteprint.types import History

CONTEXT, POSTERIOR = "mini", "mini-posterior"


@dataclass(frozen=True)
class People:
    """Some people as everyone knows them."""

    votes: Sequence[History]
    utilities: Float[Tensor, "people values"]
    context: InContext
    closed: Each
    nobody: Each
    judge: nn.Module

    @classmethod
    def of(cls, world: World, count: int, judge: nn.Module, first: int = 0) -> People:
        """Take the first people of a world."""
        examined = Examined.of(world, first + count)

        def painted(name: str) -> Image.Image:
            picture = world.pictures[name]
            return paint(picture.subject, picture.attributes, picture.seed)

        told = examined.histories(MAIN)[first:]
        model, posterior = open_model(CONTEXT), open_model(POSTERIOR)
        model.requires_grad_(False)
        nobody = posterior.print_of(History("nobody"), painted)
        return cls(
            told,
            torch.from_numpy(_in_spreads(world, examined)[first:]).float(),
            InContext([model.print_of(history, painted) for history in told]),
            Each([posterior.print_of(history, painted) for history in told]),
            Each([nobody] * count),
            judge,
        )

    def only(self, rows: Sequence[int]) -> People:
        """Some of them."""
        return People(
            [self.votes[row] for row in rows],
            self.utilities[list(rows)],
            InContext([self.context.people[row] for row in rows]),
            replace(self.closed, people=[self.closed.people[row] for row in rows]),
            Each([self.nobody.people[row] for row in rows]),
            self.judge,
        )

    def truly(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, " b"], Tensor]:
        """True utility of image n to person n, and the subject that it shows."""
        with torch.no_grad():
            seen = read(self.judge, images)
        return (values_shown(seen) * self.utilities).sum(dim=1), seen[:, -1]


def _in_spreads(world: World, examined: Examined) -> np.ndarray:
    """Utilities in units of each person's own spread over the world's pictures."""
    shown = pool_of(list(world.pictures.values())).attributes
    return examined.utilities / (examined.utilities @ shown.T).std(axis=1, keepdims=True)


def rewards(method: str, people: People, others: People) -> list[Reward]:
    """What each method follows; `others` are the same people, one place further."""
    weight = GuideConfig().weight
    context = Reward("mini", people.context, weight, one_minus_q)
    closed = Reward("posterior", people.closed, weight, minus_margin)
    return {
        "average": [replace(closed, scorer=people.nobody)],
        "other_context": [replace(context, scorer=others.context)],
        "other": [replace(closed, scorer=others.closed)],
        "best_of_n": [closed],
        "own_context": [context],
        "own_context_margin": [replace(context, loss=minus_margin)],
        "own_posterior": [closed],
        "own_posterior_cautious": [replace(closed, scorer=replace(people.closed, pessimism=1.0))],
        "both": [replace(context, weight=weight / 2, loss=minus_margin), replace(closed, weight=weight / 2)],
        "oracle": [replace(closed, scorer=Oracle(people.judge, people.utilities))],
    }[method]
