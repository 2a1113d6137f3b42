"""Cubism: a space of facets, and the breaking of a picture along lines.

Enters: a size or a picture, colours, a random stream. Leaves: Pillow images.
Does not know: subjects, compositions, media, other styles.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

from tasteprint.simulate import sheets
from tasteprint.simulate.colours import Colours, mix
from tasteprint.simulate.sheets import FINER, finer

_TINTS = (
    ("ground", "sky", 0.0), ("ground", "sky", 1.0), ("ground", "second", 0.45), ("ground", "sky", 0.35),
    ("sky", "light", 0.4), ("ground", "second", 0.9), ("ground", "sky", 0.7),
)  # fmt: skip
"""The facets' colours: the share of the way from one role's colour to another's."""


def mesh(size: int, colours: Colours, rng: np.random.Generator, cells: int = 3) -> Image.Image:
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


def broken(canvas: Image.Image, colours: Colours, rng: np.random.Generator) -> Image.Image:
    """Lines through the picture: each moves what lies on one side of it, or turns light to shade there."""
    size, turns = canvas.width, rng.uniform(0, np.pi) + np.pi / 4 * np.arange(4) + rng.uniform(-0.2, 0.2, 4)
    split, _, side = finer(size)
    for turn, through in zip(turns, rng.uniform(0.3, 0.7, (4, 2)), strict=True):
        half, pen, _ = finer(size)
        x, y = (side * through).tolist()
        pen.polygon(sheets.wedge(x, y, 0.0, 5.0 * side, turn, 1.2), fill=255)
        split = ImageChops.difference(split, half)
    step = round(0.05 * size) or 1
    moved = canvas.copy()
    moved.paste(canvas, (step, -step))
    canvas.paste(moved, mask=half.reduce(FINER))
    shade = split.reduce(FINER)
    canvas.paste(colours["light"], mask=shade.point(lambda v: v * 0.28))
    canvas.paste(colours["dark"], mask=shade.point(lambda v: (255 - v) * 0.16))
    return canvas
