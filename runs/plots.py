"""The pictures of docs/, made from docs/results/*.json: `python runs/plots.py`.

Enters: results files. Leaves: docs/pictures/posterior.png, calibration.png. Does not know: how anything was measured.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from tasteprint.evaluate.results import Figure, read_results

DOCS = Path(__file__).parents[1] / "docs"
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

Named = dict[str, Figure]


def main() -> None:
    """Draw what there are results for."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    path = DOCS / "results/posterior.json"
    if path.is_file():
        named = {figure.name: figure for figure in read_results(path)}
        _save(curves(named), "posterior.png")
        _save(reliability(named), "calibration.png")


def curves(named: Named) -> Drawing:
    """Accuracy against votes of history, a panel a world."""
    drawing = Drawing(figsize=(9.5, 4.2), layout="constrained")
    panels = drawing.subplots(1, 2, sharey=True)
    for axes, (world, title) in zip(panels, WORLDS.items(), strict=True):
        for name, (label, colour, line) in CURVES.items():
            _curve(axes, named, _full(world, name), label, colour, line)
        axes.set(title=title, xlabel="votes of history", xscale="symlog", xticks=[0, 1, 2, 4, 8, 16, 32])
        axes.set_xticklabels(["0", "1", "2", "4", "8", "16", "32"])
        axes.axhline(named[_full(world, "bound.oracle")].value, color="black", linewidth=0.6)
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("pairs foreseen")
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    return drawing


def reliability(named: Named) -> Drawing:
    """How often the posterior is right when it says that it is so sure, eight votes, from pixels."""
    drawing = Drawing(figsize=(4.2, 4.2), layout="constrained")
    axes = drawing.subplots()
    axes.plot([0.5, 1], [0.5, 1], color="black", linewidth=0.6)
    for world, title in WORLDS.items():
        bins = sorted(name for name in named if name.startswith(_full(world, "calibration.said.")))
        said = [named[name].value for name in bins]
        right = [named[name.replace(".said.", ".right.")].value for name in bins]
        error = named[_full(world, "calibration.ece")].value
        axes.plot(said, right, "o-", markersize=4, label=f"{title} (error {error:.3f})")
    axes.set(xlabel="said: probability of the likelier picture", ylabel="share right", aspect="equal")
    axes.legend(frameon=False, fontsize=8)
    return drawing


def _full(world: str, name: str) -> str:
    """In the world without groups figures of pixels say so; bounds are of no view."""
    plain = name.startswith(("bound.", "attributes."))
    return world + (name if plain or not world else f"pixels.{name}")


def _curve(axes: Axes, named: Named, name: str, label: str, colour: str, line: str) -> None:
    votes = sorted(
        int(key.removeprefix(f"{name}.")) for key in named if key.removeprefix(f"{name}.").isdigit()
    )
    points = [named[f"{name}.{count}"] for count in votes]
    axes.plot(votes, [point.value for point in points], line, color=colour, label=label, linewidth=1.6)
    low, high = [point.low for point in points], [point.high for point in points]
    axes.fill_between(votes, low, high, color=colour, alpha=0.12, linewidth=0)


def _save(drawing: Drawing, name: str) -> None:
    drawing.savefig(DOCS / "pictures" / name, dpi=110)


if __name__ == "__main__":
    main()
