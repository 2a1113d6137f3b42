"""The colours of a picture: six palettes for what lies around the subject, five hues for the subject itself.

Enters: the names of a palette and a hue, a random stream. Leaves: colours by their role in the picture.
Does not know: shapes, styles, media, where anything stands.
"""

from __future__ import annotations

import numpy as np
from PIL import ImageColor

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
