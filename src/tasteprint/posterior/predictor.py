"""The taste posterior as a `Predictor`: through this it is measured.

Enters: a fitted model, embeddings by image name; histories and candidates. Leaves: expected utilities, and log odds of
pairs. Does not know: how a posterior is fitted, how predictions are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.prints import PosteriorPrint, read_histories
from tasteprint.posterior.utilities import Embeddings, ImageUtilities, UtilityModel
from tasteprint.types import Candidate, History


@dataclass(frozen=True)
class PosteriorPredictor:
    """Predicts by a taste posterior. Called, it gives expected utilities; `pairs` gives calibrated log odds.

    Images that the fitted prior knows by name are looked up, not judged by their embedding alone.
    """

    model: UtilityModel
    embeddings: Embeddings

    def __call__(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Expected utility of each candidate, for each person's own."""
        return [
            (images.shared + images.features @ taste.belief.taste.float()).double().numpy()
            for taste, images in self._read(histories, candidates)
        ]

    def pairs(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Margins whose difference within a pair (candidates 0 and 1, 2 and 3, ...) is the log odds of its choice."""
        return [
            _half_log_odds(taste.belief.predict_proba(_choices(images)))
            for taste, images in self._read(histories, candidates)
        ]

    def _read(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[tuple[PosteriorPrint, ImageUtilities]]:
        prints = read_histories(self.model, histories, self.embeddings)
        names = [[image for image, _ in row] for row in candidates]
        images = [self.model.images(row, self.embeddings) for row in names]
        return list(zip(prints, images, strict=True))


def _choices(images: ImageUtilities) -> Answers:
    """The first image of each pair over the second."""
    features, shared = images.features.double(), images.shared.double()
    return Answers.choices(features[0::2] - features[1::2], shared[0::2] - shared[1::2])


def _half_log_odds(probabilities: Float[Tensor, " pairs"]) -> Float[np.ndarray, " candidates"]:
    odds = torch.logit(probabilities.double(), eps=1e-12) / 2
    return torch.stack([odds, -odds], dim=1).flatten().numpy()
