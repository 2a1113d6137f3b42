"""The space behind the subject, and what a style does to the whole picture once the subject stands in it.

Enters: a style, a side in pixels, colours, a random stream. Leaves: Pillow images.
Does not know: subjects, compositions, media.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageChops, ImageDraw

from tasteprint.world import sheets
from tasteprint.world.colours import Colours, mix

LINES = {"Ukiyo-e": 0.011, "Anime/Manga": 0.022, "Art Deco": 0.011}
"""Width of the lines around each part of the subject, as a share of the picture's side; other styles have none."""


def behind(style: str, side: int, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """The space behind the subject: a square of `side` pixels."""
    return _BEHIND[style](side, colours, rng)


def cut(canvas: Image.Image, style: str, rng: np.random.Generator) -> Image.Image:
    """Cubism breaks the picture along a line and lights its facets apart; other styles leave it as it is."""
    if style != "Cubism":
        return canvas
    side, turn = canvas.width, rng.uniform(0.3, 0.9) * np.pi
    start = rng.choice([0, np.pi]) + turn
    through = 0.5 + rng.uniform(-0.08, 0.08, 2)
    step = (round(0.06 * side * np.cos(start)), round(0.06 * side * np.sin(start)))
    half = Image.new("L", canvas.size)
    ImageDraw.Draw(half).polygon(_half_plane(side * through, start), fill=255)
    canvas.paste(ImageChops.offset(canvas, *step), mask=half)
    return _facets(canvas, start, rng)


def _half_plane(through: Float[np.ndarray, "2"], turn: float, reach: float = 4.0) -> list[float]:
    along = reach * 2048 * np.array([np.cos(turn), np.sin(turn)])
    aside = np.array([-along[1], along[0]])
    return (
        np.stack([through - along, through + along, through + along + aside, through - along + aside])
        .ravel()
        .tolist()
    )


def _facets(canvas: Image.Image, turn: float, rng: np.random.Generator) -> Image.Image:
    """Three lines through the picture, each with light on one side of it and shade on the other."""
    side = canvas.width
    for angle in turn + np.array([0, 1.1, 2.2]):
        mask = Image.new("L", canvas.size)
        points = _half_plane(side * (0.5 + rng.uniform(-0.2, 0.2, 2)), angle)
        ImageDraw.Draw(mask).polygon(points, fill=52)
        canvas.paste((255, 255, 255) if angle == turn else (0, 0, 0), mask=mask)
    return canvas


def _colour_field(side: int, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """Broad bands that float on the ground, their edges soft."""
    fine = max(8, side // 4)
    at = (np.arange(fine) + 0.5) / fine
    first, second = rng.uniform(0.36, 0.44), rng.uniform(0.68, 0.74)
    spans = ((0.05, first, "sky"), (first + 0.04, second, "accent"), (second + 0.04, 0.95, "second"))
    field = np.tile(np.array(colours["ground"], np.float32), (fine, fine, 1))
    for top, bottom, role in spans:
        opacity = np.outer(_soft(at, top, bottom), _soft(at, 0.06, 0.94))[..., None]
        field += opacity * (np.array(colours[role], np.float32) - field)
    return Image.fromarray(field.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)


def _soft(
    at: Float[np.ndarray, " n"], low: float, high: float, edge: float = 0.045
) -> Float[np.ndarray, " n"]:
    """One between low and high, zero outside, with soft edges."""
    return np.clip((at - low) / edge + 0.5, 0, 1) * np.clip((high - at) / edge + 0.5, 0, 1)


def _art_deco(side: int, colours: Colours, rng: np.random.Generator, rays: int = 13) -> Image.Image:
    """Rays from a rising sun of rings at the lower edge."""
    canvas = Image.new("RGB", (side, side), colours["ground"])
    draw, (x, y) = ImageDraw.Draw(canvas), side * np.array([rng.uniform(0.42, 0.58), 0.95])
    turn = rng.uniform(0, 1)
    for ray in range(rays + 1):
        near, far = (np.pi * (1 + (ray + turn - 0.5 + w) / rays) for w in (0, 0.5))
        points = [x, y, *_polar(x, y, 2 * side, near), *_polar(x, y, 2 * side, far)]
        draw.polygon(points, fill=colours["sky"])
    for radius, role in (
        (0.36, "ink"),
        (0.345, "second"),
        (0.27, "accent"),
        (0.19, "second"),
        (0.12, "light"),
    ):
        draw.ellipse(sheets.disc(x, y, radius * side), fill=colours[role])
    return canvas


def _polar(x: float, y: float, radius: float, turn: float) -> tuple[float, float]:
    return x + radius * np.cos(turn), y + radius * np.sin(turn)


def _ukiyo_e(side: int, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """A sky that fades (bokashi), a big disc, and scale-like waves below."""
    fine = max(8, side // 4)
    at = ((np.arange(fine) + 0.5) / fine)[:, None]
    top, high, low = (np.array(colours[role], np.float32) for role in ("second", "sky", "light"))
    fade = (
        high + np.clip(1 - at / 0.3, 0, 1) * (top - high) + np.clip((at - 0.3) / 0.5, 0, 0.7) * (low - high)
    )
    sky = np.tile(fade.astype(np.uint8)[:, None], (1, fine, 1))
    canvas = Image.fromarray(sky).resize((side, side), Image.Resampling.BICUBIC)
    x, y = side * rng.uniform(0.3, 0.7), side * rng.uniform(0.34, 0.4)
    ImageDraw.Draw(canvas).ellipse(sheets.disc(x, y, 0.27 * side), fill=colours["accent"])
    water, lines = sheets.waves(side)
    left, height = round(side * rng.uniform(0, 0.4)), round(side * rng.uniform(0.3, 0.34))
    for role, mask in (("ground", water), ("ink", lines)):
        canvas.paste(colours[role], (0, side - height), mask.crop((left, 0, left + side, height)))
    return canvas


def _cubism(side: int, colours: Colours, rng: np.random.Generator, cells: int = 3) -> Image.Image:
    """Facets: a bent grid of triangles in shades of the ground and the second colours."""
    canvas = Image.new("RGB", (side, side), colours["ground"])
    draw, inside = ImageDraw.Draw(canvas), np.arange(cells + 1)
    knots = np.stack(np.meshgrid(inside, inside), axis=-1) + rng.uniform(
        -0.32, 0.32, (cells + 1, cells + 1, 2)
    )
    knots[0, :, 1], knots[-1, :, 1], knots[:, 0, 0], knots[:, -1, 0] = 0, cells, 0, cells
    points = knots * side / cells
    tints = [mix(colours[a], colours[b], s) for a, b, s in _TINTS]
    order = rng.permutation(2 * cells * cells) % len(tints)
    for number, (i, j) in enumerate(np.ndindex(cells, cells)):
        a, b, c, d = points[i, j], points[i, j + 1], points[i + 1, j + 1], points[i + 1, j]
        halves = ((a, b, c), (a, c, d)) if (i + j) % 2 else ((a, b, d), (b, c, d))
        for half, corners in enumerate(halves):
            draw.polygon(np.stack(corners).ravel().tolist(), fill=tints[order[2 * number + half]])
    return canvas


_TINTS = (
    ("ground", "sky", 0.0), ("ground", "sky", 1.0), ("ground", "second", 0.4), ("ground", "light", 0.25),
    ("sky", "light", 0.5), ("ground", "second", 0.8), ("ground", "sky", 0.5), ("sky", "accent", 0.5),
)  # fmt: skip


def _aboriginal(side: int, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """Dots on rings around a few places, in three colours."""
    canvas = Image.new("RGB", (side, side), colours["ground"])
    turn = Image.Transpose(int(rng.integers(7)))
    rings = sheets.dotted_rings(side, int(rng.integers(4)))
    for role, mask in zip(("light", "second", "accent"), rings, strict=True):
        canvas.paste(colours[role], mask=mask.transpose(turn))
    return canvas


def _manga(side: int, colours: Colours, rng: np.random.Generator, lines: int = 34) -> Image.Image:
    """Speed lines towards the middle, and a screen of dots in one corner."""
    canvas = Image.new("RGB", (side, side), mix(colours["ground"], colours["sky"], 0.5))
    draw, middle = ImageDraw.Draw(canvas), side * (0.5 + rng.uniform(-0.04, 0.04, 2))
    screen = sheets.halftone(side)
    if rng.integers(2):
        screen = screen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    canvas.paste(colours["second"], mask=screen)
    turns = 2 * np.pi * (np.arange(lines) + rng.uniform(-0.3, 0.3, lines)) / lines
    for turn, start, width in zip(
        turns, rng.uniform(0.36, 0.54, lines), rng.uniform(0.012, 0.045, lines), strict=True
    ):
        tip = _polar(*middle, start * side, turn)
        ends = [*_polar(*middle, side, turn - width), *_polar(*middle, side, turn + width)]
        draw.polygon([*tip, *ends], fill=colours["ink"])
    return canvas


_BEHIND: dict[str, Callable[[int, Colours, np.random.Generator], Image.Image]] = {
    "Color Field Painting": _colour_field,
    "Art Deco": _art_deco,
    "Ukiyo-e": _ukiyo_e,
    "Cubism": _cubism,
    "Aboriginal Art": _aboriginal,
    "Anime/Manga": _manga,
}
