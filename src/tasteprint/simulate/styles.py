"""The space behind the subject, and what a style does to the whole picture once the subject stands in it.

Enters: a style, a size in pixels, colours, a random stream. Leaves: Pillow images.
Does not know: subjects, compositions, mediums. Patterns of dots and waves are drawn once for a size and must not be
changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageChops, ImageDraw

from tasteprint.simulate.drawing import FINER, Colours, disc, finer, mix, wedge

LINES = {"Ukiyo-e": 0.011, "Anime/Manga": 0.024, "Art Deco": 0.011}
"""Width of the lines around each part of the subject, as a share of the picture's side; other styles have none."""

_Random = np.random.Generator

_TINTS = (
    ("ground", "sky", 0.0), ("ground", "sky", 1.0), ("ground", "second", 0.45), ("ground", "sky", 0.35),
    ("sky", "light", 0.4), ("ground", "second", 0.9), ("ground", "sky", 0.7),
)  # fmt: skip
"""The facets' colours: the share of the way from one role's colour to another's."""


def behind(style: str, size: int, colours: Colours, rng: _Random) -> Image.Image:
    """The space behind the subject: a square of `size` pixels."""
    return _BEHIND[style](size, colours, rng)


def over(canvas: Image.Image, style: str, colours: Colours, rng: _Random) -> Image.Image:
    """Cubism breaks the picture along lines and lights its facets apart; other styles leave it as it is."""
    return _broken(canvas, colours, rng) if style == "Cubism" else canvas


def _colour_field(size: int, colours: Colours, rng: _Random) -> Image.Image:
    """Broad bands that float on the ground, their edges soft."""
    at = (np.arange(size) + 0.5) / size
    first, second = rng.uniform(0.36, 0.44), rng.uniform(0.68, 0.74)
    spans = ((0.05, first, "sky"), (first + 0.04, second, "accent"), (second + 0.04, 0.95, "second"))
    field = np.tile(np.array(colours["ground"], np.float32), (size, size, 1))
    for top, bottom, role in spans:
        opacity = np.outer(_soft(at, top, bottom), _soft(at, 0.06, 0.94))[..., None]
        field += opacity * (np.array(colours[role]) - field)
    return Image.fromarray(field.astype(np.uint8))


def _soft(
    at: Float[np.ndarray, " n"], low: float, high: float, edge: float = 0.045
) -> Float[np.ndarray, " n"]:
    """One between low and high, zero outside, with soft edges."""
    return np.clip((at - low) / edge + 0.5, 0, 1) * np.clip((high - at) / edge + 0.5, 0, 1)


def _art_deco(size: int, colours: Colours, rng: _Random, rays: int = 13) -> Image.Image:
    """Rays from a rising sun of rings at the lower edge."""
    canvas, pen, side = finer(size, "RGB")
    x, y, turn = side * rng.uniform(0.42, 0.58), 0.95 * side, rng.uniform(0, 1)
    canvas.paste(colours["ground"], (0, 0, side, side))
    for ray in np.arange(rays + 1) + turn - 0.5:
        points = wedge(x, y, 0.0, 2.0 * side, np.pi * (1.25 + ray / rays), 0.25 * np.pi / rays)
        pen.polygon(points, fill=colours["sky"])
    rings = ((0.36, "ink"), (0.345, "second"), (0.27, "accent"), (0.19, "second"), (0.12, "light"))
    for radius, role in rings:
        pen.ellipse(disc(x, y, radius * side), fill=colours[role])
    return canvas.reduce(FINER)


def _ukiyo_e(size: int, colours: Colours, rng: _Random) -> Image.Image:
    """A sky that fades (bokashi), a big disc, and scale-like waves below."""
    at = ((np.arange(size * FINER) + 0.5) / (size * FINER))[:, None]
    top, high, low = (np.array(colours[role]) for role in ("second", "sky", "light"))
    sky = high + np.clip(1 - at / 0.3, 0, 1) * (top - high) + np.clip((at - 0.3) / 0.5, 0, 0.7) * (low - high)
    canvas = Image.fromarray(np.repeat(sky.astype(np.uint8)[:, None], len(at), axis=1))
    x, y = rng.uniform(0.3, 0.7), rng.uniform(0.34, 0.4)
    box = disc(x * len(at), y * len(at), 0.27 * len(at))
    ImageDraw.Draw(canvas).ellipse(box, fill=colours["accent"])
    canvas, (water, lines) = canvas.reduce(FINER), _waves(size)
    left, height = int(size * rng.uniform(0, 1)), round(size * rng.uniform(0.3, 0.34))
    for role, mask in (("ground", water), ("ink", lines)):
        canvas.paste(colours[role], (0, size - height), mask.crop((left, 0, left + size, height)))
    return canvas


def _aboriginal(size: int, colours: Colours, rng: _Random) -> Image.Image:
    """Dots on rings around a few places, in three colours."""
    canvas = Image.new("RGB", (size, size), colours["ground"])
    turn = Image.Transpose(int(rng.integers(7)))
    rings = _dotted_rings(size, int(rng.integers(4)))
    for role, mask in zip(("light", "second", "accent"), rings, strict=True):
        canvas.paste(colours[role], mask=mask.transpose(turn))
    return canvas


def _manga(size: int, colours: Colours, rng: _Random, lines: int = 34) -> Image.Image:
    """Speed lines towards the middle, and a screen of dots in one corner."""
    canvas, screen = Image.new("RGB", (size, size), colours["ground"]), _halftone(size)
    if rng.integers(2):
        screen = screen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    canvas.paste(colours["second"], mask=screen)
    mask, pen, side = finer(size)
    x, y = (side * (0.5 + rng.uniform(-0.04, 0.04, 2))).tolist()
    turns = 2 * np.pi / lines * (np.arange(lines) + rng.uniform(-0.3, 0.3, lines))
    starts, halves = rng.uniform(0.36, 0.54, lines), rng.uniform(0.012, 0.045, lines)
    for turn, start, half in zip(turns, starts, halves, strict=True):
        pen.polygon(wedge(x, y, start * side, float(side), turn, half), fill=255)
    canvas.paste(colours["ink"], mask=mask.reduce(FINER))
    return canvas


def _cubism(size: int, colours: Colours, rng: _Random, cells: int = 3) -> Image.Image:
    """A bent grid of triangles in shades of the palette."""
    canvas, pen, side = finer(size, "RGB")
    at = np.arange(cells + 1.0)
    knots = np.stack(np.meshgrid(at, at), axis=-1) + rng.uniform(-0.32, 0.32, (cells + 1, cells + 1, 2))
    knots[0, :, 1], knots[-1, :, 1], knots[:, 0, 0], knots[:, -1, 0] = 0, cells, 0, cells
    knots *= side / cells
    tints = [mix(colours[a], colours[b], share) for a, b, share in _TINTS]
    order = rng.permutation(2 * cells * cells) % len(tints)
    for number, (i, j) in enumerate(np.ndindex(cells, cells)):
        a, b, c, d = knots[i, j], knots[i, j + 1], knots[i + 1, j + 1], knots[i + 1, j]
        halves = ((a, b, c), (a, c, d)) if (i + j) % 2 else ((a, b, d), (b, c, d))
        for half, corners in enumerate(halves):
            pen.polygon(np.stack(corners).ravel().tolist(), fill=tints[order[2 * number + half]])
    return canvas.reduce(FINER)


def _broken(canvas: Image.Image, colours: Colours, rng: _Random) -> Image.Image:
    """Lines through the picture: each moves what lies on one side of it, or turns light to shade there."""
    size, turns = canvas.width, rng.uniform(0, np.pi) + np.pi / 4 * np.arange(4) + rng.uniform(-0.2, 0.2, 4)
    split, _, side = finer(size)
    for turn, through in zip(turns, rng.uniform(0.3, 0.7, (4, 2)), strict=True):
        half, pen, _ = finer(size)
        x, y = (side * through).tolist()
        pen.polygon(wedge(x, y, 0.0, 5.0 * side, turn, 1.2), fill=255)
        split = ImageChops.difference(split, half)
    step = round(0.05 * size) or 1
    moved = canvas.copy()
    moved.paste(canvas, (step, -step))
    canvas.paste(moved, mask=half.reduce(FINER))
    shade = split.reduce(FINER)
    canvas.paste(colours["light"], mask=shade.point(lambda v: v * 0.28))
    canvas.paste(colours["dark"], mask=shade.point(lambda v: (255 - v) * 0.16))
    return canvas


@lru_cache(maxsize=16)
def _dotted_rings(size: int, variant: int, pitch: float = 0.07) -> tuple[Image.Image, ...]:
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
def _waves(size: int, pitch: float = 0.25) -> tuple[Image.Image, Image.Image]:
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
def _halftone(size: int, pitch: float = 0.075) -> Image.Image:
    """Dots on a turned grid that shrink from the lower left corner to nothing."""
    mask, pen, side = finer(size)
    for i, j in np.ndindex(40, 40):
        x, y = (i - j) * pitch * 0.7, (i + j - 20) * pitch * 0.7
        radius = pitch * (0.62 - 0.75 * (x + 1 - y))
        if radius > 0.01:
            pen.ellipse(disc(x * side, y * side, radius * side), fill=255)
    return mask.reduce(FINER)


_BEHIND: dict[str, Callable[[int, Colours, _Random], Image.Image]] = {
    "Color Field Painting": _colour_field,
    "Art Deco": _art_deco,
    "Ukiyo-e": _ukiyo_e,
    "Cubism": _cubism,
    "Aboriginal Art": _aboriginal,
    "Anime/Manga": _manga,
}
