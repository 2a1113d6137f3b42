"""Which prior, of what scales: by how well some of the raters are foreseen from the others (method.md section 10).

Enters: embeddings of images, people's opinions. Leaves: an estimated prior. Does not know: encoders, files, anybody
whom the prior is tested on later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.model.posterior import infer
from tasteprint.taste.few import Estimate, Features, Scales, assembled, features_of
from tasteprint.taste.leanings import Leanings, SharedTaste, leanings, shared_taste
from tasteprint.taste.opinions import ALONE, Opinions, answers

FOLDS = 5
EARLIER = 8
HIDDEN = 0.2


class Fold(NamedTuple):
    taught: list[Opinions]
    earlier: list[Opinions]
    later: list[Opinions]


class Work:
    """Steps of an estimate, each done once for the scales that it depends on."""

    def __init__(self, embeddings, people, names, width):
        self.embeddings, self.people, self.names, self.width = embeddings, people, names, width
        self._done = {}

    def _once(self, *key, make):
        if key not in self._done:
            self._done[key] = make()
        return self._done[key]

    def estimate(self, scales: Scales) -> Estimate:
        found = self._once(scales.width, make=lambda: features_of(self.embeddings, scales.width))
        key = (scales.width, scales.shared, scales.image)
        taste = self._once(*key, make=lambda: shared_taste(found.rows, self.people, scales.shared, scales.image))
        lean = self._once(*key, scales.leaning, make=lambda: leanings(found.rows, self.people, taste, scales.leaning))
        return assembled(found, taste, lean, self.people, self.names, scales, self.width)


def folds(people, images, seed, hidden=HIDDEN, count=FOLDS, earlier=EARLIER):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(people), generator=generator).tolist()
    made = []
    for k in range(count):
        tested = [people[i] for i in order[k::count]]
        dark = torch.rand(images, generator=generator) < hidden
        rest = [_without(people[i], dark) for i in order if i not in set(order[k::count])]
        parted = [_parted(one, earlier, generator) for one in tested]
        made.append(Fold([one for one in rest if len(one.weights)], [a for a, _ in parted], [b for _, b in parted]))
    return made


def _without(one, dark):
    shows = dark[one.images.clamp(min=0)] & (one.images != ALONE)
    return one.chosen(torch.nonzero(~shows.any(dim=1))[:, 0])


def _parted(one, count, generator):
    order = torch.randperm(len(one.weights), generator=generator)
    earlier, later = one.chosen(order[:count]), one.chosen(order[count:])
    clash = torch.isin(later.images, earlier.images[earlier.images != ALONE]).any(dim=1)
    return earlier, later.chosen(torch.nonzero(~clash)[:, 0])


@torch.no_grad()
def foretold(estimate, embeddings, names, fold):
    shared, features = estimate.remembered(names, *estimate.map(embeddings))
    table = estimate.cuts.table()
    belief = infer(estimate.prior, answers(fold.earlier, shared, features, table))
    asked = answers(fold.later, shared, features, table)
    return belief.chances(asked), asked.weights
