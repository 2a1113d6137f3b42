"""Which prior, of what scales: by how well some of the raters are predicted from the others (method.md section 10).

Enters: embeddings of images, people's opinions. Leaves: a learned or an estimated prior. Does not know: encoders,
files, anybody on whom the prior is tested later. The same for the same seed.

Every fold leaves out a fifth of the people and, for the others, a fifth of the images, so that images which nobody
rated count too. Of those left out, later opinions are predicted from eight earlier ones about other images.

On 140 people with 29 votes each, on 100 images: 20 seconds of one core for the scales; with `auto` twice the time of
learning on top.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.posterior.basis import Basis, Components
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior, Scales, assemble_prior
from tasteprint.posterior.learned_prior import (
    LearnedPrior,
    Progress,
    learn_prior,
    one_thread,
    with_two_opinions,
)
from tasteprint.posterior.likelihoods import ALONE, Opinions
from tasteprint.posterior.rater_effects import rater_effects, shared_taste
from tasteprint.posterior.utilities import FittedPrior

FOLDS = 5
CONTEXT = 8
HIDDEN = 0.2
"""Share of the images whose opinions a fold leaves out of its training people."""

MANY = 200
"""So many people are enough to learn a prior end to end; with fewer, `auto` tries both."""

ROUNDS = 2
"""How often the people are parted into folds to choose scales."""

TRIALS = 2
"""Folds on which a learned prior is tried: learning takes a hundred times as long as an estimate."""

GRID = {
    "others": (0.0, 0.5, 1.0, 2.0, 3.0),
    "rater": (0.5, 1.0, 2.0),
    "linear": (0.0, 0.3, 0.6),
    "rbf": (0.0, 0.3, 0.6),
    "shared": (0.3, 1.0, 3.0),
    "image": (0.3, 0.6, 1.0, 2.0),
    "width": (0.5, 1.0, 2.0),
}
"""What is tried for each scale, one scale after the other."""

SWEEPS = 2


class Fold(NamedTuple):
    """People to fit a prior to; other people's opinions, of each some as context and some as targets."""

    train: list[Opinions]
    context: list[Opinions]
    targets: list[Opinions]


@one_thread()
def find_prior(
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
    people: Sequence[Opinions],
    config: PosteriorConfig,
    held_out: Sequence[Opinions] = (),
    seed: int = 0,
    progress: Progress = lambda step, loss: None,
) -> LearnedPrior | EmpiricalBayesPrior:
    """Learn or estimate a prior, as `config.prior` says; `auto` takes what predicts people better, if they are few.

    An estimate does not look at `held_out`, and reports its progress once, at the end. ValueError for fewer than two
    people with two opinions.
    """
    people = with_two_opinions(people)
    if config.prior == "learned" or (config.prior == "auto" and len(people) >= MANY):
        return learn_prior(embeddings, people, config, held_out, seed, progress)
    made = [fold for turn in range(ROUNDS) for fold in folds(people, len(names), seed + turn)]
    estimations = [CachedEstimation(names, embeddings, fold.train, config.features) for fold in made]
    scales, nats = search_scales(estimations, made)
    if config.prior == "auto":
        trials = made[:TRIALS]
        learned = [learn_prior(embeddings, fold.train, config, held_out, seed) for fold in trials]
        estimates = [estimation(scales) for estimation in estimations[:TRIALS]]
        if log_loss(learned, trials, names, embeddings) < log_loss(estimates, trials, names, embeddings):
            return learn_prior(embeddings, people, config, held_out, seed, progress)
    progress(config.steps, nats)
    return CachedEstimation(names, embeddings, people, config.features)(scales)


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
        parted = [_parted(people[i], generator) for i in order[k::count]]
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
        people: Sequence[Opinions],
        width: int,
    ) -> None:
        """Take a table of images, people's opinions on them, and the number of features h that are kept."""
        self.names, self.embeddings, self.people, self.width = names, embeddings, people, width
        self._kept: dict[str, dict[Hashable, Any]] = {}

    def __call__(self, scales: Scales) -> EmpiricalBayesPrior:
        """Estimate a prior."""
        at, people = scales, self.people
        basis = self._once("basis", at.width, lambda: Basis.of(Components.of(self.embeddings), at.width))
        key: tuple[float, ...] = (at.width, at.shared, at.image)
        taste = self._once("taste", key, lambda: shared_taste(basis.rows, people, at.shared, at.image))
        key = (*key, at.rater)
        raters = self._once("raters", key, lambda: rater_effects(basis.rows, people, taste, at.rater))
        return assemble_prior(basis, taste, raters, people, self.names, at, self.width)

    def _once(self, step: str, key: Hashable, make: Callable[[], Any]) -> Any:
        kept = self._kept.setdefault(step, {})
        found = kept.pop(key) if key in kept else make()
        kept[key] = found  # now the latest
        if len(kept) > 2:
            del kept[next(iter(kept))]
        return found


def search_scales(estimations: Sequence[CachedEstimation], made: Sequence[Fold]) -> tuple[Scales, float]:
    """Choose the scales of least log loss, one after the other, and give it in nats an opinion; ties keep the first."""

    def nats(scales: Scales) -> float:
        one = estimations[0]
        return log_loss([estimation(scales) for estimation in estimations], made, one.names, one.embeddings)

    best, least = Scales(), nats(Scales())
    for _ in range(SWEEPS):
        for name, values in GRID.items():
            for value in values:
                tried = best._replace(**{name: value})
                if tried != best and (now := nats(tried)) < least:
                    best, least = tried, now
    return best, least
