"""The bundled eye for photographs: what EfficientNet-Lite0 sees at five depths, and where which colours are.

Enters: pictures as squares of 224 pixels in [0, 1]. Leaves: 3,600 numbers a picture, with gradients to the pixels, and
what each counts. Does not know: people, how pictures become squares, where the weights come from
(`experiments/convert_photo_eye.py`). Several depths say two to four points more of taste than the last alone
(method.md section 12): grain and colour die on the way up.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from tasteprint.bundled import bundled_tensors
from tasteprint.tensor_files import require_fit
from tasteprint.vision.efficientnet import DEPTHS, HEAD, EfficientNetLite0

PHOTO = "photo"
"""The name under which it is asked for, as a Hub name would be."""

PHOTO_FILE = "photo.safetensors"

GRID = 4
"""The layout is the picture at so many pixels a side."""

BLOCKS = {
    **{
        f"block {number}": (2 * channels, weight)
        for (number, channels), weight in zip(DEPTHS.items(), (0.3, 0.5, 0.7, 1.0), strict=True)
    },
    "head": (2 * HEAD, 1.0),
    "layout": (3 * GRID**2, 0.3),
}
"""The parts of an embedding in their order: how many numbers, and what the part counts as a whole."""

PHOTO_WIDTH = sum(length for length, _ in BLOCKS.values())

FLOOR = 1e-6
"""Added under the square root of a variance, whose slope at 0 has no bound: a deviation below 0.001 counts as 0.001."""

AT_ONCE = 4
"""So many pictures go through the network together on a CPU: the memory of their maps stays with the process. Of 64 at
once each took twice as long (zeroing memory anew) and all took fifteen times the memory."""


class PhotoEye(nn.Module):
    """Means and deviations over places of every channel at five depths, then the layout of colours."""

    def __init__(self) -> None:
        """Build it with random weights."""
        super().__init__()
        self.network = EfficientNetLite0()

    def forward(self, squares: Float[Tensor, "n 3 224 224"]) -> Float[Tensor, "n 3600"]:
        """Embed squares in [0, 1]: of each depth all means, then all deviations; last the layout, red first."""
        at_once = AT_ONCE if squares.device.type == "cpu" else len(squares)
        return torch.cat([self._embedded(some) for some in squares.split(at_once)])

    def _embedded(self, squares: Float[Tensor, "n 3 224 224"]) -> Float[Tensor, "n 3600"]:
        parts = [part for maps in self.network(squares) for part in _moments(maps)]
        return torch.cat([*parts, adaptive_avg_pool2d(squares, GRID).flatten(1)], dim=1)


def _moments(maps: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n c"]]:
    means = maps.mean((2, 3), keepdim=True)
    variances = (maps - means).square().mean((2, 3))
    return means.flatten(1), (variances + FLOOR).sqrt()


def _laid_out(value: Tensor) -> Tensor:
    """Give a weight in full precision, a kernel with its channels last: twice as quick on a CPU."""
    return value.float().contiguous(
        memory_format=torch.channels_last if value.dim() == 4 else torch.contiguous_format
    )


def photo_column_weights() -> Float[Tensor, " e"]:
    """What each number counts once it is standardised: its part's weight over the root of the part's length."""
    return torch.cat([torch.full((length,), weight / length**0.5) for length, weight in BLOCKS.values()])


def bundled_photo_eye() -> PhotoEye:
    """Open the eye with the weights that come with the package, frozen. ValueError where their file is damaged."""
    with torch.device("meta"):
        eye = PhotoEye()
    state = {name: _laid_out(value) for name, value in bundled_tensors(PHOTO_FILE).items()}
    require_fit(f"the bundled {PHOTO_FILE}", state, eye.network.state_dict())
    eye.network.load_state_dict(state, assign=True)
    return eye.eval().requires_grad_(False)
