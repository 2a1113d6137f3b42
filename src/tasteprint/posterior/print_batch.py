"""Many people of one model at once: one matrix product scores every image for everybody.

Enters: prints of one posterior, embeddings. Leaves: expected utilities, people by images. Does not know: how a print is
made, pictures, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.utilities import UtilityModel


@dataclass(frozen=True, slots=True)
class PrintBatch:
    """Many people of one model, by their expected tastes: 4 bytes a feature and person, one product a score."""

    model: UtilityModel
    user_ids: Sequence[str]
    tastes: Float[Tensor, "people d"]

    @classmethod
    def of(cls, prints: Sequence[PosteriorPrint]) -> PrintBatch:
        """Gather prints. ValueError for none, or for prints of several posteriors."""
        if not prints or any(taste.fingerprint != prints[0].fingerprint for taste in prints):
            raise ValueError(
                f"{len(prints)} prints of {len({taste.fingerprint for taste in prints})} posteriors came in; expected "
                "some, of one: gather them apart."
            )
        tastes = torch.stack([taste.belief.taste for taste in prints]).float()
        return cls(prints[0].model, [taste.user_id for taste in prints], tastes)

    @torch.no_grad()
    def score_embeddings(self, embeddings: Float[Tensor, "b e"]) -> Float[Tensor, "people b"]:
        """Expected utility of every image for every person, each as that person's print gives it."""
        shared, features = self.model.utilities(embeddings)
        return torch.addmm(shared[None, :], self.tastes, features.T)
