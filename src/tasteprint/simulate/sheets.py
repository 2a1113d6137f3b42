"""Patterns that are drawn once and used in every picture: dots, waves, frames, threads, strokes, clouds.

Enters: a size in pixels. Leaves: masks (Pillow "L", or arrays) that the caller must not change.
Does not know: colours, pictures, random seeds (a pattern's own accidents are the same in every run).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw

FINER = 4
"""All that is drawn is drawn this many times as wide, then averaged down: smooth edges for little time."""

FRAME = 0.075
"""Width of the frame of an intricate picture, as a share of its side."""

Field = Float32[np.ndarray, "rows columns"]


def finer(size: int, mode: str = "L") -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """An empty square to draw on, its pen, and its side: to be reduced by `FINER` to `size` pixels."""
    canvas = Image.new(mode, (size * FINER, size * FINER))
    return canvas, ImageDraw.Draw(canvas), size * FINER


def disc(x: float, y: float, radius: float) -> list[float]:
    """The box of a disc, for Pillow."""
    return [x - radius, y - radius, x + radius, y + radius]


def wedge(x: float, y: float, start: float, stop: float, turn: float, half: float) -> list[float]:
    """A triangle around the direction `turn`: its tip `start` from (x, y), its foot `stop` from there."""
    angles, radii = turn + np.array([0, -half, half]), np.array([start, stop, stop])
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1).ravel().tolist()


@lru_cache(maxsize=16)
def dotted_rings(size: int, variant: int, pitch: float = 0.07) -> tuple[Image.Image, ...]:
    """Dots on rings around a few centres, in three masks: every third ring from the first, second and third."""
    rng = np.random.default_rng(variant)
    centres = np.array([[0.24, 0.26], [0.78, 0.4], [0.3, 0.82]]) + rng.uniform(-0.07, 0.07, (3, 2))
    masks = [finer(size) for _ in range(3)]
    for number, centre in enumerate(centres):
        for ring in range(14):
            turns = np.linspace(0, 2 * np.pi, max(1, round(2 * np.pi * ring)), endpoint=False)
            dots = centre + pitch * ring * np.stack([np.cos(turns), np.sin(turns)], axis=1)
            nearest = np.linalg.norm(dots[:, None] - centres, axis=2).argmin(axis=1)
            _, pen, side = masks[ring % 3]
            for x, y in side * dots[nearest == number]:
                pen.ellipse(disc(x, y, 0.37 * pitch * side), fill=255)
    return tuple(mask.reduce(FINER) for mask, _, _ in masks)


@lru_cache(maxsize=4)
def waves(size: int, pitch: float = 0.25) -> tuple[Image.Image, Image.Image]:
    """Rows of scales (seigaiha) at the top of a sheet twice as wide: where there is water, and the lines on it."""
    (water, draw, side), (lines, line, _) = finer(2 * size), finer(2 * size)
    radius = pitch * side / 4
    for row, step in np.ndindex(5, round(2 / pitch) + 2):
        x, y = (step - 1 + row % 2 / 2) * 2 * radius, radius * (1.05 + 0.62 * row)
        for share, is_line in ((1, True), (0.84, False), (0.6, True), (0.44, False)):
            draw.ellipse(disc(x, y, share * radius), fill=255)
            line.ellipse(disc(x, y, share * radius), fill=255 if is_line else 0)
    return water.reduce(FINER), lines.reduce(FINER)


@lru_cache(maxsize=4)
def halftone(size: int, pitch: float = 0.075) -> Image.Image:
    """Dots on a turned grid that shrink from the lower left corner to nothing."""
    mask, pen, side = finer(size)
    for i, j in np.ndindex(40, 40):
        x, y = (i - j) * pitch * 0.7, (i + j - 20) * pitch * 0.7
        radius = pitch * (0.62 - 0.75 * (x + 1 - y))
        if radius > 0.01:
            pen.ellipse(disc(x * side, y * side, radius * side), fill=255)
    return mask.reduce(FINER)


@lru_cache(maxsize=4)
def frame(size: int, width: float = FRAME, beads: int = 13) -> tuple[Image.Image, Image.Image]:
    """A border around the picture: the band, and the beads and the inner line on it."""
    (band, draw, side), (beading, bead, _) = finer(size), finer(size)
    inner = [width * side, width * side, (1 - width) * side, (1 - width) * side]
    draw.rectangle([0, 0, side, side], fill=255)
    draw.rectangle(inner, fill=0)
    bead.rectangle(inner, outline=255, width=max(1, round(0.02 * side)))
    for along in (np.arange(beads) + 0.5) / beads:
        middle = 0.4 * width
        for x, y in ((along, middle), (along, 1 - middle), (middle, along), (1 - middle, along)):
            bead.ellipse(disc(x * side, y * side, 0.024 * side), fill=255)
    return band.reduce(FINER), beading.reduce(FINER)


@lru_cache(maxsize=4)
def panels(size: int, room: float) -> Image.Image:
    """Three by three fields in the middle `room` of the side: every second at a quarter of its strength, and lines."""
    mask, pen, side = finer(size)
    third, width = side * room / 3, max(1, round(0.018 * side))
    near, far = side / 2 - third / 2, side / 2 + third / 2
    for box in ([near, 0, far, near], [0, near, near, far], [far, near, side, far], [near, far, far, side]):
        pen.rectangle(box, fill=70)
    for at in (near, far):
        pen.line([at, 0, at, side], fill=255, width=width)
        pen.line([0, at, side, at], fill=255, width=width)
    return mask.reduce(FINER)


@lru_cache(maxsize=4)
def clouds(size: int, cells: int = 7, octaves: int = 3) -> Field:
    """Smooth noise from 0 to 1, twice as wide as a picture of `size` pixels."""
    rng, total = np.random.default_rng(0), np.zeros((2 * size, 2 * size))
    for octave in range(octaves):
        grid = rng.random((2 * cells * 2**octave,) * 2).astype(np.float32)
        smooth = Image.fromarray(grid).resize((2 * size, 2 * size), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) / 2**octave
    low, high = np.quantile(total, [0.02, 0.98])
    return np.clip((total - low) / (high - low), 0, 1).astype(np.float32)


@lru_cache(maxsize=4)
def grain(size: int) -> Field:
    """Independent noise from 0 to 1, twice as wide as a picture of `size` pixels."""
    return np.random.default_rng(1).random((2 * size, 2 * size), dtype=np.float32)


@lru_cache(maxsize=4)
def strokes(size: int, count: int = 11) -> Field:
    """Slanting, gently bent ridges from 0 to 1, twice as wide as a picture, `count` of them in its height."""
    y, x = np.mgrid[: 2 * size, : 2 * size] / size
    wave = count * (0.8 * y + 0.64 * x) + 0.25 * np.sin(2 * np.pi * (0.7 * x - 0.3 * y))
    return (0.5 + 0.5 * np.sin(2 * np.pi * wave)).astype(np.float32)


@lru_cache(maxsize=4)
def threads(size: int, count: int = 16, fine: int = 8) -> tuple[Field, Field]:
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
