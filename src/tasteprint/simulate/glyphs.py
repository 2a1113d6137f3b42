"""The shapes of the subjects: each a few polygons, back to front, in a box from -1 to 1 (x right, y down).

Enters: nothing. Leaves: `GLYPHS`, subject to its shapes, each a colour's role and points.
Does not know: colours, sizes, places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Shape = tuple[str, Float[np.ndarray, "points 2"]]


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
"""Every subject of the taxonomy, first the shapes that lie behind."""
