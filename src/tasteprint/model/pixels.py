"""Pictures to the backbone's pixels, twice: by its own image processor, and by torch with gradients.

Enters: PIL images, or tensors in [0, 1]. Leaves: normalised squares `(n, 3, side, side)`. Does not know: models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate


def processed(images: Sequence[Image.Image], processor: Any, square: int) -> Float[Tensor, "n 3 side side"]:
    """Squash each image to a square (P section 3.1: 512), then let the backbone's processor do the rest."""
    squares = [image.resize((square, square), Image.Resampling.BICUBIC) for image in images]
    return processor.image_processor([squares], return_tensors="pt")["pixel_values"][0]


def differentiable(
    images: Float[Tensor, "n 3 h w"], processor: Any, square: int
) -> Float[Tensor, "n 3 side side"]:
    """Do the same to tensors in [0, 1] with gradients (P appendix D)."""
    images = _resized(images, square, "bicubic").clamp(0, 1)
    images = _resized(images, min(square, processor.image_processor.size["longest_edge"]), "bilinear")
    mean, std = (
        torch.tensor(values, dtype=images.dtype, device=images.device)[:, None, None]
        for values in (processor.image_processor.image_mean, processor.image_processor.image_std)
    )
    return (images - mean) / std


def _resized(images: Tensor, side: int, mode: str) -> Tensor:
    if images.shape[-2:] == (side, side):
        return images
    return interpolate(images, (side, side), mode=mode, antialias=True, align_corners=False)
