"""The report as one HTML file that needs no other; its words and drawings are in `page.html.j2`.

Enters: a `Page`. Leaves: a file. Does not know: how anything on the page was measured.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from tasteprint.app.page import CONTROLS, LearningPoint, Measured, Page
from tasteprint.data.decode import open_image

SIDE = 256  # pixels of a picture's longer side at most: enough for the page, and the file stays small


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale with round ends; places on it are percent of its length."""

    ticks: tuple[int | float, ...]

    def at(self, value: int | float) -> float:
        """Where a value stands, in percent from the low end, never outside."""
        low, high = self.ticks[0], self.ticks[-1]
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)

    @classmethod
    def around(cls, values: Iterable[int | float]) -> Axis:
        """The shortest scale of four to seven round steps that holds all values."""
        known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        rough = ((high - low) or abs(high) or 1.0) / 5
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough * 0.999)
        start, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        return cls(tuple(step * k for k in range(start, max(end, start + 1) + 1)))


def write_page(path: Path, page: Page) -> None:
    """Write the report as one file that needs no other. Replaces the file in one step.

    ValueError for a picture that cannot be decoded.
    """
    html = _environment().get_template("page.html.j2").render(_view(page))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(html.encode("utf-8", "replace"))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tasteprint", "app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "picture": _data_uri,
        "digest": _digest,
        "percent": lambda share: f"{100 * share:.1f}\N{NO-BREAK SPACE}%",
        "q": lambda q: f"{q:.2f}" if 0.01 <= q <= 0.99 else f"{q:.4f}",
        "number": lambda value: f"{value:.4g}" if math.isfinite(value) else "–",
        "measured": lambda value: value is not None and math.isfinite(value),
    }
    return environment


def _view(page: Page) -> dict[str, Any]:
    """What the template is given: the page, its figures by name, and the axes of its drawings."""
    figures = {figure.name: figure for figure in page.figures if math.isfinite(figure.value)}
    controls = [(CONTROLS[name], figure) for name, figure in _controls(figures, page.n_ref)]
    tops = _by_number(figures, "top")
    difference = figures.get(f"own_minus_other.{page.n_ref}") or figures.get("own_minus_other")
    by_votes = _votes(figures)
    drawn = [*(figure for _, figure in controls), *tops.values(), difference]
    drawn += [figure for place in by_votes["places"] for figure in place[2:]]
    return {
        "page": page,
        "figures": figures,
        "controls": controls,
        "control_axis": _share_axis(figure for _, figure in controls),
        "tops": tops,
        "difference": difference,
        "others": [f for f in page.figures if not any(f is figure for figure in drawn)],
        "settings": list(_flat(page.settings)),
        **by_votes,
        **_learning(page.learning),
    }


def _controls(figures: Mapping[str, Measured], n_ref: int) -> Iterable[tuple[str, Measured]]:
    """The compared predictors that were measured, in the order of `CONTROLS`."""
    for name in CONTROLS:
        figure = figures.get(name) or figures.get(f"{name}.{n_ref}")
        if figure is not None:
            yield name, figure


def _votes(figures: Mapping[str, Measured]) -> dict[str, Any]:
    """Accuracy by votes of history: percent from the left (evenly spaced), votes, figure, bound or None."""
    own, ideal = _by_number(figures, "accuracy."), _by_number(figures, "bound.bayes.")
    gap = 100 / max(1, len(own) - 1)
    places = [
        (round(i * gap, 2), votes, figure, ideal.get(votes)) for i, (votes, figure) in enumerate(own.items())
    ]
    both = (figure for place in places for figure in place[2:] if figure is not None)
    return {"places": places if len(places) > 1 else [], "votes_axis": _share_axis(both)}


def _by_number(figures: Mapping[str, Measured], before: str) -> dict[int, Measured]:
    """The figures `before0`, `before1`, ... by their number, smallest first."""
    found = ((re.fullmatch(re.escape(before) + r"([0-9]{1,6})", key), key) for key in figures)
    return dict(sorted((int(match[1]), figures[key]) for match, key in found if match))


def _share_axis(figures: Iterable[Measured]) -> Axis:
    """A scale for shares: it always holds chance, and ends within 0 and 1."""
    ends = [end for figure in figures for end in (figure.low, figure.value, figure.high)]
    return Axis.around([0.5, 0.6, *(min(1.0, max(0.0, end)) for end in ends)])


def _learning(points: Sequence[LearningPoint]) -> dict[str, Any]:
    """The curves of the loss and of the held-out accuracy, where each stage starts, and their axes."""
    parts = {"total": "loss", "base": "base", "L+": "plus", "L−": "minus"}
    losses = {label: _curve(points, name) for label, name in parts.items()}
    accuracy = _curve(points, "accuracy")
    starts = {point.stage: point.step for point in reversed(points)}
    return {
        "losses": {label: curve for label, curve in losses.items() if curve},
        "held_out": accuracy,
        "stages": sorted(starts.items(), key=lambda item: item[1]),
        "step_axis": Axis.around([0, *(point.step for point in points)]),
        "loss_axis": Axis.around([0.0, *(y for curve in losses.values() for _, y in curve)]),
        "held_out_axis": Axis.around([0.5, 0.6, *(y for _, y in accuracy)]),
    }


def _curve(points: Sequence[LearningPoint], name: str) -> list[tuple[int, float]]:
    """Steps and values of one curve, without what was not measured or is not finite."""
    pairs = ((point.step, getattr(point, name)) for point in points)
    return [(step, value) for step, value in pairs if value is not None and math.isfinite(value)]


def _flat(table: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    """Nested settings as `section.key` and value."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _data_uri(source: Image.Image | bytes) -> str:
    """A picture as text inside the page: encoded afresh, so that nothing but its pixels is kept."""
    image = open_image(source)
    image.thumbnail((SIDE, SIDE))
    kind, buffer = ("PNG" if max(image.size) <= SIDE // 2 else "JPEG"), io.BytesIO()
    image.save(buffer, kind, optimize=True, quality=88)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _digest(text: str) -> str:
    """The hash by which the content security policy knows the page's own style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
