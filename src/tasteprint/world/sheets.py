"""Patterns that are drawn once and used in every picture: dots, waves, frames, threads, strokes, clouds.

Enters: a side in pixels. Leaves: masks (Pillow "L", or arrays from 0 to 1) that the caller must not change.
Does not know: colours, pictures, random seeds (a pattern's own accidents are the same in every run).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

Sheet = Float[np.ndarray, "side side"]


def _blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    mask = Image.new("L", (width, height))
    return mask, ImageDraw.Draw(mask)


def disc(x: float, y: float, radius: float) -> list[float]:
    """The box of a disc, for Pillow."""
    return [x - radius, y - radius, x + radius, y + radius]


@lru_cache(maxsize=16)
def dotted_rings(side: int, variant: int) -> tuple[Image.Image, ...]:
    """Dots on rings around a few centres, in three masks: every third ring, starting at the first, second, third."""
    rng, pitch = np.random.default_rng(variant), 0.07
    centres = np.array([[0.24, 0.26], [0.78, 0.4], [0.3, 0.82]]) + rng.uniform(-0.07, 0.07, (3, 2))
    masks = [_blank(side, side) for _ in range(3)]
    for number, centre in enumerate(centres):
        for ring in range(14):
            turns = 2 * np.pi * np.arange(max(1, round(2 * np.pi * ring))) / max(1, round(2 * np.pi * ring))
            dots = centre + pitch * ring * np.stack([np.cos(turns), np.sin(turns)], axis=1)
            nearest = np.linalg.norm(dots[:, None] - centres, axis=2).argmin(axis=1)
            for x, y in side * dots[nearest == number]:
                masks[ring % 3][1].ellipse(disc(x, y, 0.36 * pitch * side), fill=255)
    return tuple(mask for mask, _ in masks)


@lru_cache(maxsize=4)
def waves(side: int, pitch: float = 0.25) -> tuple[Image.Image, Image.Image]:
    """Rows of scales (seigaiha), twice as wide as high: where there is water, and the lines on it."""
    water, draw = _blank(side * 3 // 2, side * 2 // 5)
    lines, line = _blank(*water.size)
    radius = pitch * side / 2
    for row in range(5):
        for step in range(-1, round(1.5 / pitch) + 2):
            x, y = (step + row % 2 / 2) * pitch * side, radius * (1.05 + 0.62 * row)
            for share, is_line in ((1, True), (0.84, False), (0.6, True), (0.44, False)):
                draw.ellipse(disc(x, y, share * radius), fill=255)
                line.ellipse(disc(x, y, share * radius), fill=255 if is_line else 0)
    return water, lines


@lru_cache(maxsize=4)
def halftone(side: int, pitch: float = 0.075) -> Image.Image:
    """Dots on a turned grid that shrink from the lower left corner to nothing."""
    mask, draw = _blank(side, side)
    for i, j in np.ndindex(40, 40):
        x, y = (i - j) * pitch * 0.7, (i + j - 20) * pitch * 0.7
        radius = pitch * (0.62 - 0.75 * (x + 1 - y))
        if radius > 0.01:
            draw.ellipse(disc(x * side, y * side, radius * side), fill=255)
    return mask


@lru_cache(maxsize=4)
def frame(side: int, width: float = 0.075, beads: int = 13) -> tuple[Image.Image, Image.Image]:
    """A border around the picture: the band, and the beads and the inner line on it."""
    (band, draw), (beading, bead) = _blank(side, side), _blank(side, side)
    draw.rectangle([0, 0, side, side], fill=255)
    inner = [width * side, width * side, (1 - width) * side, (1 - width) * side]
    draw.rectangle(inner, fill=0)
    bead.rectangle(inner, outline=255, width=max(1, round(0.02 * side)))
    for step in range(beads):
        along, middle = (step + 0.5) / beads, 0.4 * width
        for x, y in ((along, middle), (along, 1 - middle), (middle, along), (1 - middle, along)):
            bead.ellipse(disc(x * side, y * side, 0.024 * side), fill=255)
    return band, beading


@lru_cache(maxsize=4)
def panels(side: int) -> tuple[Image.Image, Image.Image]:
    """Three by three: every second field, at a quarter of its strength, and the lines between the fields."""
    (fields, draw), (lines, line) = _blank(side, side), _blank(side, side)
    third, width = side / 3, max(1, round(0.018 * side))
    for i, j in np.ndindex(3, 3):
        draw.rectangle([i * third, j * third, (i + 1) * third, (j + 1) * third], fill=70 * ((i + j) % 2))
    for k in (1, 2):
        line.line([k * third, 0, k * third, side], fill=255, width=width)
        line.line([0, k * third, side, k * third], fill=255, width=width)
    return fields, lines


@lru_cache(maxsize=4)
def clouds(side: int, cells: int = 7, octaves: int = 3) -> Sheet:
    """Smooth noise from 0 to 1, twice as wide as a picture of `side` pixels."""
    rng, total = np.random.default_rng(0), np.zeros((2 * side, 2 * side))
    for octave in range(octaves):
        grid = rng.random((2 * cells * 2**octave,) * 2).astype(np.float32)
        smooth = Image.fromarray(grid).resize((2 * side, 2 * side), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) / 2**octave
    low, high = np.quantile(total, [0.02, 0.98])
    return np.clip((total - low) / (high - low), 0, 1).astype(np.float32)


@lru_cache(maxsize=4)
def grain(side: int) -> Sheet:
    """Independent noise from 0 to 1, twice as wide as a picture of `side` pixels."""
    return np.random.default_rng(1).random((2 * side, 2 * side), dtype=np.float32)


@lru_cache(maxsize=4)
def strokes(side: int, count: int = 13) -> Sheet:
    """Slanting, slightly wavy ridges from -1 to 1, twice as wide as a picture with `count` of them."""
    y, x = np.mgrid[: 2 * side, : 2 * side] / side
    wave = count * (y + 0.5 * x) + 0.35 * np.sin(2 * np.pi * (2.3 * x - 0.7 * y))
    return np.sin(2 * np.pi * wave).astype(np.float32)


@lru_cache(maxsize=4)
def threads(side: int, count: int = 16, fine: int = 4) -> tuple[Sheet, Sheet]:
    """Plain weave: the light on rounded threads (0 to 1), and where the lengthwise threads lie above (0 or 1)."""
    y, x = (np.mgrid[: side * fine, : side * fine] + 0.5) / (side * fine) * count
    lengthwise = (np.floor(y) + np.floor(x)) % 2
    across = np.where(lengthwise == 1, x % 1, y % 1)
    along = np.where(lengthwise == 1, y % 1, x % 1)
    light = np.sqrt(np.sin(np.pi * across)) * (0.75 + 0.25 * np.sin(np.pi * along))
    light, above = (a.reshape(side, fine, side, fine).mean((1, 3)) for a in (light, lengthwise))
    return light.astype(np.float32), above.astype(np.float32)
