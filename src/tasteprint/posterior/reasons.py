"""What each taste of a fitted posterior likes, among given images.

Enters: a fitted model, and images. Leaves: image names. Does not know: people, pages, pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from tasteprint.posterior.utilities import ImageUtilities, UtilityModel


class TasteExtremes(NamedTuple):
    """One taste: how common it is (0 to 1), and the images that it likes most and least, the most extreme first."""

    share: float
    most: tuple[str, ...]
    least: tuple[str, ...]


@torch.no_grad()
def taste_extremes(model: UtilityModel, images: ImageUtilities, count: int = 6) -> list[TasteExtremes]:
    """What each of the R tastes likes among images, by the utility at its centre."""
    utilities = images.shared.double() + model.prior.means.double() @ images.features.double().T
    order = utilities.argsort(dim=1, descending=True, stable=True).tolist()
    named = [[images.names[place] for place in row] for row in order]
    shares = model.prior.log_weights.exp().tolist()
    return [
        TasteExtremes(share, tuple(row[:count]), tuple(row[::-1][:count]))
        for share, row in zip(shares, named, strict=True)
    ]
