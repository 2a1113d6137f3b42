"""Both models combined: the posterior with the in-context model's margin as its prior mean.

Enters: both models, people's histories and targets. Leaves: log odds of pairs, scores of pictures, the scale that
predicts validation people best. Does not know: test people.

`u(z) = M(z) + w · h(z)`: M is the margin after the same history, and w, how this person strays from it, is normal
around 0 with `scale` times the spread that the posterior has around each of its tastes. Scale 0 is the model alone.
The margins of a vote of the history are read after its other votes: after itself the model has read the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from experiments.models import ModelPair
from experiments.people import Scores, candidate_scores
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import fixed_examples
from tasteprint.evaluate.predictors import Candidate, Predictor, target_candidates
from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import MixturePosterior, MixturePrior
from tasteprint.types import History

SCALES = (0.0, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class CombinedModels:
    """Some people's votes as differences liked minus disliked; margins and features of their candidates."""

    spread: Float[Tensor, " d"]
    context: Answers
    margins: Float[Tensor, "people candidates"]
    features: Float[Tensor, "people candidates d"]

    @classmethod
    def of(
        cls,
        models: ModelPair,
        histories: Sequence[History],
        candidates: Sequence[Sequence[Candidate]],
        margins: Scores,
    ) -> CombinedModels:
        """Bring both together; `margins` are the model's of the asked pictures, after the histories."""
        context = [[(image, v.prompt) for v in h.votes for image in (v.liked, v.disliked)] for h in histories]
        before = torch.from_numpy(left_out(models.in_context, histories))
        features = _features(models, context)
        answers = Answers.choices(features[:, 0::2] - features[:, 1::2], before[:, 0::2] - before[:, 1::2])
        prior = models.posterior.prior
        return cls(prior.spread.detach(), answers, torch.from_numpy(margins), _features(models, candidates))

    @torch.no_grad()
    def odds(self, scale: float) -> Float[np.ndarray, "people targets"]:
        """Log odds that the first picture of each pair of candidates is taken."""
        rows, offsets = (part[:, 0::2] - part[:, 1::2] for part in (self.features, self.margins))
        if not scale:
            return offsets.numpy()
        return torch.logit(
            self._belief(scale).predict_proba(Answers.choices(rows, offsets)), eps=1e-12
        ).numpy()

    @torch.no_grad()
    def scores(self, scale: float) -> Scores:
        """Expected utilities of the candidates."""
        if not scale:
            return self.margins.numpy()
        return (self.margins + (self.features @ self._belief(scale).taste[..., None])[..., 0]).numpy()

    def best_scale(self, taken: Float[np.ndarray, "people targets"]) -> float:
        """The scale of `SCALES` that gives the votes that were cast (1: the first picture) the highest probability."""
        signs = np.where(taken == 1, 1, -1)
        return max(SCALES, key=lambda scale: -np.logaddexp(0, -signs * self.odds(scale)).mean())

    def _belief(self, scale: float) -> MixturePosterior:
        prior = MixturePrior(1, len(self.spread)).requires_grad_(False)
        prior.means.zero_()
        prior.raw_spread.copy_((scale * self.spread).log())
        return infer(prior, self.context)


def chosen_scale(models: ModelPair, dataset: Dataset, votes: int) -> float:
    """The best scale for the validation people of a dataset."""
    there = replace(models, open_image=dataset.images.open, folder=dataset.folder / "features")
    examples, _ = fixed_examples(dataset.votes_by_user("validation"), votes, n_targets=16, seed=0)
    histories, candidates = [e.history for e in examples], [target_candidates(e) for e in examples]
    both = CombinedModels.of(
        there, histories, candidates, candidate_scores(there.in_context, histories, candidates)
    )
    return both.best_scale(np.ones((len(candidates), len(candidates[0]) // 2)))


def left_out(model: Predictor, histories: Sequence[History]) -> Scores:
    """Margins of the pictures of each vote, the liked first, after the person's other votes."""
    columns = []
    for place in range(len(histories[0])):
        others = [replace(h, votes=h.votes[:place] + h.votes[place + 1 :]) for h in histories]
        votes = [history.votes[place] for history in histories]
        columns.append(
            candidate_scores(model, others, [[(v.liked, v.prompt), (v.disliked, v.prompt)] for v in votes])
        )
    return np.concatenate(columns, axis=1)


def _features(
    models: ModelPair, candidates: Sequence[Sequence[Candidate]]
) -> Float[Tensor, "people candidates d"]:
    names = [image for person in candidates for image, _ in person]
    shown = models.posterior.images(names, models.embeddings)
    return shown.features.double().unflatten(0, (len(candidates), -1))
