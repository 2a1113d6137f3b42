"""Some raters foreseen from the others: the folds on which priors and their scales are chosen.

Enters: people's opinions. Leaves: folds; how much what was learned from the one part is surprised by the other.
Does not know: how priors are learned or estimated, encoders, files. The same for the same seed.

Every fold leaves out a fifth of the people and, for the others, a fifth of the images, so that images which nobody
rated count too. Of those left out, later opinions are foreseen from eight earlier ones about other images.

Which prior, of what scales: by how well some of the raters are foreseen from the others (method.md section 10).

Enters: embeddings of images, people's opinions. Leaves: a learned or an estimated prior. Does not know: encoders,
files, anybody on whom the prior is tested later. The same for the same seed.

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
from tasteprint.posterior.basis import Basis
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior, Scales, assembled, utilities
from tasteprint.posterior.learned_prior import LearnedPrior, Progress, enough, learn
from tasteprint.posterior.likelihoods import ALONE, Opinions, answers
from tasteprint.posterior.mixture import infer
from tasteprint.posterior.rater_effects import rater_effects, shared_taste

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
def log_loss(
    learners: Sequence[LearnedPrior | EmpiricalBayesPrior],
    made: Sequence[Fold],
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
) -> float:
    """Nats a later opinion over all folds, each foreseen by its own learner; ln 2 is guessing."""
    sums = [_nats(one, fold, names, embeddings) for one, fold in zip(learners, made, strict=True)]
    nats, count = torch.stack(sums).sum(dim=0).tolist()
    return nats / count


def _nats(
    learner: LearnedPrior | EmpiricalBayesPrior,
    fold: Fold,
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
) -> Float[Tensor, "2"]:
    """Nats that a fold's later opinions cost, and their number."""
    shared, told = utilities(learner, names, embeddings)
    table = learner.cutpoints.table()
    belief = infer(learner.prior, answers(fold.earlier, shared, told, table))
    asked = answers(fold.later, shared, told, table)
    nats = -belief.predict_proba(asked).clamp_min(1e-12).log() * asked.weights
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


def find_prior(
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
    people: Sequence[Opinions],
    config: PosteriorConfig,
    held_out: Sequence[Opinions] = (),
    seed: int = 0,
    progress: Progress = lambda step, loss: None,
) -> LearnedPrior | EmpiricalBayesPrior:
    """Learn or estimate a prior, as `config.prior` says; `auto` takes what foresees people better, if they are few.

    An estimate does not look at `held_out`, and reports its progress once, at the end. ValueError for fewer than two
    people with two opinions.
    """
    people = enough(people)
    if config.prior == "learned" or (config.prior == "auto" and len(people) >= MANY):
        return learn(embeddings, people, config, held_out, seed, progress)
    made = [fold for turn in range(ROUNDS) for fold in folds(people, len(names), seed + turn)]
    estimating = [CachedEstimation(names, embeddings, fold.taught, config.features) for fold in made]
    scales, nats = search(estimating, made)
    if config.prior == "auto":
        trials = made[:TRIALS]
        learned = [learn(embeddings, fold.taught, config, held_out, seed) for fold in trials]
        estimates = [one(scales) for one in estimating[:TRIALS]]
        if log_loss(learned, trials, names, embeddings) < log_loss(estimates, trials, names, embeddings):
            return learn(embeddings, people, config, held_out, seed, progress)
    progress(config.steps, nats)
    return CachedEstimation(names, embeddings, people, config.features)(scales)


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
        at, said = scales, self.people
        basis = self._once("basis", at.width, lambda: Basis.of(self.embeddings, at.width))
        key: tuple[float, ...] = (at.width, at.shared, at.image)
        taste = self._once("taste", key, lambda: shared_taste(basis.rows, said, at.shared, at.image))
        key = (*key, at.rater)
        rater = self._once("leaning", key, lambda: rater_effects(basis.rows, said, taste, at.rater))
        return assembled(basis, taste, rater, said, self.names, at, self.width)

    def _once(self, step: str, key: Hashable, make: Callable[[], Any]) -> Any:
        kept = self._kept.setdefault(step, {})
        found = kept.pop(key) if key in kept else make()
        kept[key] = found  # now the latest
        if len(kept) > 2:
            del kept[next(iter(kept))]
        return found


def search(estimating: Sequence[CachedEstimation], made: Sequence[Fold]) -> tuple[Scales, float]:
    """Choose the scales that surprise least, one after the other, and give the nats an opinion; ties keep the first."""

    def nats(scales: Scales) -> float:
        one = estimating[0]
        return log_loss([estimate(scales) for estimate in estimating], made, one.names, one.embeddings)

    best, least = Scales(), nats(Scales())
    for _ in range(SWEEPS):
        for name, values in GRID.items():
            for value in values:
                tried = best._replace(**{name: value})
                if tried != best and (now := nats(tried)) < least:
                    best, least = tried, now
    return best, least
