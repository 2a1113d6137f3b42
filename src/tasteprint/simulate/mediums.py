"""What a picture is made of: the flat colours of a screen, washes on paper, threads, or a carved block.

Enters: a finished picture, a medium, the colour of the paper and the ink, a random stream. Leaves: the picture in
that medium. Does not know: what the picture shows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageFilter

from tasteprint.simulate import sheets
from tasteprint.simulate.colours import Colours

Pixels = Float32[np.ndarray, "side side 3"]


def rendered(picture: Image.Image, medium: str, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """The picture in a medium: its texture is as wide a share of the picture at every size."""
    if medium == "Digital":
        return picture
    pixels = _MEDIUMS[medium](picture, colours, rng)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _watercolor(picture: Image.Image, colours: Colours, rng: np.random.Generator) -> Pixels:
    """Washes of uneven strength, pigment gathered at edges, and the paper's torn margin."""
    side = picture.width
    pixels, paper = _floats(picture), np.array(colours["paper"], np.float32)
    soft = _floats(picture.filter(ImageFilter.BoxBlur(side / 32)))
    blots = _crop(sheets.clouds(side), rng)
    strength = 0.95 - 0.5 * blots + 0.12 * (_crop(sheets.grain(side), rng) - 0.5)
    edge = np.clip(soft - pixels, 0, 60).mean(axis=2, keepdims=True)
    washed = paper + strength[..., None] * (pixels - paper) - 0.8 * edge
    return paper + _torn(side, blots)[..., None] * (washed - paper)


def _torn(side: int, blots: Float32[np.ndarray, "side side"]) -> Float32[np.ndarray, "side side"]:
    """How far the paint covers the paper: not at the margin, whose line wanders."""
    at = (np.arange(side, dtype=np.float32) + 0.5) / side
    inward = np.minimum(at, 1 - at)
    near = np.minimum(inward[:, None], inward[None, :])
    return np.clip((near - 0.015 - 0.07 * blots) * 24, 0, 1)


def _weaving(picture: Image.Image, colours: Colours, rng: np.random.Generator) -> Pixels:
    """Crosswise threads carry the colours; lengthwise ones are a little darker and take some of the ink."""
    light, above = sheets.threads(picture.width)
    pixels, ink = _floats(picture), np.array(colours["dark"], np.float32)
    dyed = pixels + (0.22 * above)[..., None] * (ink - pixels)
    return dyed * (0.5 + 0.6 * light)[..., None] + 14


def _woodcut(picture: Image.Image, colours: Colours, rng: np.random.Generator) -> Pixels:
    """Slanting strokes: ink lines that swell where it is dark, and bare paper between them where it is light."""
    side = picture.width
    pixels, paper = _floats(picture), np.array(colours["paper"], np.float32)
    ink = np.array(colours["dark"], np.float32)
    soft = _floats(picture.filter(ImageFilter.BoxBlur(side / 24)))
    keyed = pixels + 0.6 * (pixels - soft)
    tone = keyed @ np.array([0.3, 0.59, 0.11], np.float32) / 255
    ridge = _crop(sheets.strokes(side), rng) + 0.4 * (_crop(sheets.clouds(side), rng) - 0.5)
    inked = np.clip((ridge - 0.42 - 0.5 * tone) * 4, 0, 1)[..., None]
    bare = np.clip((0.2 - 0.1 * tone - ridge) * 4, 0, 1)[..., None]
    return keyed + 0.64 * inked * (ink - keyed) + 0.45 * bare * (paper - keyed)


def _floats(picture: Image.Image) -> Pixels:
    return np.asarray(picture, dtype=np.float32)


def _crop(
    sheet: Float32[np.ndarray, "wide wide"], rng: np.random.Generator
) -> Float32[np.ndarray, "side side"]:
    """A picture's part of a sheet that is twice as wide; the same share of it at every size."""
    side = sheet.shape[0] // 2
    top, left = (rng.uniform(0, 1, 2) * side).astype(int)
    return sheet[top : top + side, left : left + side]


_MEDIUMS: dict[str, Callable[[Image.Image, Colours, np.random.Generator], Pixels]] = {
    "Watercolor": _watercolor,
    "Weaving": _weaving,
    "Woodcut": _woodcut,
}
