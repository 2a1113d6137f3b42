"""A subject and its attributes to a picture: procedural, seeded, antialiased.

Enters: a subject, `Attributes`, a seed, a size. Leaves: a Pillow image, or arrays of many with their labels.
Does not know: people, votes, files.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image, ImageDraw

from tasteprint.world import surfaces, taxonomy
from tasteprint.world.glyphs import GLYPHS
from tasteprint.world.taxonomy import DIMENSIONS, SUBJECTS, Attributes

OVERSAMPLE = (
    4  # painted four times as wide, then averaged down: smooth edges for a tenth of the cost of vectors
)
LARGEST = 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """All that fixes a picture but its size: what it shows, how, and the seed of its small accidents."""

    subject: str
    attributes: Attributes
    seed: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one copy of the subject stands: centre and half-width as shares of the picture's side."""

    x: float
    y: float
    reach: float
    mirrored: bool = False


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A random stream for one purpose, independent of all others. ValueError for a bad seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"the seed is {seed!r}; expected an integer of at least 0: give one.")
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def paint(subject: str, attributes: Attributes, seed: int, size: int = 48) -> Image.Image:
    """Paint one RGB picture of `size` x `size` pixels; the same arguments give the same bytes.

    The seed moves what carries no taste: place, size, lean and a small shift of the colours.
    ValueError for an unknown subject, a negative seed, or a size outside 8 to 1024.
    """
    taxonomy.require_value("subject", subject)
    _require_size(size)
    rng = stream(seed, "paint")
    side = size * OVERSAMPLE
    colours = surfaces.palette(attributes.palette, rng)
    canvas = surfaces.background(attributes.background, side, colours, rng)
    lean = rng.normal(0, 0.06)
    for place in _places(attributes.composition, rng):
        _draw(canvas, subject, place, lean, colours, outlined=attributes.style == "outlined")
    screen = surfaces.screen(attributes.style, side, rng)
    if screen is not None:
        canvas = Image.composite(canvas, Image.new("RGB", canvas.size, colours["paper"]), screen)
    return canvas.reduce(OVERSAMPLE)


def draw_pictures(n: int, seed: int, purpose: str = "pictures") -> list[Picture]:
    """Draw `n` pictures to be painted: subjects and every attribute uniform and independent.

    Two purposes get different pictures from one seed. ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"{n} pictures were asked for; expected at least 1: raise the number.")
    rng = stream(seed, purpose)
    subjects = rng.integers(len(SUBJECTS), size=n)
    values = np.stack([rng.integers(len(names), size=n) for names in DIMENSIONS.values()], axis=1)
    seeds = rng.integers(2**31, size=n)
    return [
        Picture(SUBJECTS[s], _attributes(row), int(k))
        for s, row, k in zip(subjects, values, seeds, strict=True)
    ]


def fresh(
    n: int, seed: int, size: int = 48
) -> tuple[UInt8[np.ndarray, "n side side 3"], Int64[np.ndarray, "n readable"]]:
    """`n` new labelled pictures, to teach an eye: pixels 0 to 255, and the positions of the values.

    Columns of the labels follow `taxonomy.READABLE`: the dimensions of taste, then the subject. Different
    seeds give different pictures. ValueError as for `paint` and `draw_pictures`.
    """
    pictures = draw_pictures(n, seed, purpose="fresh")
    pixels = np.stack([np.asarray(paint(p.subject, p.attributes, p.seed, size)) for p in pictures])
    return pixels, np.stack([taxonomy.labels(p.attributes, p.subject) for p in pictures])


def _attributes(row: Int64[np.ndarray, " dimensions"]) -> Attributes:
    return Attributes(*(names[i] for names, i in zip(DIMENSIONS.values(), row, strict=True)))


def _require_size(size: int) -> None:
    if not 8 <= size <= LARGEST:
        raise ValueError(f"the size is {size} pixels; expected 8 to {LARGEST}: choose a size in that range.")


def _places(composition: str, rng: np.random.Generator) -> list[_Place]:
    """The copies of the subject that a composition shows, with the accidents of place and size."""
    grow = rng.uniform(0.92, 1.08)
    dx, dy = rng.uniform(-0.03, 0.03, 2)
    if composition == "centred":
        return [_Place(0.5 + dx, 0.5 + dy, 0.38 * grow, bool(rng.integers(2)))]
    if composition == "corner":
        x, y = rng.choice([0.27, 0.73], 2)
        return [_Place(x + dx, y + dy, 0.19 * grow, bool(x > 0.5))]
    if composition == "pair":
        reach = 0.215 * grow
        return [_Place(0.26 + dx, 0.5 + dy, reach), _Place(0.74 - dx, 0.5 + dy, reach, True)]
    mirrored = bool(rng.integers(2))
    rows = (0.18, 0.5, 0.82)
    return [_Place(x + dx, y + dy, 0.135 * grow, mirrored) for y in rows for x in rows]


def _draw(
    canvas: Image.Image, subject: str, place: _Place, lean: float, colours: surfaces.Palette, outlined: bool
) -> None:
    """Draw one copy of the subject, its shapes back to front; where outlined, in pale fills and ink lines."""
    draw, side = ImageDraw.Draw(canvas), canvas.width
    width = max(1, round(side * (0.02 + 0.03 * place.reach)))
    for role, points in GLYPHS[subject]:
        line = _placed(points, place, lean, side)
        fill = colours[role]
        if not outlined:
            draw.polygon(line, fill=fill)
        else:
            draw.polygon(
                line, fill=fill if role in ("ink", "light") else surfaces.mix(fill, colours["paper"], 0.3)
            )
            draw.line([*line, *line[:2]], fill=colours["ink"], width=width, joint="curve")


def _placed(points: np.ndarray, place: _Place, lean: float, side: int) -> list[tuple[float, float]]:
    """A shape's points in pixels: mirrored, leaned, scaled, moved."""
    x, y = points[:, 0] * (-1 if place.mirrored else 1), points[:, 1]
    across = place.x + place.reach * (x * np.cos(lean) - y * np.sin(lean))
    down = place.y + place.reach * (x * np.sin(lean) + y * np.cos(lean))
    return list(zip((side * across).tolist(), (side * down).tolist(), strict=True))
