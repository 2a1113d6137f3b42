"""What lies behind and over the subject: palettes, backgrounds, the screens of dotted and hatched styles.

Enters: a palette's name, a side in pixels, a random stream. Leaves: colours and Pillow images.
Does not know: subjects, compositions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw

Colour = tuple[int, int, int]
Palette = dict[str, Colour]

ROLES = ("paper", "ground", "sky", "main", "second", "accent", "light", "ink")
PALETTES: dict[str, str] = {
    "sunset": "#fff0d6 #ffc27a #f0607c #8e2d68 #d9432f #ffe27a #fff3dc #3d1537",
    "ocean": "#f4fcff #bfe6ee #3f9fc4 #14548a #1f8f93 #8fd6d2 #f3fbff #08233f",
    "forest": "#f7f4e2 #d8deb0 #8fb06a #2c6a3c #80522f #d99f3c #f4efd8 #1c2f20",
    "candy": "#ffffff #ffd9ec #b9dcff #ff5fa5 #8a74f5 #5fdcbf #fffaf0 #6b2573",
    "monochrome": "#ffffff #e2e2e2 #9a9a9a #4a4a4a #777777 #bdbdbd #f7f7f7 #111111",
    "neon": "#07040f #1a1238 #4a148c #ff2bd1 #00e5ff #d2ff36 #fdf7ff #ffffff",
}
"""A palette's colours, one a role, in the order of `ROLES`."""


def palette(name: str, rng: np.random.Generator, jitter: float = 5.0) -> Palette:
    """A palette's colours, each moved a little: `jitter` is a standard deviation on the scale 0 to 255.

    Grey stays grey: a picture in monochrome must not take on a tint.
    """
    base = np.array([ImageColor.getrgb(code) for code in PALETTES[name].split()], dtype=float)
    shift = rng.normal(0, jitter, base.shape)
    if name == "monochrome":
        shift[:] = shift[:, :1]
    moved = np.clip(base + shift, 0, 255).astype(int)
    return {role: (int(r), int(g), int(b)) for role, (r, g, b) in zip(ROLES, moved, strict=True)}


def background(name: str, side: int, colours: Palette, rng: np.random.Generator) -> Image.Image:
    """A square of `side` pixels: one colour, a sky that fades towards the ground, or a busy terrazzo."""
    canvas = Image.new("RGB", (side, side), colours["ground"])
    if name == "sky":
        canvas.paste(colours["sky"], mask=_fade(side))
        _sun(canvas, colours, rng)
    elif name == "busy":
        _terrazzo(canvas, colours, rng)
    return canvas


def screen(style: str, side: int, rng: np.random.Generator) -> Image.Image | None:
    """How much of the painted colour stays (0 to 255) under a style; None where all of it does."""
    if style not in ("dotted", "hatched"):
        return None
    sheet = _dots(side) if style == "dotted" else _hatch(side)
    x, y = rng.integers(0, side // 2, 2)
    return sheet.crop((int(x), int(y), int(x) + side, int(y) + side))


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from a to b."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


@lru_cache(maxsize=8)
def _fade(side: int) -> Image.Image:
    return Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((side, side))


def _sun(canvas: Image.Image, colours: Palette, rng: np.random.Generator) -> None:
    """A pale disc high in the sky, so that a fading sky is told from a plain wall."""
    side = canvas.width
    x, y = side * rng.uniform(0.15, 0.85), side * rng.uniform(0.12, 0.25)
    for radius, share in ((0.15, 0.25), (0.095, 0.75)):
        box = [x - side * radius, y - side * radius, x + side * radius, y + side * radius]
        ImageDraw.Draw(canvas).ellipse(box, fill=mix(colours["sky"], colours["light"], share))


def _terrazzo(canvas: Image.Image, colours: Palette, rng: np.random.Generator, rows: int = 6) -> None:
    """Chips of irregular shape on a jittered grid, in tints between the colours of the background."""
    side, draw = canvas.width, ImageDraw.Draw(canvas)
    tints = [mix(colours["ground"], colours[role], 0.55) for role in ("sky", "accent", "second", "paper")]
    corners = np.radians(90 * np.arange(4))
    for row, column in np.ndindex(rows, rows):
        centre = (np.array([column, row]) + rng.uniform(0.2, 0.8, 2)) / rows
        radius, turn = rng.uniform(0.5, 1.1, 4) * 0.6 / rows, corners + rng.uniform(0, 6.3)
        chip = side * (centre[:, None] + radius * np.stack([np.cos(turn), np.sin(turn)]))
        draw.polygon(chip.T.ravel().tolist(), fill=tints[int(rng.integers(len(tints)))])


@lru_cache(maxsize=8)
def _dots(side: int) -> Image.Image:
    """Round dots on a grid turned by 45 degrees; between them a third of the colour stays."""
    y, x = np.mgrid[: side * 3 // 2, : side * 3 // 2] * (2 * np.pi / side)
    wave = np.cos(8 * (x + y)) + np.cos(8 * (x - y))
    return Image.fromarray(np.where(wave > -0.25, 255, 90).astype(np.uint8))


@lru_cache(maxsize=8)
def _hatch(side: int) -> Image.Image:
    """Slanting strokes, slightly wavy; between them a third of the colour stays."""
    y, x = np.mgrid[: side * 3 // 2, : side * 3 // 2] * (2 * np.pi / side)
    wave = np.cos(9 * (x + 0.55 * y) + 0.8 * np.sin(3 * y))
    return Image.fromarray(np.where(wave > -0.35, 255, 70).astype(np.uint8))
