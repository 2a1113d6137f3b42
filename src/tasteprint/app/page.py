"""The report page: one HTML file that shows a person who knows nothing of the project what was learned.

Enters: a `Page` of pictures, figures, the learning curve and what is needed to run again. Leaves: one
self-contained file; its words and drawings are in `page.html.j2`. Does not know: how anything was measured.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from tasteprint.data.decode import open_image
from tasteprint.data.summary import Summary

SIDE = 256  # pixels of a picture's longer side at most: enough for the page, and the file stays small

CONTROLS: dict[str, tuple[str, str]] = {
    "bound.oracle": (
        "the true taste",
        "The ceiling: the true taste of a simulated person, known exactly. Not 100 %, because people do not "
        "always choose alike.",
    ),
    "bound.bayes": (
        "the best possible",
        "What an ideal observer would reach that knows how tastes are spread over people and sees the same "
        "votes.",
    ),
    "accuracy.own": ("own history", "The model, shown this person’s own earlier votes. This is the result."),
    "accuracy.tastes": (
        "a mix of known tastes",
        "A simpler rival: a few typical tastes, mixed so that they fit this person’s votes best.",
    ),
    "accuracy.population": (
        "the majority",
        "What other people preferred, the same for everyone. A model that only learned what everybody likes "
        "would stop here.",
    ),
    "bound.average": (
        "the average person",
        "The best guess of someone who knows everything about people in general and nothing about this "
        "person.",
    ),
    "accuracy.no_history": (
        "no history",
        "The same model, shown no votes at all: what it believes that everybody likes.",
    ),
    "accuracy.other_history": (
        "another person’s history",
        "The same model, shown somebody else’s votes. If this were as good as the person’s own, nothing "
        "personal would have been learned.",
    ),
    "accuracy.own_only": (
        "own votes only",
        "An untrained copy of the model, taught this person’s few votes and nothing from other people.",
    ),
    "accuracy.logistic": (
        "simple statistics",
        "A logistic regression on features of the pictures, fitted to this person’s votes alone.",
    ),
}
"""The predictors that the page compares, from the ceiling down: name of figure to label and plain words."""


@runtime_checkable
class Measured(Protocol):
    """A measured number, as `tasteprint.evaluate.results.Figure`: `low` and `high` are its 95 % interval."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, decoded or as the bytes of a file, and `q`, the probability that this person likes it."""

    image: Image.Image | bytes
    q: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a probability."""
        if self.q is not None and not 0 <= self.q <= 1:
            raise ValueError(
                f"q is {self.q!r}; expected a probability from 0 to 1, or None: give Q of Eq. 6."
            )


@dataclass(frozen=True, slots=True)
class Choice:
    """Two pictures shown for one prompt; `chosen` is what the person took, 0 the first and 1 the second."""

    prompt: str
    first: Shown
    second: Shown
    chosen: int

    def __post_init__(self) -> None:
        """Refuse a choice of neither picture."""
        if self.chosen not in (0, 1):
            raise ValueError(
                f"chosen is {self.chosen!r}; expected 0 (the first) or 1 (the second): leave ties out."
            )

    @property
    def liked(self) -> Shown:
        """The picture that the person took."""
        return (self.first, self.second)[self.chosen]

    @property
    def disliked(self) -> Shown:
        """The picture that the person left."""
        return (self.second, self.first)[self.chosen]

    @property
    def right(self) -> float | None:
        """1 where the model prefers what the person took, 0 where not, 0.5 at equal Q; None without Q."""
        liked, disliked = self.liked.q, self.disliked.q
        if liked is None or disliked is None:
            return None
        return 0.5 if liked == disliked else float(liked > disliked)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates for one prompt, in any order (the page sorts by Q); `liked` points at the liked one."""

    prompt: str
    candidates: tuple[Shown, ...]
    liked: int

    def __post_init__(self) -> None:
        """Refuse a ranking that cannot be drawn."""
        if not 0 <= self.liked < len(self.candidates) or any(shown.q is None for shown in self.candidates):
            raise ValueError(
                f"a ranking of {len(self.candidates)} candidates has the liked one at {self.liked}; "
                "expected a place among them and a Q for each: correct the ranking."
            )

    @property
    def ordered(self) -> list[tuple[Shown, bool]]:
        """Highest Q first, each with whether it is the liked one."""
        marked = [(shown, place == self.liked) for place, shown in enumerate(self.candidates)]
        return sorted(marked, key=lambda item: -(item[0].q or 0))


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person: the votes the model was shown (oldest first), new pairs, candidates ranked."""

    user_id: str
    history: tuple[Choice, ...]
    pairs: tuple[Choice, ...] = ()
    rankings: tuple[Ranking, ...] = ()

    @property
    def judged(self) -> list[float]:
        """`Choice.right` of every new pair that has Q."""
        return [pair.right for pair in self.pairs if pair.right is not None]


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """One logged step, counted from the start of training over all stages; None for what was not measured.

    `loss` is the total; `base`, `plus` and `minus` its parts (method.md section 2); `accuracy` is held out.
    """

    step: int
    stage: str
    loss: float | None = None
    base: float | None = None
    plus: float | None = None
    minus: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All that the report shows; an empty part is left out.

    `figures` are found by their names (house.md): those of `CONTROLS`; `accuracy.N` and `bound.bayes.N`
    for N votes of history; `own_minus_other.N`; `topK`, the liked picture among the first K of four. All
    others are listed at the end. `n_ref` is N of the main figures, `about` a sentence on whose votes these
    are, `seconds` the time by part, `commands` what to type to run again. `settings` may be nested.
    """

    title: str
    figures: Sequence[Measured]
    people: Sequence[PersonPage] = ()
    learning: Sequence[LearningPoint] = ()
    counts: Summary | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    commands: Sequence[str] = ()
    seeds: Sequence[int] = ()
    commit: str = "unknown"
    hardware: str = "unknown"
    about: str = ""
    n_ref: int = 8


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
