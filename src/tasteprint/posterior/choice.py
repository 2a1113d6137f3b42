"""Which prior people of a log need: nobody's, one estimated from a few raters, or one learned from many.

Enters: embeddings of images, people's opinions, settings. Leaves: a fitted prior, and in a log line why it was taken.
Does not know: encoders, files, anybody on whom the prior is tested later. The same for the same seed.

One person alone gets `AlonePrior`. From two people on a prior is estimated, with scales found by cross-validation, and
set against nobody's and, from some tens on, a learned one, by the log loss of people who were left out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.posterior.alone import AlonePrior
from tasteprint.posterior.basis import MOST_COMPONENTS, Components
from tasteprint.posterior.cross_validation import CachedEstimation, Fold, folds, log_loss, search_scales
from tasteprint.posterior.learned_prior import Progress, learn_prior, with_opinions
from tasteprint.posterior.likelihoods import Opinions
from tasteprint.posterior.threads import one_thread
from tasteprint.posterior.utilities import FittedPrior

MANY = 200
"""So many people are enough to learn a prior end to end; with fewer, `auto` tries what there is."""

FEW = 40
"""With fewer people, learning is not tried: it takes a hundred times as long as an estimate, and overfits."""

ROUNDS = 1
"""How often the people are parted into folds to choose scales."""

TRIALS = 2
"""Folds on which a learned prior is tried."""

logger = logging.getLogger(__name__)


@one_thread()
def find_prior(
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
    people: Sequence[Opinions],
    config: PosteriorConfig,
    held_out: Sequence[Opinions] = (),
    seed: int = 0,
    progress: Progress = lambda step, loss: None,
    column_weights: Float[Tensor, " e"] | None = None,
) -> FittedPrior:
    """Learn or estimate a prior, or take nobody's, as `config.prior` says; `auto` takes what predicts people best.

    An estimate does not look at `held_out`, and reports its progress once, at the end. ValueError where nobody has two
    opinions, and for fewer than two such people where the prior is to be learned or estimated.
    """
    people = with_opinions(people, 1 if config.prior in ("auto", "alone") else 2)
    if config.prior == "alone" or len(people) == 1:
        return AlonePrior.of(embeddings, column_weights)
    if config.prior == "learned" or (config.prior == "auto" and len(people) >= MANY):
        return learn_prior(embeddings, people, config, held_out, seed, progress, column_weights)
    components = Components.of(embeddings, MOST_COMPONENTS, column_weights)
    made = [fold for turn in range(ROUNDS) for fold in folds(people, len(names), seed + turn)]
    estimations = [CachedEstimation(names, embeddings, components, fold.train) for fold in made]
    scales, nats = search_scales(estimations, made)
    if config.prior == "auto":
        trials = made[:TRIALS]
        tried: dict[str, Sequence[FittedPrior]] = {"estimated": [one(scales) for one in estimations[:TRIALS]]}
        tried["alone"] = [AlonePrior.of(embeddings, column_weights)] * len(trials)
        if len(people) >= FEW:
            tried["learned"] = [
                learn_prior(embeddings, fold.train, config, held_out, seed, column_weights=column_weights)
                for fold in trials
            ]
        best = _best(tried, trials, names, embeddings)
        if best == "learned":
            return learn_prior(embeddings, people, config, held_out, seed, progress, column_weights)
        if best == "alone":
            return tried["alone"][0]
    progress(config.steps, nats)
    return CachedEstimation(names, embeddings, components, people)(scales)


def _best(
    tried: dict[str, Sequence[FittedPrior]],
    trials: Sequence[Fold],
    names: Sequence[str],
    embeddings: Float[Tensor, "images e"],
) -> str:
    """The prior of least log loss, said with all that were tried."""
    losses = {name: log_loss(priors, trials, names, embeddings) for name, priors in tried.items()}
    best = min(losses, key=lambda name: losses[name])
    found = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    logger.info("prior: %s, by the nats a choice of people left out (%s)", best, found)
    return best
