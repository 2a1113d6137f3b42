"""What several pictures of docs/ have in common: a curve by votes, a reliability line, saving.

Enters: figures by name. Leaves: lines on axes, files in docs/pictures. Does not know: which results they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from tasteprint.evaluate.results import Figure

DOCS = Path(__file__).parents[1] / "docs"

Named = Mapping[str, Figure]


def curve(axes: Axes, named: Named, name: str, label: str, colour: str, line: str) -> None:
    """All figures of a name that end in a number of votes, with their intervals."""
    votes = sorted(
        int(key.removeprefix(f"{name}.")) for key in named if key.removeprefix(f"{name}.").isdigit()
    )
    points = [named[f"{name}.{count}"] for count in votes]
    axes.plot(votes, [point.value for point in points], line, color=colour, label=label, linewidth=1.6)
    low, high = [point.low for point in points], [point.high for point in points]
    axes.fill_between(votes, low, high, color=colour, alpha=0.12, linewidth=0)


def by_votes(axes: Axes, counts: tuple[int, ...], oracle: Figure, title: str) -> None:
    """Axes of accuracy against votes, with the oracle's line."""
    axes.set(title=title, xlabel="votes of history", xscale="symlog", xticks=counts)
    axes.set_xticklabels([str(count) for count in counts])
    axes.axhline(oracle.value, color="black", linewidth=0.6)
    axes.grid(axis="y", alpha=0.3)


def reliable(axes: Axes, named: Named, before: str, after: str, label: str) -> None:
    """What was said against what came true: `BEFOREcalibration.said.AFTER0` and on."""
    start = f"{before}calibration.said.{after}"
    bins = sorted(name for name in named if name.startswith(start) and name.removeprefix(start).isdigit())
    said = [named[name].value for name in bins]
    right = [named[name.replace(".said.", ".right.")].value for name in bins]
    error = named[f"{before}calibration.ece.{after}".removesuffix(".")].value
    axes.plot(said, right, "o-", markersize=4, label=f"{label} (error {error:.3f})")


def reliability_axes(drawing: Drawing) -> Axes:
    """Axes on which the diagonal is right."""
    axes = drawing.subplots()
    axes.plot([0.5, 1], [0.5, 1], color="black", linewidth=0.6)
    axes.set(xlabel="said: probability of the likelier picture", ylabel="share right", aspect="equal")
    return axes


def save(drawing: Drawing, name: str) -> None:
    """Write a picture of docs/."""
    drawing.savefig(DOCS / "pictures" / name, dpi=110)
