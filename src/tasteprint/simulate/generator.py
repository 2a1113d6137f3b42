"""The painter as a `Generator`: noise and a prompt to a picture, the same picture every time.

Enters: noise, a prompt in the words of `prompts`. Leaves: images in [0, 1]. Does not know: agents, files.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.simulate.painter import paint, stream
from tasteprint.simulate.prompts import read_prompt
from tasteprint.simulate.taxonomy import DIMENSIONS, SUBJECTS, attributes_from


class PainterGenerator:
    """Paints what a prompt names; what it does not name is chosen by the noise, and so are the small accidents.

    The noise is as high and as wide as the picture, and has any number of channels. A painted picture has no
    gradient with respect to its noise.
    """

    def noise_shape(self, size: int) -> tuple[int, int, int]:
        """Channels, height and width of the noise of a picture of `size` x `size` pixels.

        ValueError for a size that `paint` refuses, so that no work begins that cannot be done.
        """
        paint(SUBJECTS[0], attributes_from({name: values[0] for name, values in DIMENSIONS.items()}), 0, size)
        return 1, size, size

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 h w"]:
        """Paint one picture for each noise. ValueError as for `read_prompt` and `paint`, and where h is not w."""
        height, width = noise.shape[-2:]
        if height != width:
            raise ValueError(
                f"the noise is {height} x {width}; expected a square one: the painter paints squares."
            )
        subject, named = read_prompt(prompt)
        pictures = [_painted(subject, named, _seed(one), width) for one in noise]
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return (pixels.float() / 255).to(noise.device)


def _painted(subject: str, named: dict[str, str], seed: int, size: int) -> np.ndarray:
    rng = stream(seed, "what the prompt leaves open")
    drawn = {name: values[rng.integers(len(values))] for name, values in DIMENSIONS.items()}
    ruled = {name: value for name, value in named.items() if value in DIMENSIONS.get(name, ())}
    return np.asarray(paint(subject, attributes_from(drawn | ruled), seed, size))


def _seed(noise: Float[Tensor, "c h w"]) -> int:
    """31 bits that tell this noise from any other."""
    values = noise.detach().float().cpu().contiguous().numpy()
    return int.from_bytes(hashlib.sha256(values.tobytes()).digest()[:4], "big") >> 1
