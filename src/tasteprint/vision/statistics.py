"""Colour and gradient statistics of an image: an encoder without weights, so that a posterior can begin anywhere.

Enters: images in [0, 1]. Leaves: 184 numbers an image, with gradients to the pixels. Does not know: names, people.
For a log whose pictures no network at hand can read; a pretrained encoder says more.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, pad

SIDE = 64
"""Images are squashed to so many pixels a side first, so that gradients mean the same at every size."""

GRID = 4
BINS = 8
ANGLES = 4
WIDTH = GRID**2 * (2 * 3 + ANGLES) + 3 * BINS
SOFT = 1e-4
"""Added under square roots, whose slope at 0 has no bound: a deviation below 0.01 counts as 0.01."""


def squashed(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 64 64"]:
    """Bring images in [0, 1] of any size and shape to the square that is measured, antialiased, with gradients."""
    return interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


class Statistics(nn.Module):
    """Means and deviations of colour and strength of edges in 4 x 4 cells, and three histograms of colour."""

    opponent: Tensor
    centres: Tensor
    turns: Tensor

    def __init__(self) -> None:
        """Set out the channels (light, red against green, yellow against blue), bins and angles."""
        super().__init__()
        third, half = 1 / 3, 1 / 2
        light, red, yellow = (third, third, third), (half, -half, 0.0), (half / 2, half / 2, -half)
        self.register_buffer("opponent", torch.tensor([light, red, yellow]))
        spread = torch.linspace(0, 1, BINS)
        self.register_buffer("centres", torch.stack([spread, spread - 0.5, spread - 0.5]))
        double = torch.arange(ANGLES) * (2 * torch.pi / ANGLES)
        self.register_buffer("turns", torch.stack([double.cos(), double.sin()], dim=1))

    def forward(self, images: Float[Tensor, "n 3 64 64"]) -> Float[Tensor, "n 184"]:
        """Give means (48), deviations (48), edges by angle (64), histograms (24)."""
        colours = torch.einsum("oc,nchw->nohw", self.opponent, images)
        means = adaptive_avg_pool2d(colours, GRID)
        squares = adaptive_avg_pool2d(colours.square(), GRID)
        deviations = ((squares - means.square()).clamp(min=0) + SOFT).sqrt()
        cells = (means, deviations, adaptive_avg_pool2d(self._edges(colours[:, :1]), GRID))
        return torch.cat([part.flatten(1) for part in (*cells, self._histograms(colours))], dim=1)

    def _edges(self, light: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n angles h w"]:
        """Strength of the gradient at each pixel, shared among angles by the squared cosine of twice their distance.

        Twice, since an edge has no sign; an angle more than 45 degrees away gets nothing.
        """
        framed = pad(light, (1, 1, 1, 1), mode="replicate")
        across = (framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]) / 2
        down = (framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]) / 2
        power = across.square() + down.square() + SOFT
        twice = torch.cat([across.square() - down.square(), 2 * across * down], dim=1) / power
        along = torch.einsum("ad,ndhw->nahw", self.turns, twice).relu()
        return power.sqrt() * along.square()

    def _histograms(self, colours: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 bins"]:
        """Share of the pixels in each bin of each channel, every pixel parted between the two nearest centres."""
        step = self.centres[0, 1] - self.centres[0, 0]
        apart = (colours.flatten(2)[:, :, None] - self.centres[:, :, None]).abs() / step
        return (1 - apart).relu().mean(dim=-1)
