"""The pictures of the in-context model on simulated people, made from docs/results/world.json and its maps.

Enters: results files. Leaves: docs/pictures/in-context.png, in-context-calibration.png, attention.png. Does not know:
how anything was measured.
"""

from __future__ import annotations

import json

import numpy as np
from experiments.drawing import DOCS, Named, by_votes, curve, reliability_axes, reliable, save
from matplotlib.figure import Figure as Drawing

from tasteprint.evaluate.results import read_results

CURVES = {
    "bound.bayes": ("Bayes bound: the best possible", "black", "--"),
    "accuracy.posterior": ("taste posterior", "#1c5d9f", "-"),
    "accuracy": ("in-context model", "#a34a12", "-"),
}
"""Name of a curve's figures to label, colour and line."""


def draw_world() -> None:
    """Draw what there are results for."""
    path = DOCS / "results/world.json"
    if path.is_file():
        named = {figure.name: figure for figure in read_results(path)}
        save(curves(named), "in-context.png")
        save(reliability(named), "in-context-calibration.png")
    maps = DOCS / "results/world-attention.json"
    if maps.is_file():
        kept = json.loads(maps.read_text("utf-8"))
        people = {group: np.array(rows) for group, rows in kept["maps"].items()}
        save(attention(people, f"layer {kept['layer']}, head {kept['head']}"), "attention.png")


def curves(named: Named) -> Drawing:
    """Accuracy against votes of history."""
    drawing = Drawing(figsize=(5.2, 4.2), layout="constrained")
    axes = drawing.subplots()
    for name, (label, colour, line) in CURVES.items():
        curve(axes, named, name, label, colour, line)
    by_votes(axes, (0, 1, 2, 4, 8, 16, 32), named["bound.oracle"], "eight groups of taste, from pixels")
    axes.set_ylabel("pairs foreseen")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return drawing


def reliability(named: Named) -> Drawing:
    """How often either way is right when it says that it is so sure, eight votes."""
    drawing = Drawing(figsize=(4.2, 4.2), layout="constrained")
    axes = reliability_axes(drawing)
    reliable(axes, named, "", "", "in-context model")
    reliable(axes, named, "", "posterior.", "taste posterior")
    axes.legend(frameon=False, fontsize=8)
    return drawing


def attention(maps: dict[str, np.ndarray], title: str) -> Drawing:
    """A map a person and order of the history: preference tokens down, the picture's tokens across.

    Red is more attention than people give on average, blue is less, in logs.
    """
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
    drawing.suptitle(title, fontsize=9)
    return drawing
