"""Keys and values in eight bits a number, and what that costs in accuracy.

Enters: a tensor of keys and values, or prints. Leaves: the same in int8 with scales; the largest change of a score.
Does not know: models, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from jaxtyping import Int8 as Bytes
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from tasteprint.model.prints import Tasteprint


@dataclass(frozen=True, slots=True)
class Int8:
    """Rounded keys and values. A scale for each layer, key or value, head and channel, over all places.

    The channels of a head differ in size by far more than the places of a channel do (keys have a few large
    channels), so each has its own scale: largest absolute value / 127. An error is at most half a scale.
    """

    rounded: Bytes[Tensor, "layers 2 heads length width"]
    scales: Float[Tensor, "layers 2 heads 1 width"]

    @classmethod
    def of(cls, dense: Float[Tensor, "layers 2 heads length width"]) -> Int8:
        """Round to the nearest of 255 steps; a channel of zeros stays zero."""
        largest = dense.abs().float().amax(dim=-2, keepdim=True)
        scales = largest.clamp(min=torch.finfo(torch.float32).tiny) / 127
        return cls((dense / scales).round().to(torch.int8), scales)

    def dense(self) -> Float[Tensor, "layers 2 heads length width"]:
        """Give the numbers back, in float32."""
        return self.rounded * self.scales

    @property
    def shape(self) -> torch.Size:
        """Shape of the keys and values."""
        return self.rounded.shape

    @property
    def nbytes(self) -> int:
        """Bytes in memory, scales included."""
        return self.rounded.nbytes + self.scales.nbytes


def rounding_loss(taste: Tasteprint, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> float:
    """Measure by how much, at most, the margins of these pictures change when the print is rounded to int8."""
    exact = taste.score_pictures(pictures, prompts)
    return (taste.quantized().score_pictures(pictures, prompts) - exact).abs().max().item()
