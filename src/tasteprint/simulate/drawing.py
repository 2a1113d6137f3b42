"""What every picture is drawn with: colours by their role, a pen with smooth edges, frames and panels.

Enters: the names of a palette and a hue, a random stream; a size in pixels. Leaves: colours; empty canvases; masks
(Pillow "L") that are drawn once and that the caller must not change. Does not know: subjects, styles, mediums.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw

Colour = tuple[int, int, int]
Colours = dict[str, Colour]

PALETTE_ROLES = ("paper", "ground", "sky", "second", "accent", "light", "ink")
PALETTES: dict[str, str] = {
    "Oceanic Tones": "#f3fafa #2f8fae #8fd3d6 #13557f #cdeee6 #f2fbf8 #072f4a",
    "Neon": "#f4f0ff #150a2e #2c1166 #00c8f0 #b8ff2a #f7f2ff #19e6ff",
    "Urban Industrial": "#f1f1ef #83898f #b4b9bd #4c5258 #d9dcde #f3f4f4 #17191c",
    "Pastels": "#fffdf8 #bfe6d2 #ffd9c2 #f6c6d6 #fbefb9 #fffaf0 #8a7896",
    "Earthy Palettes": "#fbf4e4 #c4935a #e2c593 #76773f #a65431 #f8ecd2 #3b2415",
    "Vibrant Colors": "#fff6ea #ff8424 #ff5c6e #7a2bd1 #ffc93a #fff4dc #35094f",
}
"""A palette's colours, one a role, in the order of `PALETTE_ROLES`; `ink` is what stands out from `ground`."""

HUE_ROLES = ("main", "deep", "pale")
HUES: dict[str, str] = {
    "Crimson": "#cf1436 #86102c #ff8f96",
    "Yellow": "#ffd40f #d98e00 #fff0a0",
    "Forest Green": "#1f7a34 #0f4a26 #93cf8f",
    "Cerulean": "#1590e0 #0b4f98 #9fd8fb",
    "Magenta": "#e31cb4 #8c0f82 #ff9ce6",
}
"""A hue and its shade and tint, in the order of `HUE_ROLES`: all of the subject's own colours."""

DARK: Colour = (24, 18, 32)

FINER = 4
"""All that is drawn is drawn this many times as wide, then averaged down: smooth edges for little time."""

FRAME = 0.075
"""Width of the frame of an intricate picture, as a share of its side."""


def colours(palette: str, hue: str, rng: np.random.Generator, jitter: float = 5.0) -> Colours:
    """All colours of one picture, each moved a little: `jitter` is a standard deviation on the scale 0 to 255.

    The jitter is of lightness, the same on red, green and blue, so that no grey takes on a tint.
    """
    codes = f"{PALETTES[palette]} {HUES[hue]}".split()
    base = np.array([ImageColor.getrgb(code) for code in codes], dtype=float)
    moved = np.clip(base + rng.normal(0, jitter, (len(base), 1)), 0, 255).astype(int).tolist()
    named = {role: (r, g, b) for role, (r, g, b) in zip(PALETTE_ROLES + HUE_ROLES, moved, strict=True)}
    return {**named, "dark": DARK}


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from a to b."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


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
