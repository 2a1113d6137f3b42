"""Many people at once: a person is one row of numbers, so all scores of all people are one matrix product.

Enters: prints, or rows of tastes. Leaves: scores of people by images. Does not know: how prints are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.taste.model import TastePosterior
from tasteprint.taste.prints import TastePrint


@dataclass(frozen=True, slots=True)
class Crowd:
    """People of one posterior, by their expected tastes: 4 bytes a feature and person."""

    posterior: TastePosterior
    users: Sequence[str]
    tastes: Float[Tensor, "people d"]

    @classmethod
    def of(cls, prints: Sequence[TastePrint]) -> Crowd:
        """Gather prints. ValueError for none, or for prints of several posteriors."""
        if not prints or any(taste.made_from != prints[0].made_from for taste in prints):
            raise ValueError(
                f"{len(prints)} prints of {len({taste.made_from for taste in prints})} posteriors came in; expected "
                "some, of one: gather them apart."
            )
        tastes = torch.stack([taste.belief.taste for taste in prints]).float()
        return cls(prints[0].posterior, [taste.user_id for taste in prints], tastes)

    @torch.no_grad()
    def score_rows(self, embeddings: Float[Tensor, "b e"]) -> Float[Tensor, "people b"]:
        """Expected utility of every image for every person, each as that person's print gives it."""
        shared, features = self.posterior.utilities(embeddings)
        return torch.addmm(shared[None, :], self.tastes, features.T)
