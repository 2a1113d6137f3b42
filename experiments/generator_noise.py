"""Which noise belongs to which picture: what the bundled generator is taught, in place of a diffusion teacher's pairs.

Enters: labels of pictures. Leaves: noise, standard normal over all pictures. Does not know: pixels, networks.

The mean of the noise over a cell of 4 x 4 places of one channel is a direction of it: nine a channel, at the places
of the network's smallest grid. Each dimension has as many directions as values, and the value whose direction is
largest is the picture's. So the noise of a picture is drawn from the normal distribution given its values, and over
all pictures it is the normal distribution. Between noise and the corners of the simplex that values are, this is
the optimal transport: each goes to the nearest.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, one_hot

from tasteprint.simulate.taxonomy import DIMENSIONS

CHANNELS, SIDE, CELL = 16, 12, 4
CELLS = SIDE // CELL
SIZES = tuple(len(values) for values in DIMENSIONS.values())
DECIDING = -(-sum(SIZES) // CELLS**2)
"""So many channels say which picture it is; the rest is free."""

CLEAR, UNCLEAR = 1.5, -0.5
"""What clear noise is at the cells of a picture's values, and at the others."""


def directions(noise: Float[Tensor, "n 16 12 12"]) -> Float[Tensor, "n 28"]:
    """What the noise says of each value; standard normal and independent for normal noise."""
    return CELL * avg_pool2d(noise[:, :DECIDING], CELL).flatten(1)[:, : sum(SIZES)]


def values_of(noise: Float[Tensor, "n 16 12 12"]) -> Int[Tensor, "n dimensions"]:
    """The value of each dimension that the noise decides."""
    return torch.stack([part.argmax(1) for part in directions(noise).split(SIZES, dim=1)], dim=1)


def noise_for(
    labels: Int[Tensor, "n dimensions"], draw: torch.Generator, clear: float = 0.0
) -> Float[Tensor, "n 16 12 12"]:
    """Draw noise for pictures of these values: `values_of` gives the labels back.

    With `clear` above 0, up to 1, the values stand out more and more from less and less noise: for the first lessons.
    """
    noise = torch.randn(len(labels), CHANNELS, SIDE, SIDE, generator=draw)
    said = directions(noise)
    wanted = [_largest_at(part, labels[:, i]) for i, part in enumerate(said.split(SIZES, dim=1))]
    noise[:, :DECIDING] += _spread((torch.cat(wanted, dim=1) - said) / CELL)
    code = torch.cat([one_hot(labels[:, i], size) for i, size in enumerate(SIZES)], dim=1)
    noise *= 1 - clear
    noise[:, :DECIDING] += clear * _spread(UNCLEAR + (CLEAR - UNCLEAR) * code)
    return noise


def _spread(values: Float[Tensor, "n 28"]) -> Float[Tensor, "n deciding 12 12"]:
    """Each value all over its cell."""
    whole = torch.nn.functional.pad(values, (0, DECIDING * CELLS**2 - values.shape[1]))
    return interpolate(whole.unflatten(1, (DECIDING, CELLS, CELLS)), scale_factor=float(CELL))


def _largest_at(part: Float[Tensor, "n values"], label: Int[Tensor, " n"]) -> Float[Tensor, "n values"]:
    """Let the largest number and the one at the label change places."""
    rows, top, moved = torch.arange(len(part)), part.argmax(1), part.clone()
    moved[rows, top], moved[rows, label] = part[rows, label], part[rows, top]
    return moved
