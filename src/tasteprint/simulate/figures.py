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

from tasteprint.simulate import sheets
from tasteprint.simulate.colours import Colour, Colours
from tasteprint.simulate.glyphs import GLYPHS

Points = Float[np.ndarray, "points 2"]


@dataclass(frozen=True, slots=True)
class Place:
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


def places(composition: str, room: float, rng: np.random.Generator) -> list[Place]:
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
    return [Place(0.5 + room * x, 0.5 + room * y, room * grow * reach, flip) for x, y, reach, flip in found]


def layer(subject: str, stands: list[Place], lean: float, look: Look, size: int) -> Image.Image:
    """All copies of the subject on nothing: RGBA of `size` pixels."""
    canvas, pen, side = sheets.finer(size, "RGBA")
    distinct = stands if len(stands) < 3 else stands[:1]
    for place in distinct:
        _draw(pen, subject, place, lean, look, side)
    corners = [(round(side * (place.x - 1 / 6)), round(side * (place.y - 1 / 6))) for place in stands]
    left, top = corners[0]
    first = canvas.crop((left, top, left + side // 3, top + side // 3))
    for corner in corners[len(distinct) :]:  # the copies in a grid are alike
        canvas.paste(first, corner)
    return canvas.reduce(sheets.FINER)


def _draw(pen: ImageDraw.ImageDraw, subject: str, place: Place, lean: float, look: Look, side: int) -> None:
    """Draw one copy, its shapes back to front: a pale rim around all, then each in its lines and its colour."""
    turn, centre = _turned(place, lean), side * np.array([place.x, place.y])
    line = look.line * min(1.0, 0.1 + 2.4 * place.reach)  # finer around small copies
    outlines = [centre + side * place.reach * points @ turn for _, points in GLYPHS[subject]]
    outward = [side * part @ turn for part in normals(subject)]
    for outline, out in zip(outlines, outward, strict=True):
        _fill(pen, outline + (line + look.rim) * out, look.colours["light"])
    for (role, _), outline, out in zip(GLYPHS[subject], outlines, outward, strict=True):
        if line:
            _fill(pen, outline + line * out, look.colours["dark"])
        _fill(pen, outline, look.colours[role])
    if look.ornate:
        for x, y in centre + side * place.reach * ornaments(subject) @ turn:
            pen.ellipse(sheets.disc(x, y, 0.09 * place.reach * side), fill=look.colours["pale"])


def _fill(pen: ImageDraw.ImageDraw, outline: Points, colour: Colour) -> None:
    pen.polygon(outline.ravel().tolist(), fill=colour)


def _turned(place: Place, lean: float) -> Float[np.ndarray, "2 2"]:
    """Rows of points times this: leaned, then mirrored where the place is."""
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    return turn * [-1, 1] if place.mirrored else turn


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
