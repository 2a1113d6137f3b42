"""How far pictures are from all that a prior learned from: there its word is worth little, and it must say so.

Enters: what a prior reads of many images. Leaves: a share of belief for each new image, 1 for one like those, 0 for one
far from them. Does not know: people, utilities.

The distance is Mahalanobis's, with a covariance shrunk after Ledoit and Wolf (2004). What counts as far is taken from
images that the covariance was not found on: up to the distance that 99 % of them keep, all is believed; nothing from as
far beyond that as it is beyond that of 95 %.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

LEAST, EACH = 200, 10
"""Fewer images than these, or than so many for each number that is read of them, don't show what is usual: nothing
counts as far then."""

APART = 5
"""One image in so many is kept apart for the distances."""

NEAR, USUAL = 0.99, 0.95

CHANCE = 1e-4
"""Images count as strange together where so many far ones would be so unlikely among images of the known kind."""

STRANGE = (
    "these pictures are unlike those that the model learned from, so its scores of them say little and its "
    "probabilities are drawn toward one half; expected pictures of the kind that it knows: open another model, such as "
    "'photos'."
)


class Familiarity(nn.Module):
    """A centre, a whitening of what is read of an image, and the distances `near` and `far`."""

    mean: Tensor
    white: Tensor
    near: Tensor
    far: Tensor

    def __init__(self, mean: Tensor, white: Tensor, near: Tensor, far: Tensor) -> None:
        """Take what `of` finds, or what was kept; the whitening is held in half precision."""
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("white", white.half())
        self.register_buffer("near", near.float())
        self.register_buffer("far", far.float())

    @classmethod
    def of(cls, rows: Float[Tensor, "images i"]) -> Familiarity | None:
        """Learn what is usual; None where there are too few images. The same for the same images."""
        if len(rows) < max(LEAST, EACH * rows.shape[1]):
            return None
        from sklearn.covariance import ledoit_wolf  # takes a second to load, and learning takes longer

        apart = torch.arange(len(rows)) % APART == 0
        inner = rows[~apart].double().numpy(force=True)
        covariance, _ = ledoit_wolf(inner)
        values, vectors = np.linalg.eigh(covariance)
        white = torch.from_numpy(vectors / np.sqrt(values.clip(1e-9 * values[-1]) * rows.shape[1]))
        nothing = torch.zeros(())
        found = cls(torch.from_numpy(inner.mean(axis=0)), white, nothing, nothing)
        distances = found.distance(rows[apart])
        near, usual = (torch.quantile(distances, share) for share in (NEAR, USUAL))
        return cls(found.mean, found.white, near, 2 * near - usual)

    def distance(self, rows: Float[Tensor, "*n i"]) -> Float[Tensor, "*n"]:
        """Distance to the centre, about 1 for what is usual; differentiable."""
        return ((rows - self.mean) @ self.white.to(rows)).square().sum(dim=-1).clamp(min=1e-12).sqrt()

    def forward(self, rows: Float[Tensor, "*n i"]) -> Float[Tensor, "*n"]:
        """Give the share of belief, 0 to 1."""
        return ((self.far - self.distance(rows)) / (self.far - self.near).clamp(min=1e-6)).clamp(0, 1)


def warn_of_strangers(belief: Float[Tensor, " n"]) -> None:
    """Warn where more images than chance explains lie in the outer half of the doubt or beyond."""
    far = int((belief < 0.5).sum())
    if far == 0:
        return
    from scipy.stats import binom

    if binom.sf(far - 1, belief.numel(), 1 - NEAR) < CHANCE:
        warnings.warn(STRANGE, stacklevel=2)
