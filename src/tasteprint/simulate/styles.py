"""The space behind the subject, and what a style does to the whole picture once the subject stands in it.

Enters: a style, a size in pixels, colours, a random stream. Leaves: Pillow images.
Does not know: subjects, compositions, media.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from tasteprint.simulate import facets, sheets
from tasteprint.simulate.colours import Colours
from tasteprint.simulate.sheets import FINER, finer

LINES = {"Ukiyo-e": 0.011, "Anime/Manga": 0.024, "Art Deco": 0.011}
"""Width of the lines around each part of the subject, as a share of the picture's side; other styles have none."""

Random = np.random.Generator


def behind(style: str, size: int, colours: Colours, rng: Random) -> Image.Image:
    """The space behind the subject: a square of `size` pixels."""
    return _BEHIND[style](size, colours, rng)


def over(canvas: Image.Image, style: str, colours: Colours, rng: Random) -> Image.Image:
    """Cubism breaks the picture along lines and lights its facets apart; other styles leave it as it is."""
    return facets.broken(canvas, colours, rng) if style == "Cubism" else canvas


def _colour_field(size: int, colours: Colours, rng: Random) -> Image.Image:
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


def _art_deco(size: int, colours: Colours, rng: Random, rays: int = 13) -> Image.Image:
    """Rays from a rising sun of rings at the lower edge."""
    canvas, pen, side = finer(size, "RGB")
    x, y, turn = side * rng.uniform(0.42, 0.58), 0.95 * side, rng.uniform(0, 1)
    canvas.paste(colours["ground"], (0, 0, side, side))
    for ray in np.arange(rays + 1) + turn - 0.5:
        points = sheets.wedge(x, y, 0.0, 2.0 * side, np.pi * (1.25 + ray / rays), 0.25 * np.pi / rays)
        pen.polygon(points, fill=colours["sky"])
    rings = ((0.36, "ink"), (0.345, "second"), (0.27, "accent"), (0.19, "second"), (0.12, "light"))
    for radius, role in rings:
        pen.ellipse(sheets.disc(x, y, radius * side), fill=colours[role])
    return canvas.reduce(FINER)


def _ukiyo_e(size: int, colours: Colours, rng: Random) -> Image.Image:
    """A sky that fades (bokashi), a big disc, and scale-like waves below."""
    at = ((np.arange(size * FINER) + 0.5) / (size * FINER))[:, None]
    top, high, low = (np.array(colours[role]) for role in ("second", "sky", "light"))
    sky = high + np.clip(1 - at / 0.3, 0, 1) * (top - high) + np.clip((at - 0.3) / 0.5, 0, 0.7) * (low - high)
    canvas = Image.fromarray(np.repeat(sky.astype(np.uint8)[:, None], len(at), axis=1))
    x, y = rng.uniform(0.3, 0.7), rng.uniform(0.34, 0.4)
    box = sheets.disc(x * len(at), y * len(at), 0.27 * len(at))
    ImageDraw.Draw(canvas).ellipse(box, fill=colours["accent"])
    canvas, (water, lines) = canvas.reduce(FINER), sheets.waves(size)
    left, height = int(size * rng.uniform(0, 1)), round(size * rng.uniform(0.3, 0.34))
    for role, mask in (("ground", water), ("ink", lines)):
        canvas.paste(colours[role], (0, size - height), mask.crop((left, 0, left + size, height)))
    return canvas


def _aboriginal(size: int, colours: Colours, rng: Random) -> Image.Image:
    """Dots on rings around a few places, in three colours."""
    canvas = Image.new("RGB", (size, size), colours["ground"])
    turn = Image.Transpose(int(rng.integers(7)))
    rings = sheets.dotted_rings(size, int(rng.integers(4)))
    for role, mask in zip(("light", "second", "accent"), rings, strict=True):
        canvas.paste(colours[role], mask=mask.transpose(turn))
    return canvas


def _manga(size: int, colours: Colours, rng: Random, lines: int = 34) -> Image.Image:
    """Speed lines towards the middle, and a screen of dots in one corner."""
    canvas, screen = Image.new("RGB", (size, size), colours["ground"]), sheets.halftone(size)
    if rng.integers(2):
        screen = screen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    canvas.paste(colours["second"], mask=screen)
    mask, pen, side = finer(size)
    x, y = (side * (0.5 + rng.uniform(-0.04, 0.04, 2))).tolist()
    turns = 2 * np.pi / lines * (np.arange(lines) + rng.uniform(-0.3, 0.3, lines))
    starts, halves = rng.uniform(0.36, 0.54, lines), rng.uniform(0.012, 0.045, lines)
    for turn, start, half in zip(turns, starts, halves, strict=True):
        pen.polygon(sheets.wedge(x, y, start * side, float(side), turn, half), fill=255)
    canvas.paste(colours["ink"], mask=mask.reduce(FINER))
    return canvas


_BEHIND: dict[str, Callable[[int, Colours, Random], Image.Image]] = {
    "Color Field Painting": _colour_field,
    "Art Deco": _art_deco,
    "Ukiyo-e": _ukiyo_e,
    "Cubism": facets.mesh,
    "Aboriginal Art": _aboriginal,
    "Anime/Manga": _manga,
}
