"""How reward models prepare a picture, each twice: as its authors do, and in torch with gradients to the pixels.

Enters: RGB pictures, or tensors in [0, 1]. Leaves: normalised pixels. Does not know: models, scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from tasteprint.vision.pixels import (
    as_floats,
    has_twin,
    normalised,
    prepared,
    require_proportions,
    resized,
    twin,
)

if TYPE_CHECKING:
    from pathlib import Path


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of a channel in [0, 1]: what OpenAI's CLIP, and most reward models after it, normalise with."""


@runtime_checkable
class Preparation(Protocol):
    """The pixels that a model sees."""

    def picture(self, picture: Image.Image) -> Float[Tensor, "1 3 height width"]:
        """Prepare an RGB picture of any size as the model's authors do."""
        ...

    def twin(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 height width"]:
        """Do the same to images in [0, 1] with gradients, unrounded; see `vision.pixels.twin` for how near it is."""
        ...


@dataclass(frozen=True)
class Steps:
    """A preparation of two functions."""

    picture: Callable[[Image.Image], Tensor]
    twin: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LongSide:
    """Bring the long side to `side`, bicubic, and put the picture in the middle of a black square (HPS v2).

    Where an odd margin remains, it lies right or below. The authors leave a picture whose long side has that length
    already unpadded, which their own model refuses unless it is square; here it is padded.
    """

    side: int
    mean: Sequence[float]
    std: Sequence[float]

    def picture(self, picture: Image.Image) -> Float[Tensor, "1 3 height width"]:
        """See `Preparation`."""
        height, width = self._size(picture.height, picture.width)
        scaled = picture.resize((width, height), Image.Resampling.BICUBIC)
        return self._padded(as_floats(scaled))

    def twin(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 height width"]:
        """See `Preparation`."""
        size = self._size(images.shape[-2], images.shape[-1])
        return self._padded(resized(images, size, Image.Resampling.BICUBIC))

    def _size(self, height: int, width: int) -> tuple[int, int]:
        require_proportions(width, height)
        scale = self.side / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _padded(self, images: Tensor) -> Tensor:
        down, right = self.side - images.shape[-2], self.side - images.shape[-1]
        margins = (right // 2, right - right // 2, down // 2, down - down // 2)
        return normalised(pad(images, margins), self.mean, self.std)


@dataclass(frozen=True)
class EqualArea:
    """Resize, bicubic, to sides that are multiples of `factor` and an area of at most `area`, the proportions kept.

    Qwen2-VL's `smart_resize` with the least and the greatest area the same, as HPSv3 calls it. An area is in pixels.
    """

    factor: int
    area: int
    mean: Sequence[float]
    std: Sequence[float]

    def picture(self, picture: Image.Image) -> Float[Tensor, "1 3 height width"]:
        """See `Preparation`."""
        height, width = self.size(picture.height, picture.width)
        scaled = picture.resize((width, height), Image.Resampling.BICUBIC)
        return normalised(as_floats(scaled), self.mean, self.std)

    def twin(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 height width"]:
        """See `Preparation`."""
        size = self.size(images.shape[-2], images.shape[-1])
        return normalised(resized(images, size, Image.Resampling.BICUBIC), self.mean, self.std)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Give (height, width) after resizing. ValueError for a picture that is all edge."""
        require_proportions(width, height)
        rounded = [max(self.factor, round(side / self.factor) * self.factor) for side in (height, width)]
        area = rounded[0] * rounded[1]
        if area == self.area:
            return rounded[0], rounded[1]
        scale = math.sqrt(self.area / (height * width))
        whole = math.floor if area > self.area else math.ceil
        sides = [
            max(self.factor, whole(side * scale / self.factor) * self.factor) for side in (height, width)
        ]
        return sides[0], sides[1]


def processor_steps(source: str | Path) -> Steps:
    """Do as the image processor of a folder or repository. ValueError where it does more than `pixels.twin` can do."""
    from transformers import AutoImageProcessor

    processor: Any = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
    if not has_twin(processor):
        raise ValueError(f"{source} prepares pictures by more than a resize, a crop and normalising")
    return Steps(partial(prepared, processor=processor), partial(twin, processor=processor))
