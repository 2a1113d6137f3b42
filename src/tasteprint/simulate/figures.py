"""The subject in the picture: its shapes, where its copies stand, and how one is drawn.

Enters: a composition, a subject, colours, a size in pixels. Leaves: the copies' places; the subject on nothing, to be
laid over a picture. Does not know: styles but for the width of their lines, palettes, mediums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFilter

from tasteprint.simulate.drawing import FINER, Colour, Colours, disc, finer

Points = Float[np.ndarray, "points 2"]
Shape = tuple[str, Points]
"""The role of a shape's colour, and its corners."""


def _poly(role: str, *points: tuple[float, float]) -> Shape:
    return role, np.array(points, dtype=float)


def _oval(
    role: str, x: float, y: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0
) -> Shape:
    """An ellipse, or the part of it between two angles in degrees (clockwise from the right)."""
    turn = np.radians(np.linspace(start, stop, 24, endpoint=stop - start < 360))
    return role, np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], axis=1)


def _ring(role: str, count: int, outer: float, inner: float, turn: float = -90.0) -> Shape:
    """A star of `count` points between two radii."""
    angle = np.radians(turn + 180 / count * np.arange(2 * count))
    radius = np.where(np.arange(2 * count) % 2 == 0, outer, inner)
    return role, np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _petals(role: str, count: int, x: float, y: float, distance: float, radius: float) -> Sequence[Shape]:
    turns = np.radians(-90 + 360 / count * np.arange(count))
    return [_oval(role, x + distance * np.cos(t), y + distance * np.sin(t), radius, radius) for t in turns]


GLYPHS: dict[str, tuple[Shape, ...]] = {
    "house": (
        _poly("deep", (0.38, -0.95), (0.62, -0.95), (0.62, -0.3), (0.38, -0.3)),
        _poly("light", (-0.7, -0.15), (0.7, -0.15), (0.7, 0.95), (-0.7, 0.95)),
        _poly("main", (-1.0, -0.1), (0.0, -0.95), (1.0, -0.1)),
        _poly("deep", (-0.48, 0.25), (-0.1, 0.25), (-0.1, 0.95), (-0.48, 0.95)),
        _poly("pale", (0.14, 0.2), (0.52, 0.2), (0.52, 0.58), (0.14, 0.58)),
    ),
    "tree": (
        _poly("deep", (-0.13, 0.1), (0.13, 0.1), (0.16, 0.8), (0.3, 1.0), (-0.3, 1.0), (-0.16, 0.8)),
        _oval("main", -0.5, 0.0, 0.42, 0.38),
        _oval("main", 0.5, 0.0, 0.42, 0.38),
        _oval("main", -0.28, -0.48, 0.42, 0.4),
        _oval("main", 0.28, -0.48, 0.42, 0.4),
        _oval("main", 0.0, -0.1, 0.5, 0.48),
        _oval("pale", -0.45, -0.05, 0.11, 0.11),
        _oval("pale", 0.42, -0.12, 0.11, 0.11),
        _oval("pale", -0.05, -0.5, 0.11, 0.11),
    ),
    "fish": (
        _poly("deep", (-0.45, 0.0), (-1.0, -0.55), (-0.88, 0.0), (-1.0, 0.55)),
        _poly("deep", (-0.25, -0.38), (0.15, -0.85), (0.42, -0.36)),
        _oval("main", 0.22, 0.0, 0.78, 0.52),
        _oval("pale", 0.22, 0.0, 0.78, 0.52, 115.0, 245.0),
        _oval("light", 0.62, -0.13, 0.17, 0.17),
        _oval("dark", 0.66, -0.13, 0.09, 0.09),
    ),
    "star": (_ring("main", 5, 1.0, 0.45), _ring("pale", 5, 0.55, 0.25)),
    "boat": (
        _poly("deep", (-0.06, -1.0), (0.06, -1.0), (0.06, 0.4), (-0.06, 0.4)),
        _poly("light", (0.12, -0.92), (0.85, 0.3), (0.12, 0.3)),
        _poly("pale", (-0.12, -0.65), (-0.12, 0.3), (-0.7, 0.3)),
        _poly("main", (-1.0, 0.42), (1.0, 0.42), (0.65, 0.92), (-0.65, 0.92)),
    ),
    "flower": (
        _poly("deep", (-0.07, 0.0), (0.07, 0.0), (0.07, 1.0), (-0.07, 1.0)),
        _poly("deep", (0.0, 0.85), (0.2, 0.45), (0.65, 0.4), (0.45, 0.75)),
        *_petals("main", 6, 0.0, -0.32, 0.4, 0.28),
        _oval("pale", 0.0, -0.32, 0.26, 0.26),
    ),
    "mountain": (
        _poly("deep", (-0.1, 0.8), (0.48, -0.3), (1.0, 0.8)),
        _poly("main", (-1.0, 0.8), (-0.25, -0.85), (0.55, 0.8)),
        _poly(
            "light",
            (-0.25, -0.85),
            (0.02, -0.3),
            (-0.14, -0.4),
            (-0.27, -0.15),
            (-0.4, -0.38),
            (-0.51, -0.28),
        ),
    ),
    "cup": (
        _oval("deep", 0.62, 0.1, 0.38, 0.38),
        _oval("light", 0.62, 0.1, 0.2, 0.2),
        _poly("main", (-0.75, -0.4), (0.65, -0.4), (0.5, 0.65), (0.25, 0.85), (-0.35, 0.85), (-0.6, 0.65)),
        _oval("light", -0.05, -0.4, 0.7, 0.2),
        _oval("pale", -0.05, -0.37, 0.55, 0.12),
    ),
}
"""Every subject of the taxonomy: its shapes back to front, in a box from -1 to 1 (x right, y down)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one copy of the subject stands: centre and half-width as shares of the picture's side."""

    x: float
    y: float
    reach: float
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How the subject is drawn: its colours, its pale rim and dark lines (shares of the side), dots on it or none."""

    colours: Colours
    rim: float
    line: float
    ornate: bool


def places(composition: str, room: float, rng: np.random.Generator) -> list[Placement]:
    """The copies of the subject that a composition shows in the middle `room` of the side, with small accidents."""
    grow, mirrored = rng.uniform(0.94, 1.06), bool(rng.integers(2))
    dx, dy = rng.uniform(-0.025, 0.025, 2).tolist()
    if composition == "Centralized":
        found = [(dx, dy, 0.37, mirrored)]
    elif composition == "Rule of Thirds":
        x, y = rng.choice([-0.2, 0.2], 2).tolist()
        found = [(x + dx, y + dy, 0.195, x > 0)]
    elif composition == "Symmetry":
        found = [(dx - 0.23, dy, 0.2, mirrored), (0.23 - dx, dy, 0.2, not mirrored)]
    else:
        found = [(x / 3, y / 3, 0.13, mirrored) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return [
        Placement(0.5 + room * x, 0.5 + room * y, room * grow * reach, flip) for x, y, reach, flip in found
    ]


def layer(subject: str, stands: list[Placement], lean: float, look: Look, size: int) -> Image.Image:
    """All copies of the subject on nothing: RGBA of `size` pixels."""
    canvas, pen, side = finer(size, "RGBA")
    distinct = stands if len(stands) < 3 else stands[:1]
    for place in distinct:
        _draw(pen, subject, place, lean, look, side)
    corners = [(round(side * (place.x - 1 / 6)), round(side * (place.y - 1 / 6))) for place in stands]
    left, top = corners[0]
    first = canvas.crop((left, top, left + side // 3, top + side // 3))
    for corner in corners[len(distinct) :]:  # the copies in a grid are alike
        canvas.paste(first, corner)
    return canvas.reduce(FINER)


def _draw(
    pen: ImageDraw.ImageDraw, subject: str, place: Placement, lean: float, look: Look, side: int
) -> None:
    """Draw one copy, its shapes back to front: a pale rim around all, then each in its lines and its colour."""
    turn, centre = _turned(place, lean), side * np.array([place.x, place.y])
    line = look.line * min(1.0, 0.1 + 2.4 * place.reach)  # finer around small copies
    outlines = [centre + side * place.reach * points @ turn for _, points in GLYPHS[subject]]
    outward = [side * part @ turn for part in _normals(subject)]
    for outline, out in zip(outlines, outward, strict=True):
        _fill(pen, outline + (line + look.rim) * out, look.colours["light"])
    for (role, _), outline, out in zip(GLYPHS[subject], outlines, outward, strict=True):
        if line:
            _fill(pen, outline + line * out, look.colours["dark"])
        _fill(pen, outline, look.colours[role])
    if look.ornate:
        for x, y in centre + side * place.reach * _ornaments(subject) @ turn:
            pen.ellipse(disc(x, y, 0.09 * place.reach * side), fill=look.colours["pale"])


def _fill(pen: ImageDraw.ImageDraw, outline: Points, colour: Colour) -> None:
    pen.polygon(outline.ravel().tolist(), fill=colour)


def _turned(place: Placement, lean: float) -> Float[np.ndarray, "2 2"]:
    """Rows of points times this: leaned, then mirrored where the place is."""
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    return turn * [-1, 1] if place.mirrored else turn


@lru_cache(maxsize=len(GLYPHS))
def _normals(subject: str) -> tuple[Points, ...]:
    """For each shape and point the way outwards: adding w times it moves both edges there by w (no spikes)."""
    return tuple(_outward(points) for _, points in GLYPHS[subject])


def _outward(points: Points) -> Points:
    edge = np.roll(points, -1, axis=0) - points
    edge /= np.linalg.norm(edge, axis=1, keepdims=True)
    after = np.stack([edge[:, 1], -edge[:, 0]], axis=1)
    x, y = points.T
    if (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() < 0:
        after = -after
    before = np.roll(after, 1, axis=0)
    return (before + after) / np.maximum(1 + (before * after).sum(axis=1, keepdims=True), 0.5)


@lru_cache(maxsize=len(GLYPHS))
def _ornaments(subject: str, pitch: float = 0.3) -> Points:
    """Where the dots of an ornate subject sit: on a turned grid, well inside what has the subject's main colour."""
    mask = Image.new("L", (201, 201))
    pen = ImageDraw.Draw(mask)
    for role, points in GLYPHS[subject]:
        pen.polygon((100 + 100 * points).ravel().tolist(), fill=255 if role == "main" else 0)
    inside = np.asarray(mask.filter(ImageFilter.MinFilter(17)))
    i, j = np.mgrid[-8:9, -8:9]
    grid = np.stack([(i - j).ravel(), (i + j).ravel()], axis=1) * pitch * 0.62
    grid = grid[np.abs(grid).max(axis=1) <= 1]
    at = np.rint(100 + 100 * grid).astype(int)
    return grid[inside[at[:, 1], at[:, 0]] > 0]
