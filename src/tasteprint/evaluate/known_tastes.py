"""The taste posterior as a reader: what stands beside the in-context model, or is measured itself.

Enters: a posterior, image features by name. Leaves: a reader that also says how sure it is of a pair.
Does not know: how a posterior is learned, how margins are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.evaluate.readers import Candidate
from tasteprint.model.likelihoods import Answers
from tasteprint.taste.model import Embeddings, TastePosterior
from tasteprint.taste.prints import Shown, TastePrint
from tasteprint.types import History


@dataclass(frozen=True)
class PosteriorReader:
    """Reads people by a taste posterior. Called, it gives expected utilities; `pairs` gives calibrated log odds."""

    posterior: TastePosterior
    embeddings: Embeddings

    def __call__(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Expected utility of each candidate, for each person's own."""
        return [
            (shown.shared + shown.features @ taste.belief.taste.float()).double().numpy()
            for taste, shown in zip(self._prints(histories), map(self._shown, candidates), strict=True)
        ]

    def pairs(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Margins whose difference within a pair (candidates 0 and 1, 2 and 3, ...) is the log odds of its choice."""
        return [
            _halves(taste.belief.chances(_choices(shown)))
            for taste, shown in zip(self._prints(histories), map(self._shown, candidates), strict=True)
        ]

    def _prints(self, histories: Sequence[History]) -> list[TastePrint]:
        # A person may stand twice in a call, with two histories: the place, not the user, tells them apart.
        said = {str(place): history.votes for place, history in enumerate(histories)}
        return self.posterior.prints_of(said, self.embeddings)

    def _shown(self, asked: Sequence[Candidate]) -> Shown:
        return self.posterior.shown([image for image, _ in asked], self.embeddings)


def _choices(shown: Shown) -> Answers:
    features, shared = shown.features.double(), shown.shared.double()
    return Answers.choices(features[0::2] - features[1::2], shared[0::2] - shared[1::2])


def _halves(chances: Float[Tensor, "pairs"]) -> np.ndarray:
    odds = torch.logit(chances.double(), eps=1e-12) / 2
    return torch.stack([odds, -odds], dim=1).flatten().numpy()
