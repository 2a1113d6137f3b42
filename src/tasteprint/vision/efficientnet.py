"""EfficientNet-Lite0: a small convolutional network whose outputs are read at several depths.

Enters: pictures of 224 pixels in [0, 1]. Leaves: the maps of five depths, with gradients to the pixels. Does not know:
where its weights come from, what its maps serve for. After Tan and Le, "EfficientNet: Rethinking Model Scaling for
Convolutional Neural Networks" (arXiv 1905.11946) and the Lite variant of its authors: ReLU6, no squeeze-and-excite.
Each batch norm is folded into the convolution before it, so a layer is a convolution with a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

PICTURE_SIDE = 224
"""The pictures that it was taught with had so many pixels a side."""


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STEM, HEAD = 32, 1280
STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
DEPTHS = {2: 24, 4: 40, 10: 112, 15: 320}
"""The blocks, counted from 0, whose outputs are read, and their channels; the head's are read too."""


def convolution(into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Make a convolution with a bias, padded as TensorFlow's "same" is for maps of even sides.

    There a stride of 2 is padded by one pixel more on the right and below. Here the padding is even, and the kernel has
    a row and a column more before its first: `widened` fills them with zeros. Padding the map itself would copy it.
    """
    return nn.Conv2d(into, out, kernel + (stride == 2), stride, kernel // 2, groups=groups)


def widened(weight: Float[Tensor, "d c k k"]) -> Float[Tensor, "d c k+1 k+1"]:
    """Put a row and a column of zeros before a kernel's first, as `convolution` wants it at a stride of 2."""
    return pad(weight, (1, 0, 1, 0))


def folded(
    weight: Float[Tensor, "d c k k"], norm: Mapping[str, Float[Tensor, " d"]], eps: float
) -> tuple[Float[Tensor, "d c k k"], Float[Tensor, " d"]]:
    """Fold a batch norm's state into the convolution before it: weight and bias of one that does both."""
    scale = norm["weight"] / torch.sqrt(norm["running_var"] + eps)
    return weight * scale[:, None, None, None], norm["bias"] - norm["running_mean"] * scale


class InvertedResidual(nn.Module):
    """Expand the channels by 1 x 1, filter each by itself, bring them back together; added to what came in."""

    def __init__(self, into: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        """Make one whose inner width is `expansion` times what comes in; 1 leaves the expansion out."""
        super().__init__()
        inner = into * expansion
        self.expand = convolution(into, inner) if expansion > 1 else None
        self.depthwise = convolution(inner, inner, kernel, stride, groups=inner)
        self.project = convolution(inner, out)
        self.is_residual = stride == 1 and into == out

    def forward(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        """Give the block's output, which no ReLU6 follows."""
        inner = maps if self.expand is None else relu6(self.expand(maps), inplace=True)
        out = self.project(relu6(self.depthwise(inner), inplace=True))
        return out.add_(maps) if self.is_residual else out


class EfficientNetLite0(nn.Module):
    """The network without its classifier; random until weights are loaded."""

    def __init__(self) -> None:
        """Build stem, sixteen blocks and head."""
        super().__init__()
        self.stem = convolution(3, STEM, kernel=3, stride=2)
        self.blocks = nn.ModuleList()
        width = STEM
        for stage in STAGES:
            for stride in (stage.stride, *[1] * (stage.blocks - 1)):
                self.blocks.append(
                    InvertedResidual(width, stage.channels, stage.kernel, stride, stage.expansion)
                )
                width = stage.channels
        self.head = convolution(width, HEAD)

    def forward(self, pictures: Float[Tensor, "n 3 side side"]) -> tuple[Float[Tensor, "n _ _ _"], ...]:
        """Give the outputs of the blocks of `DEPTHS`, then of the head after its ReLU6.

        `pictures` are in [0, 1]; of 224 pixels a side the maps have 56, 28, 14, 7 and 7. Sides are multiples of 32.
        """
        maps = relu6(self.stem((pictures * 255 - 127) / 128), inplace=True)
        depths = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in DEPTHS:
                depths.append(maps)
        return (*depths, relu6(self.head(maps), inplace=True))
