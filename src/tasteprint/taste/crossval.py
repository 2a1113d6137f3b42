"""Which prior, of what scales: by how well some of the raters are foreseen from the others (method.md section 10).

Enters: embeddings of images, people's opinions. Leaves: a learned or an estimated prior. Does not know: encoders,
files, anybody on whom the prior is tested later. The same for the same seed.

On 140 people with 29 votes each, on 100 images: 20 seconds of one core for the scales; with `auto` twice the time of
learning on top.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.taste.basis import Basis
from tasteprint.taste.few import Estimate, Scales, assembled
from tasteprint.taste.folds import Fold, folds, surprise
from tasteprint.taste.leanings import leanings, shared_taste
from tasteprint.taste.learning import Learner, Progress, enough, learn
from tasteprint.taste.opinions import Opinions

PRIORS = ("auto", "learned", "estimated")
MANY = 200
"""So many people are enough to learn a prior end to end; with fewer, `auto` tries both."""

ROUNDS = 2
"""How often the people are parted into folds to choose scales."""

TRIALS = 2
"""Folds on which a learned prior is tried: learning takes a hundred times as long as an estimate."""

GRID = {
    "others": (0.0, 0.5, 1.0, 2.0, 3.0),
    "leaning": (0.5, 1.0, 2.0),
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
) -> Learner | Estimate:
    """Learn or estimate a prior, as `config.prior` says; `auto` takes what foresees people better, if they are few.

    An estimate does not look at `held_out`, and reports its progress once, at the end. ValueError for fewer than two
    people with two opinions.
    """
    if config.prior not in PRIORS:
        raise ValueError(f"posterior.prior is {config.prior!r}; expected one of {', '.join(PRIORS)}.")
    people = enough(people)
    if config.prior == "learned" or (config.prior == "auto" and len(people) >= MANY):
        return learn(embeddings, people, config, held_out, seed, progress)
    made = [fold for turn in range(ROUNDS) for fold in folds(people, len(names), seed + turn)]
    estimating = [Estimating(names, embeddings, fold.taught, config.features) for fold in made]
    scales, nats = search(estimating, made)
    if config.prior == "auto":
        trials = made[:TRIALS]
        learned = [learn(embeddings, fold.taught, config, held_out, seed) for fold in trials]
        estimates = [one(scales) for one in estimating[:TRIALS]]
        if surprise(learned, trials, names, embeddings) < surprise(estimates, trials, names, embeddings):
            return learn(embeddings, people, config, held_out, seed, progress)
    progress(config.steps, nats)
    return Estimating(names, embeddings, people, config.features)(scales)


class Estimating:
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

    def __call__(self, scales: Scales) -> Estimate:
        """Estimate a prior."""
        at, said = scales, self.people
        basis = self._once("basis", at.width, lambda: Basis.of(self.embeddings, at.width))
        key: tuple[float, ...] = (at.width, at.shared, at.image)
        taste = self._once("taste", key, lambda: shared_taste(basis.rows, said, at.shared, at.image))
        key = (*key, at.leaning)
        leaning = self._once("leaning", key, lambda: leanings(basis.rows, said, taste, at.leaning))
        return assembled(basis, taste, leaning, said, self.names, at, self.width)

    def _once(self, step: str, key: Hashable, make: Callable[[], Any]) -> Any:
        kept = self._kept.setdefault(step, {})
        found = kept.pop(key) if key in kept else make()
        kept[key] = found  # now the latest
        if len(kept) > 2:
            del kept[next(iter(kept))]
        return found


def search(estimating: Sequence[Estimating], made: Sequence[Fold]) -> tuple[Scales, float]:
    """Choose the scales that surprise least, one after the other, and give the nats an opinion; ties keep the first."""

    def nats(scales: Scales) -> float:
        one = estimating[0]
        return surprise([estimate(scales) for estimate in estimating], made, one.names, one.embeddings)

    best, least = Scales(), nats(Scales())
    for _ in range(SWEEPS):
        for name, values in GRID.items():
            for value in values:
                tried = best._replace(**{name: value})
                if tried != best and (now := nats(tried)) < least:
                    best, least = tried, now
    return best, least
