"""What a picture is made of: the flat colours of a screen, washes on paper, threads, or a carved block.

Enters: a finished picture, a medium, the colours of paper and ink, a random stream. Leaves: the picture in that medium.
Does not know: what the picture shows. Textures are computed once for a size (their own accidents are the same in every
run); a picture has its own part of one that is twice as wide.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageFilter

from tasteprint.simulate.drawing import Colours

_Pixels = Float32[np.ndarray, "side side 3"]
_Texture = Float32[np.ndarray, "rows columns"]


def rendered(picture: Image.Image, medium: str, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """The picture in a medium: its texture is as wide a share of the picture at every size."""
    if medium == "Digital":
        return picture
    pixels = _MEDIUMS[medium](picture, colours, rng)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _watercolor(picture: Image.Image, colours: Colours, rng: np.random.Generator) -> _Pixels:
    """Washes of uneven strength, pigment gathered at edges, and the paper's torn margin."""
    side = picture.width
    pixels, paper = _floats(picture), np.array(colours["paper"], np.float32)
    soft = _floats(picture.filter(ImageFilter.BoxBlur(side / 32)))
    blots = _crop(_clouds(side), rng)
    strength = 0.95 - 0.5 * blots + 0.12 * (_crop(_grain(side), rng) - 0.5)
    edge = np.clip(soft - pixels, 0, 60).mean(axis=2, keepdims=True)
    washed = paper + strength[..., None] * (pixels - paper) - 0.8 * edge
    return paper + _torn(side, blots)[..., None] * (washed - paper)


def _torn(side: int, blots: Float32[np.ndarray, "side side"]) -> Float32[np.ndarray, "side side"]:
    """How far the paint covers the paper: not at the margin, whose line wanders."""
    at = (np.arange(side, dtype=np.float32) + 0.5) / side
    inward = np.minimum(at, 1 - at)
    near = np.minimum(inward[:, None], inward[None, :])
    return np.clip((near - 0.015 - 0.07 * blots) * 24, 0, 1)


def _weaving(picture: Image.Image, colours: Colours, rng: np.random.Generator) -> _Pixels:
    """Crosswise threads carry the colours; lengthwise ones are a little darker and take some of the ink."""
    light, above = _threads(picture.width)
    pixels, ink = _floats(picture), np.array(colours["dark"], np.float32)
    dyed = pixels + (0.22 * above)[..., None] * (ink - pixels)
    return dyed * (0.5 + 0.6 * light)[..., None] + 14


def _woodcut(picture: Image.Image, colours: Colours, rng: np.random.Generator) -> _Pixels:
    """Slanting strokes: ink lines that swell where it is dark, and bare paper between them where it is light."""
    side = picture.width
    pixels, paper = _floats(picture), np.array(colours["paper"], np.float32)
    ink = np.array(colours["dark"], np.float32)
    soft = _floats(picture.filter(ImageFilter.BoxBlur(side / 24)))
    keyed = pixels + 0.6 * (pixels - soft)
    tone = keyed @ np.array([0.3, 0.59, 0.11], np.float32) / 255
    ridge = _crop(_strokes(side), rng) + 0.4 * (_crop(_clouds(side), rng) - 0.5)
    inked = np.clip((ridge - 0.42 - 0.5 * tone) * 4, 0, 1)[..., None]
    bare = np.clip((0.2 - 0.1 * tone - ridge) * 4, 0, 1)[..., None]
    return keyed + 0.64 * inked * (ink - keyed) + 0.45 * bare * (paper - keyed)


def _floats(picture: Image.Image) -> _Pixels:
    return np.asarray(picture, dtype=np.float32)


def _crop(
    sheet: Float32[np.ndarray, "wide wide"], rng: np.random.Generator
) -> Float32[np.ndarray, "side side"]:
    """A picture's part of a sheet that is twice as wide; the same share of it at every size."""
    side = sheet.shape[0] // 2
    top, left = (rng.uniform(0, 1, 2) * side).astype(int)
    return sheet[top : top + side, left : left + side]


@lru_cache(maxsize=4)
def _clouds(size: int, cells: int = 7, octaves: int = 3) -> _Texture:
    """Smooth noise from 0 to 1, twice as wide as a picture of `size` pixels."""
    rng, total = np.random.default_rng(0), np.zeros((2 * size, 2 * size))
    for octave in range(octaves):
        grid = rng.random((2 * cells * 2**octave,) * 2).astype(np.float32)
        smooth = Image.fromarray(grid).resize((2 * size, 2 * size), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) / 2**octave
    low, high = np.quantile(total, [0.02, 0.98])
    return np.clip((total - low) / (high - low), 0, 1).astype(np.float32)


@lru_cache(maxsize=4)
def _grain(size: int) -> _Texture:
    """Independent noise from 0 to 1, twice as wide as a picture of `size` pixels."""
    return np.random.default_rng(1).random((2 * size, 2 * size), dtype=np.float32)


@lru_cache(maxsize=4)
def _strokes(size: int, count: int = 11) -> _Texture:
    """Slanting, gently bent ridges from 0 to 1, twice as wide as a picture, `count` of them in its height."""
    y, x = np.mgrid[: 2 * size, : 2 * size] / size
    wave = count * (0.8 * y + 0.64 * x) + 0.25 * np.sin(2 * np.pi * (0.7 * x - 0.3 * y))
    return (0.5 + 0.5 * np.sin(2 * np.pi * wave)).astype(np.float32)


@lru_cache(maxsize=4)
def _threads(size: int, count: int = 16, fine: int = 8) -> tuple[_Texture, _Texture]:
    """Plain weave: the light on rounded threads (0 to 1), and where the lengthwise threads lie above (0 or 1)."""
    at = (np.arange(size * fine, dtype=np.float32) + 0.5) / (size * fine) * count
    odd, wave = np.floor(at) % 2, np.sin(np.pi * (at % 1))
    even, across, along = 1 - odd, np.sqrt(wave), 0.75 + 0.25 * wave

    def field(down: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Average over the pixels of a product of the two directions: that of their averages."""
        return np.outer(*(line.reshape(size, fine).mean(axis=1) for line in (down, right)))

    crosswise = field(across * even, along * even) + field(across * odd, along * odd)
    lengthwise = field(along * even, across * odd) + field(along * odd, across * even)
    return crosswise + lengthwise, field(even, odd) + field(odd, even)


_MEDIUMS: dict[str, Callable[[Image.Image, Colours, np.random.Generator], _Pixels]] = {
    "Watercolor": _watercolor,
    "Weaving": _weaving,
    "Woodcut": _woodcut,
}
