"""Some raters foreseen from the others: the folds on which priors and their scales are chosen.

Enters: people's opinions. Leaves: folds; how much what was learned from the one part is surprised by the other.
Does not know: how priors are learned or estimated, encoders, files. The same for the same seed.

Every fold leaves out a fifth of the people and, for the others, a fifth of the images, so that images which nobody
rated count too. Of those left out, later opinions are foreseen from eight earlier ones about other images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tasteprint.model.posterior import infer
from tasteprint.taste.few import Estimate, utilities
from tasteprint.taste.learning import Learner
from tasteprint.taste.opinions import ALONE, Opinions, answers

FOLDS = 5
EARLIER = 8
HIDDEN = 0.2


class Fold(NamedTuple):
    """People to learn from, and others' opinions: some to be told, some to be foreseen."""

    taught: list[Opinions]
    earlier: list[Opinions]
    later: list[Opinions]


def folds(people: Sequence[Opinions], images: int, seed: int) -> list[Fold]:
    """Part people into at most five folds, each left out once; of the rest, opinions on a fifth of the images are."""
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(people), generator=chance).tolist()
    count = min(FOLDS, len(people))
    made = []
    for k in range(count):
        hidden = torch.rand(images, generator=chance) < HIDDEN
        taught = [people[i] for place, i in enumerate(order) if place % count != k]
        seen = [one for one in (_without(one, hidden) for one in taught) if len(one.weights)]
        parted = [_parted(people[i], chance) for i in order[k::count]]
        made.append(Fold(seen or taught, [earlier for earlier, _ in parted], [later for _, later in parted]))
    return made


@torch.no_grad()
def surprise(
    learners: Sequence[Learner | Estimate],
    made: Sequence[Fold],
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
) -> float:
    """Nats a later opinion over all folds, each foreseen by its own learner; ln 2 is guessing."""
    sums = [_nats(one, fold, names, embeddings) for one, fold in zip(learners, made, strict=True)]
    nats, count = torch.stack(sums).sum(dim=0).tolist()
    return nats / count


def _nats(
    learner: Learner | Estimate, fold: Fold, names: Sequence[str], embeddings: Float[Tensor, "images e"]
) -> Float[Tensor, "2"]:
    """Nats that a fold's later opinions cost, and their number."""
    shared, told = utilities(learner, names, embeddings)
    table = learner.cuts.table()
    belief = infer(learner.prior, answers(fold.earlier, shared, told, table))
    asked = answers(fold.later, shared, told, table)
    nats = -belief.chances(asked).clamp_min(1e-12).log() * asked.weights
    return torch.stack([nats.sum(), asked.weights.sum()])


def _without(one: Opinions, hidden: Bool[Tensor, " images"]) -> Opinions:
    shows = hidden[one.images.clamp(min=0)] & (one.images != ALONE)
    return one.chosen((~shows.any(dim=1)).nonzero()[:, 0])


def _parted(one: Opinions, chance: torch.Generator) -> tuple[Opinions, Opinions]:
    """Earlier opinions at random, and later ones about other images; about the same ones where there are no others."""
    order = torch.randperm(len(one.weights), generator=chance)
    cut = min(EARLIER, len(order) // 2)
    earlier, later = one.chosen(order[:cut]), one.chosen(order[cut:])
    again = torch.isin(later.images, earlier.images[earlier.images != ALONE]).any(dim=1)
    return earlier, later if again.all() else later.chosen((~again).nonzero()[:, 0])
