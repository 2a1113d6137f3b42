"""A subject and its attributes to a picture: procedural, seeded, antialiased.

Enters: a subject, `Attributes`, a seed, a size. Leaves: a Pillow image, or arrays of many with their labels.
Does not know: people, votes, files.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image, ImageFilter

from tasteprint.simulate import figures, mediums, sheets, styles, taxonomy
from tasteprint.simulate.colours import Colours, colours
from tasteprint.simulate.taxonomy import DIMENSIONS, SUBJECTS, Attributes

LARGEST = 1024
BLUR = 1.2 / 48  # standard deviation of the soft focus, as a share of the picture's side
RIM = 0.017  # width of the pale rim that parts a subject from any ground, as a share of the picture's side


@dataclass(frozen=True, slots=True)
class Picture:
    """All that fixes a picture but its size: what it shows, how, and the seed of its small accidents."""

    subject: str
    attributes: Attributes
    seed: int


def stream(seed: object, purpose: str) -> np.random.Generator:
    """A random stream for one purpose, independent of all others. ValueError for a bad seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"the seed is {seed!r}; expected an integer of at least 0: give one.")
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def paint(subject: str, attributes: Attributes, seed: int, size: int = 48) -> Image.Image:
    """Paint one RGB picture of `size` x `size` pixels; the same arguments give the same bytes.

    The seed moves what carries no taste: place, size, lean, a pattern's beginning, a small shift of the colours.
    ValueError for an unknown subject, a negative seed, or a size outside 8 to 1024.
    """
    taxonomy.require_value("subject", subject)
    _require_size(size)
    rng = stream(seed, "paint")
    shades = colours(attributes.palette, attributes.hue, rng)
    canvas = _drawn(subject, attributes, shades, size, rng)
    if attributes.detail == "Blurred":
        canvas = canvas.filter(ImageFilter.GaussianBlur(BLUR * size))
    return mediums.rendered(canvas, attributes.medium, shades, rng)


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


def _drawn(
    subject: str, attributes: Attributes, shades: Colours, size: int, rng: np.random.Generator
) -> Image.Image:
    """Everything that is drawn with sharp lines, from back to front."""
    ornate = attributes.detail == "Intricate"
    canvas = styles.behind(attributes.style, size, shades, rng)
    room = 1 - 1.6 * sheets.FRAME * ornate
    if attributes.composition == "Grid-Based Layouts":
        canvas.paste(shades["light"], mask=sheets.panels(size, room))
    rim, line = RIM, styles.LINES.get(attributes.style, 0.0)
    if attributes.detail == "Blurred":  # it would take thin ones away
        rim, line = 1.8 * RIM, max(line, RIM)
    look = figures.Look(shades, rim, line, ornate)
    stands, lean = figures.places(attributes.composition, room, rng), rng.normal(0, 0.06)
    subjects = figures.layer(subject, stands, lean, look, size)
    canvas.paste(subjects, mask=subjects)
    canvas = styles.over(canvas, attributes.style, shades, rng)
    if ornate:
        for role, mask in zip(("second", "light"), sheets.frame(size), strict=True):
            canvas.paste(shades[role], mask=mask)
    return canvas
