"""The pictures of docs/, made from docs/results/*.json: `python runs/plots.py`.

Enters: results files. Leaves: docs/pictures/posterior.png, calibration.png, and those of `world_plots.py`
and `guidance_plots.py`.
Does not know: how anything was measured.
"""

from __future__ import annotations

import matplotlib as mpl
from experiments.drawing import DOCS, Named, by_votes, curve, reliability_axes, reliable, save
from experiments.guidance_plots import draw_guidance
from matplotlib.figure import Figure as Drawing
from experiments.world_plots import draw_world

from tasteprint.evaluate.results import read_results

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
    path = DOCS / "results/posterior.json"
    if path.is_file():
        named = {figure.name: figure for figure in read_results(path)}
        save(curves(named), "posterior.png")
        save(reliability(named), "calibration.png")
    draw_world()
    draw_guidance()


def curves(named: Named) -> Drawing:
    """Accuracy against votes of history, a panel a world."""
    drawing = Drawing(figsize=(9.5, 4.2), layout="constrained")
    panels = drawing.subplots(1, 2, sharey=True)
    for axes, (world, title) in zip(panels, WORLDS.items(), strict=True):
        for name, (label, colour, line) in CURVES.items():
            curve(axes, named, _full(world, name), label, colour, line)
        by_votes(axes, (0, 1, 2, 4, 8, 16, 32), named[_full(world, "bound.oracle")], title)
    panels[0].set_ylabel("pairs foreseen")
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    return drawing


def reliability(named: Named) -> Drawing:
    """How often the posterior is right when it says that it is so sure, eight votes, from pixels."""
    drawing = Drawing(figsize=(4.2, 4.2), layout="constrained")
    axes = reliability_axes(drawing)
    for world, title in WORLDS.items():
        reliable(axes, named, _full(world, ""), "", title)
    axes.legend(frameon=False, fontsize=8)
    return drawing


def _full(world: str, name: str) -> str:
    """In the world without groups figures of pixels say so; bounds are of no view."""
    plain = name.startswith(("bound.", "attributes."))
    return world + (name if plain or not world else f"pixels.{name}")


if __name__ == "__main__":
    main()
