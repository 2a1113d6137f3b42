"""The pictures of docs/, made from docs/results/*.json: `python -m experiments.plots`.

Enters: results files. Leaves: docs/pictures/posterior.png, calibration.png, in-context.png, in-context-calibration.png,
attention.png, guidance.png. Does not know: how anything was measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from experiments.figures import DOCS, RESULTS
from experiments.people import COUNTS
from experiments.photo_tables import curves as photo_curves
from experiments.prediction_tables import Named, by_name, in_world
from tasteprint.config import GuideConfig
from tasteprint.evaluate.results import Figure, read_results


def curve(axes: Axes, named: Named, name: str, label: str, colour: str, line: str) -> None:
    """All figures of a name that end in a number of votes, with their intervals."""
    votes = sorted(
        int(key.removeprefix(f"{name}.")) for key in named if key.removeprefix(f"{name}.").isdigit()
    )
    points = [named[f"{name}.{count}"] for count in votes]
    axes.plot(votes, [point.value for point in points], line, color=colour, label=label, linewidth=1.6)
    low, high = [point.low for point in points], [point.high for point in points]
    axes.fill_between(votes, low, high, color=colour, alpha=0.12, linewidth=0)


def accuracy_axes(axes: Axes, oracle: Figure, title: str) -> None:
    """Axes of accuracy against votes, with the oracle's line."""
    axes.set(title=title, xlabel="votes of history", xscale="symlog", xticks=COUNTS)
    axes.set_xticklabels([str(count) for count in COUNTS])
    axes.axhline(oracle.value, color="black", linewidth=0.6)
    axes.grid(axis="y", alpha=0.3)


def reliable(axes: Axes, named: Named, before: str, after: str, label: str) -> None:
    """The predicted probability against the share that was right: `BEFOREcalibration.said.AFTER0` and on."""
    start = f"{before}calibration.said.{after}"
    bins = sorted(name for name in named if name.startswith(start) and name.removeprefix(start).isdigit())
    predicted = [named[name].value for name in bins]
    right = [named[name.replace(".said.", ".right.")].value for name in bins]
    error = named[f"{before}calibration.ece.{after}".removesuffix(".")].value
    axes.plot(predicted, right, "o-", markersize=4, label=f"{label} (error {error:.3f})")


def reliability_axes(drawing: Drawing) -> Axes:
    """Axes on which the diagonal is right."""
    axes = drawing.subplots()
    axes.plot([0.5, 1], [0.5, 1], color="black", linewidth=0.6)
    axes.set(xlabel="predicted probability of the likelier picture", ylabel="share right", aspect="equal")
    return axes


WORLDS = {"": "eight groups of taste", "factors.": "no groups: six factors"}
CURVES = {
    "bound.bayes": ("Bayes bound: the best possible", "black", "--"),
    "attributes.accuracy": ("taste posterior, true attributes", "#2a9d8f", "-"),
    "accuracy": ("taste posterior, pixels", "#1c5d9f", "-"),
    "accuracy.lore": ("mixture of eight rewards, pixels", "#a34a12", "-"),
    "accuracy.logistic": ("logistic regression a person, pixels", "#8a8f98", "-"),
    "bound.centroid": ("liked minus disliked, true attributes", "#8a8f98", ":"),
}
"""Name of a curve's figures to label, colour and line."""


def main() -> None:
    """Draw what there are results for."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    for file, drawings in DRAWINGS.items():
        if (RESULTS / file).is_file():
            named = by_name(read_results(RESULTS / file))
            for picture, drawing in drawings.items():
                drawing(named).savefig(DOCS / "pictures" / picture, dpi=110)
    if (RESULTS / ATTENTION).is_file():
        attention(json.loads((RESULTS / ATTENTION).read_text("utf-8"))).savefig(
            DOCS / "pictures/attention.png", dpi=110
        )


def posterior_curves(named: Named) -> Drawing:
    """Accuracy against votes of history, a panel a world."""
    drawing = Drawing(figsize=(9.5, 4.2), layout="constrained")
    panels = drawing.subplots(1, 2, sharey=True)
    for axes, (world, title) in zip(panels, WORLDS.items(), strict=True):
        for name, (label, colour, line) in CURVES.items():
            curve(axes, named, in_world(world, name), label, colour, line)
        accuracy_axes(axes, named[in_world(world, "bound.oracle")], title)
    panels[0].set_ylabel("pairs predicted right")
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    return drawing


def posterior_reliability(named: Named) -> Drawing:
    """How often the posterior is right when it says that it is so sure, eight votes, from pixels."""
    drawing = Drawing(figsize=(4.2, 4.2), layout="constrained")
    axes = reliability_axes(drawing)
    for world, title in WORLDS.items():
        reliable(axes, named, in_world(world, ""), "", title)
    axes.legend(frameon=False, fontsize=8)
    return drawing


WORLD_CURVES = {
    "bound.bayes": ("Bayes bound: the best possible", "black", "--"),
    "accuracy.posterior": ("taste posterior", "#1c5d9f", "-"),
    "accuracy": ("in-context model", "#a34a12", "-"),
}
"""Name of a curve's figures to label, colour and line."""


def world_curves(named: Named) -> Drawing:
    """Accuracy of both models against votes of history."""
    drawing = Drawing(figsize=(5.2, 4.2), layout="constrained")
    axes = drawing.subplots()
    for name, (label, colour, line) in WORLD_CURVES.items():
        curve(axes, named, name, label, colour, line)
    accuracy_axes(axes, named["bound.oracle"], "eight groups of taste, from pixels")
    axes.set_ylabel("pairs predicted right")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return drawing


def world_reliability(named: Named) -> Drawing:
    """How often either way is right when it says that it is so sure, eight votes."""
    drawing = Drawing(figsize=(4.2, 4.2), layout="constrained")
    axes = reliability_axes(drawing)
    reliable(axes, named, "", "", "in-context model")
    reliable(axes, named, "", "posterior.", "taste posterior")
    axes.legend(frameon=False, fontsize=8)
    return drawing


def attention(kept: dict[str, Any]) -> Drawing:
    """A map a person and order of the history: preference tokens down, the picture's tokens across.

    Red is more attention than people give on average, blue is less, in logs.
    """
    maps = {group: np.array(rows) for group, rows in kept["maps"].items()}
    people = [(group, place) for group, rows in maps.items() for place in range(len(rows))]
    orders = next(iter(maps.values())).shape[1]
    drawing = Drawing(figsize=(1.0 + 0.8 * len(people), 1.2 + 1.1 * orders), layout="constrained")
    cells = drawing.subplots(orders, len(people), squeeze=False)
    most = float(np.quantile(np.abs(np.concatenate(list(maps.values()))), 0.98))
    for column, (group, place) in enumerate(people):
        for order in range(orders):
            axes = cells[order][column]
            axes.imshow(maps[group][place, order].T, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
            axes.set(xticks=[], yticks=[])
        cells[0][column].set_title(f"group {group}\nperson {place + 1}", fontsize=8)
    for order in range(orders):
        cells[order][0].set_ylabel(f"order {order + 1}", fontsize=8)
    drawing.suptitle(f"layer {kept['layer']}, head {kept['head']}", fontsize=9)
    return drawing


COURSES = {
    "oracle": ("oracle", "black"),
    "own_posterior": ("own posterior", "#1c5d9f"),
    "both": ("both", "#2a9d8f"),
    "own_context": ("own in-context print", "#a34a12"),
    "other": ("another's posterior", "#8a8f98"),
}
PREDICTED = {"own_context": "gain in Q", "own_posterior": "gain of predicted utility, logits"}


def courses(named: Named) -> Drawing:
    """Gain of true utility over the steps; and beside what the reward believes to have gained."""
    drawing = Drawing(figsize=(9.5, 3.8), layout="constrained")
    left, *right = drawing.subplots(1, 1 + len(PREDICTED))
    for name, (label, colour) in COURSES.items():
        if true := _course(named, name, "true"):
            left.plot(true, color=colour, label=label, linewidth=1.6)
    left.set(title="true utility gained", xlabel="steps")
    left.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.12))
    weight = GuideConfig().weight
    for axes, (name, label) in zip(right, PREDICTED.items(), strict=True):
        predicted, true = _course(named, name, "reward"), _course(named, name, "true")
        axes.plot([gain / weight for gain in predicted], true, "o-", markersize=3, color=COURSES[name][1])
        axes.set(title=COURSES[name][0], xlabel=label, ylabel="true utility gained")
    for axes in (left, *right):
        axes.grid(alpha=0.3)
    return drawing


def _course(named: Named, method: str, what: str) -> list[float]:
    start = f"course.{method}.{what}."
    steps = sorted(int(name.removeprefix(start)) for name in named if name.startswith(start))
    return [named[f"{start}{step}"].value for step in steps]


ATTENTION = "world-attention.json"
DRAWINGS: dict[str, dict[str, Callable[[Named], Drawing]]] = {
    "posterior.json": {"posterior.png": posterior_curves, "calibration.png": posterior_reliability},
    "world.json": {"in-context.png": world_curves, "in-context-calibration.png": world_reliability},
    "guidance.json": {"guidance.png": courses},
    "photos.json": {"photos.png": photo_curves},
}
"""Each results file, and what is drawn of it into docs/pictures."""


if __name__ == "__main__":
    main()
