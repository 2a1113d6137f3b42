"""Which scales an estimated prior has: by how well some of the raters are predicted from the others (method.md 10).

Enters: embeddings of images, people's opinions. Leaves: folds; an estimate's scales; any prior's log loss. Does not
know: what is done with them, encoders, files, people on whom a prior is tested later. The same for the same seed.

Every fold leaves out a fifth of the people and, for the others, a fifth of the images, so that images which nobody
rated count too. Of those left out, later choices are predicted from eight earlier ones about other images; of people
who rated, the choices that their ratings imply (`implied_choices`), since choices are what a print foretells.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tasteprint.posterior.basis import Basis, Components
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior, Scales, assemble_prior
from tasteprint.posterior.likelihoods import ABOVE, ALONE, EVEN, Opinions, rating_shares
from tasteprint.posterior.rater_effects import rater_effects, shared_taste
from tasteprint.posterior.utilities import FittedPrior

FOLDS = 5
CONTEXT = 8
HIDDEN = 0.2
"""Share of the images whose opinions a fold leaves out of its training people."""

IMPLIED = 64
"""Of the choices that a person's ratings imply, so many are taken at random."""

CLEAR = 0.4
"""Two ratings imply a choice where they differ by at least this share of their scale: two stars of five."""

GRID = {
    "others": (0.0, 0.5, 1.0, 2.0, 3.0),
    "strength": (1.0, 1.4, 2.0),
    "trust": (0.5, 0.7, 1.0, 1.4),
    "linear": (0.0, 0.3, 0.6, 1.2),
    "rbf": (0.0, 0.3, 0.6, 1.2),
    "rater": (0.5, 1.0, 2.0),
    "image": (0.3, 0.6, 1.0, 2.0),
    "shared": (0.3, 1.0, 3.0),
    "components": (16, 30, 60, 100),
    "width": (1.0, 2.0),
}
"""What is tried for each scale, one scale after the other."""

LEAST_GAIN = 0.002
"""Nats a choice that another value has to bring: of few people smaller gains are luck."""


class Fold(NamedTuple):
    """People to fit a prior to; other people's opinions, of each some as context and some as targets."""

    train: list[Opinions]
    context: list[Opinions]
    targets: list[Opinions]


def folds(people: Sequence[Opinions], images: int, seed: int) -> list[Fold]:
    """Part people into at most five folds, each left out once; of the rest, opinions on a fifth of the images are."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(people), generator=generator).tolist()
    count = min(FOLDS, len(people))
    made = []
    for k in range(count):
        hidden = torch.rand(images, generator=generator) < HIDDEN
        train = [people[i] for place, i in enumerate(order) if place % count != k]
        visible = [one for one in (_without(one, hidden) for one in train) if len(one.weights)]
        parted = [_parted(implied_choices(people[i], generator), generator) for i in order[k::count]]
        made.append(Fold(visible or train, [context for context, _ in parted], [rest for _, rest in parted]))
    return made


@torch.no_grad()
def log_loss(
    fitted: Sequence[FittedPrior],
    made: Sequence[Fold],
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
) -> float:
    """Nats a target over all folds, each predicted by its own prior; ln 2 is guessing."""
    sums = [
        torch.stack(prior.nats(fold.context, fold.targets, *prior.utilities(embeddings, names)))
        for prior, fold in zip(fitted, made, strict=True)
    ]
    nats, count = torch.stack(sums).sum(dim=0).tolist()
    return nats / count


def implied_choices(one: Opinions, generator: torch.Generator) -> Opinions:
    """A person's choices, and at most `IMPLIED` of those that their ratings imply; their ratings where there is none.

    Two ratings imply one where they differ by `CLEAR` or more of the same scale.
    """
    votes, rated = one.images[:, 1] != ALONE, (one.images[:, 1] == ALONE).nonzero()[:, 0]
    scale, share = rating_shares(one.bounds[rated])
    clear = (share[:, None] - share >= CLEAR - 1e-9) & (scale[:, None] == scale)
    first, second = clear.nonzero().T
    kept = torch.randperm(len(first), generator=generator)[:IMPLIED]
    images = torch.stack([one.images[rated[first[kept]], 0], one.images[rated[second[kept]], 0]], dim=1)
    implied = Opinions(
        images, torch.tensor([[EVEN, ABOVE]]).expand(len(kept), 2), torch.ones(len(kept)).double()
    )
    both = Opinions(
        *(torch.cat(part) for part in zip(one.chosen(votes.nonzero()[:, 0]), implied, strict=True))
    )
    return both if len(both.weights) > 1 else one


def _without(one: Opinions, hidden: Bool[Tensor, " images"]) -> Opinions:
    names_hidden = hidden[one.images.clamp(min=0)] & (one.images != ALONE)
    return one.chosen((~names_hidden.any(dim=1)).nonzero()[:, 0])


def _parted(one: Opinions, generator: torch.Generator) -> tuple[Opinions, Opinions]:
    """Context at random, and targets about other images; about the same ones where there are no others."""
    order = torch.randperm(len(one.weights), generator=generator)
    cut = min(CONTEXT, len(order) // 2)
    context, targets = one.chosen(order[:cut]), one.chosen(order[cut:])
    again = torch.isin(targets.images, context.images[context.images != ALONE]).any(dim=1)
    return context, targets if again.all() else targets.chosen((~again).nonzero()[:, 0])


class CachedEstimation:
    """Estimates from the same people with one scale after the other; what a scale does not touch is kept.

    Of each step the latest two results are: the best so far and the one tried.
    """

    def __init__(
        self,
        names: Sequence[str],
        embeddings: Float[Tensor, "images e"],
        components: Components,
        people: Sequence[Opinions],
    ) -> None:
        """Take a table of images, with their components, and people's opinions on them."""
        self.names, self.embeddings, self.components, self.people = names, embeddings, components, people
        self._kept: dict[str, dict[Hashable, Any]] = {}

    def __call__(self, scales: Scales) -> EmpiricalBayesPrior:
        """Estimate a prior."""
        at, people = scales, self.people
        key: tuple[float, ...] = (at.components, at.width)
        basis = self._once(
            "basis", key, lambda: Basis.of(self.components.leading(int(at.components)), at.width)
        )
        key = (*key, at.shared, at.image)
        near = self._latest("taste")
        taste = self._once("taste", key, lambda: shared_taste(basis.rows, people, at.shared, at.image, near))
        key = (*key, at.rater)
        raters = self._once("raters", key, lambda: rater_effects(basis.rows, people, taste, at.rater))
        return assemble_prior(basis, taste, raters, people, self.names, at)

    def _latest(self, step: str) -> Any:
        kept = self._kept.get(step, {})
        return kept[next(reversed(kept))] if kept else None

    def _once(self, step: str, key: Hashable, make: Callable[[], Any]) -> Any:
        kept = self._kept.setdefault(step, {})
        found = kept.pop(key) if key in kept else make()
        kept[key] = found  # now the latest
        if len(kept) > 2:
            del kept[next(iter(kept))]
        return found


def search_scales(estimations: Sequence[CachedEstimation], made: Sequence[Fold]) -> tuple[Scales, float]:
    """Choose the scales of least log loss, one after the other; also give it, in nats a choice. Ties keep the first."""

    def nats(scales: Scales) -> float:
        one = estimations[0]
        return log_loss([estimation(scales) for estimation in estimations], made, one.names, one.embeddings)

    best, least = Scales(), nats(Scales())
    for name, values in GRID.items():
        tried = {
            value: nats(best._replace(**{name: value})) for value in values if value != getattr(best, name)
        }
        value = min(tried, key=lambda value: tried[value])
        if tried[value] < least - LEAST_GAIN:
            best, least = best._replace(**{name: value}), tried[value]
    return best, least
