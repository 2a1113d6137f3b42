"""The report as one self-contained HTML file; its words and drawings are in `page.html.j2`.

Enters: a `Page`. Leaves: a file. Does not know: how anything on the page was measured.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment
from PIL import Image

from tasteprint.data.decode import open_image
from tasteprint.evaluate.results import COMPARED, Figure
from tasteprint.files import write_bytes
from tasteprint.report.page import WAYS, LearningPoint, Page
from tasteprint.report.templates import page_environment

SIDE = 256
"""Pixels of a picture's longer side at most: enough for the page, and the file stays small."""

DRAWN_TASTES = 12
"""The commonest of a posterior's tastes, which are drawn; it may have many more."""

STRONGEST, LEAST_SHARE = 3, 0.02
"""How many tastes of a person are named, and how probable each must be."""


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


class VotesColumn(NamedTuple):
    """One number of votes, `x` percent from the left: both models' accuracy and the bound, where measured."""

    x: float
    votes: int
    main: Figure | None
    rival: Figure | None
    bound: Figure | None


def write_page(path: Path, page: Page) -> None:
    """Write the report as one file that needs no other. Replaces the file in one step.

    ValueError for a picture that cannot be decoded.
    """
    html = _environment().get_template("page.html.j2").render(_view(page))
    write_bytes(path, html.encode("utf-8", "replace"))


def _environment() -> Environment:
    return page_environment(
        picture=_data_uri,
        percent=lambda share: f"{100 * share:.1f}\N{NO-BREAK SPACE}%",
        about=lambda share: f"{100 * share:.0f}\N{NO-BREAK SPACE}%",
        sure=lambda p: f"{min(99, max(50, round(100 * p)))}\N{NO-BREAK SPACE}%",
        q=lambda q: f"{q:.2f}" if 0.01 <= q <= 0.99 else f"{q:.4f}",
        number=lambda value: f"{value:.4g}" if math.isfinite(value) else "–",
        measured=lambda value: value is not None and math.isfinite(value),
        strongest=_strongest,
    )


def _view(page: Page) -> dict[str, Any]:
    """Give the template's variables: the page, its figures by name, and the axes of its drawings."""
    figures = {figure.name: figure for figure in page.figures if math.isfinite(figure.value)}
    ways = _ways(page, figures)
    controls = list(_controls(figures, page.history_length, ways))
    tops = _by_number(figures, "top")
    difference = figures.get(f"own_minus_other.{page.history_length}") or figures.get("own_minus_other")
    by_votes = _votes(figures, page.main)
    drawn = [*(figure for *_, figure in controls), *tops.values(), difference]
    drawn += [figure for place in by_votes["places"] for figure in place[2:]]
    return {
        "page": page,
        "drawn_tastes": DRAWN_TASTES,
        "figures": figures,
        "controls": controls,
        "control_axis": _share_axis(figure for *_, figure in controls),
        "tops": tops,
        "difference": difference,
        "others": [f for f in page.figures if not any(f is figure for figure in drawn)],
        "settings": list(_flat(page.settings)),
        **ways,
        **by_votes,
        **_learning(page.learning),
    }


def _ways(page: Page, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Names and figures of the two models: `who` predicts for the page's people, `beside` is the other, if measured."""
    both = all(name in figures for name in WAYS)
    alone = "taste posterior" if page.tastes or page.main == WAYS[1] else "model"
    names = ("in-context model", "taste posterior") if both else (alone, alone)
    who, beside = names if page.main == WAYS[0] else names[::-1]
    return {
        "main": figures.get(page.main),
        "rival": figures[_other_way(page.main)] if both else None,
        "who": who,
        "beside": beside,
        "in_context": names[0],
    }


def _other_way(name: str) -> str:
    return WAYS[1 - WAYS.index(name)]


def _strongest(memberships: Sequence[float]) -> list[tuple[int, float]]:
    """A person's most probable tastes, by number from 1, the most probable first."""
    order = sorted(range(len(memberships)), key=lambda taste: -memberships[taste])[:STRONGEST]
    kept = [taste for taste in order if memberships[taste] >= LEAST_SHARE or taste == order[0]]
    return [(taste + 1, memberships[taste]) for taste in kept]


def _controls(
    figures: Mapping[str, Figure], history_length: int, ways: Mapping[str, Any]
) -> Iterable[tuple[str, str, Figure]]:
    """The compared predictors that were measured, in the order of `COMPARED`: label, sentence, figure."""
    for name, (label, sentence) in COMPARED.items():
        figure = figures.get(name) or figures.get(f"{name}.{history_length}")
        if figure is not None:
            two = name == WAYS[0] and ways["rival"] is not None
            yield (
                f"the {ways['in_context']}" if two else label,
                sentence.format(model=ways["in_context"]),
                figure,
            )


def _votes(figures: Mapping[str, Figure], main: str) -> dict[str, Any]:
    """Accuracy by votes of history, evenly spaced, where there are at least two numbers of votes."""
    ways = dict(
        zip(
            WAYS,
            (_by_number(figures, before) for before in ("accuracy.", "accuracy.posterior.")),
            strict=True,
        )
    )
    own, rival, ideal = ways[main], ways[_other_way(main)], _by_number(figures, "bound.bayes.")
    counts = sorted({*own, *rival})
    gap = 100 / max(1, len(counts) - 1)
    places = [
        VotesColumn(round(i * gap, 2), votes, own.get(votes), rival.get(votes), ideal.get(votes))
        for i, votes in enumerate(counts)
    ]
    measured = (figure for place in places for figure in place[2:] if figure is not None)
    return {"places": places if len(places) > 1 else [], "votes_axis": _share_axis(measured)}


def _by_number(figures: Mapping[str, Figure], before: str) -> dict[int, Figure]:
    """The figures `before0`, `before1`, ... by their number, smallest first."""
    found = ((re.fullmatch(re.escape(before) + r"([0-9]{1,6})", key), key) for key in figures)
    return dict(sorted((int(match[1]), figures[key]) for match, key in found if match))


def _share_axis(figures: Iterable[Figure]) -> Axis:
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


def _data_uri(source: Image.Image | bytes, side: int = SIDE) -> str:
    """A picture as text inside the page: encoded afresh, so that nothing but its pixels is kept."""
    image = open_image(source, side)
    image.thumbnail((side, side))
    kind, buffer = ("PNG" if max(image.size) <= SIDE // 2 == side // 2 else "JPEG"), io.BytesIO()
    image.save(buffer, kind, optimize=True, quality=88)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
