"""The subject in the picture: where its copies stand, and how one is drawn.

Enters: a composition, a subject, colours, a canvas. Leaves: places; the subject on the canvas.
Does not know: styles but for the width of their lines, palettes, media.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFilter

from tasteprint.world import sheets
from tasteprint.world.colours import Colour, Colours
from tasteprint.world.glyphs import GLYPHS

RIM = 0.021
"""Width of the pale rim that parts the subject from any ground, as a share of the picture's side."""

Points = Float[np.ndarray, "points 2"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one copy of the subject stands: centre and half-width as shares of the picture's side."""

    x: float
    y: float
    reach: float
    mirrored: bool = False


def places(composition: str, rng: np.random.Generator) -> list[Place]:
    """The copies of the subject that a composition shows, with the accidents of place and size."""
    grow = rng.uniform(0.94, 1.06)
    dx, dy = rng.uniform(-0.025, 0.025, 2).tolist()
    mirrored = bool(rng.integers(2))
    if composition == "Centralized":
        return [Place(0.5 + dx, 0.5 + dy, 0.36 * grow, mirrored)]
    if composition == "Rule of Thirds":
        x, y = rng.choice([0.31, 0.69], 2).tolist()
        return [Place(x + dx, y + dy, 0.18 * grow, x > 0.5)]
    if composition == "Symmetry":
        return [
            Place(0.28 + dx, 0.5 + dy, 0.2 * grow, mirrored),
            Place(0.72 - dx, 0.5 + dy, 0.2 * grow, not mirrored),
        ]
    sixths = (1 / 6 + 0.01, 1 / 2, 5 / 6 - 0.01)
    return [Place(x, y, 0.128 * grow, mirrored) for y in sixths for x in sixths]


def draw(
    canvas: Image.Image, subject: str, place: Place, lean: float, colours: Colours, line: float, ornate: bool
) -> None:
    """Draw one copy of the subject, its shapes back to front: a pale rim, then each in its lines and colours.

    `line` is the width of the dark lines around every shape, as a share of the picture's side; 0 for none. Ornate
    subjects wear dots of their own pale tint.
    """
    pen, side = ImageDraw.Draw(canvas), canvas.width
    turn, centre = _turned(place, lean), side * np.array([place.x, place.y])
    thin = side * min(1.0, 0.5 + 2 * place.reach)  # lines around small copies are finer
    outlines = [centre + side * place.reach * points @ turn for _, points in GLYPHS[subject]]
    outward = [part @ turn for part in normals(subject)]
    for outline, out in zip(outlines, outward, strict=True):
        _fill(pen, outline + (line + RIM) * thin * out, colours["light"])
    for (role, _), outline, out in zip(GLYPHS[subject], outlines, outward, strict=True):
        if line:
            _fill(pen, outline + line * thin * out, colours["dark"])
        _fill(pen, outline, colours[role])
    if ornate:
        for x, y in centre + side * place.reach * ornaments(subject) @ turn:
            pen.ellipse(sheets.disc(x, y, 0.09 * place.reach * side), fill=colours["pale"])


def _fill(pen: ImageDraw.ImageDraw, outline: Points, colour: Colour) -> None:
    pen.polygon(outline.ravel().tolist(), fill=colour)


def _turned(place: Place, lean: float) -> Float[np.ndarray, "2 2"]:
    """Rows of points times this: mirrored where the place is, then leaned."""
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    return turn * [[-1], [1]] if place.mirrored else turn


@lru_cache(maxsize=len(GLYPHS))
def normals(subject: str) -> tuple[Points, ...]:
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
def ornaments(subject: str, pitch: float = 0.3) -> Points:
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
