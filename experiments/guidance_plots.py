"""The picture of guided generation, made from docs/results/guidance.json.

Enters: a results file. Leaves: docs/pictures/guidance.png. Does not know: how anything was measured.
"""

from __future__ import annotations

from experiments.drawing import DOCS, Named, save
from matplotlib.figure import Figure as Drawing

from tasteprint.config import GuideConfig
from tasteprint.evaluate.results import read_results

COURSES = {
    "oracle": ("oracle", "black"),
    "own_posterior": ("own posterior", "#1c5d9f"),
    "both": ("both", "#2a9d8f"),
    "own_context": ("own in-context print", "#a34a12"),
    "other": ("another's posterior", "#8a8f98"),
}
BELIEVED = {"own_context": "gain in Q", "own_posterior": "gain of believed utility, logits"}


def draw_guidance() -> None:
    """Draw it if there are results."""
    path = DOCS / "results/guidance.json"
    if path.is_file():
        named = {figure.name: figure for figure in read_results(path)}
        save(courses(named), "guidance.png")


def courses(named: Named) -> Drawing:
    """Gain of true utility over the steps; and beside what the reward believes to have gained."""
    drawing = Drawing(figsize=(9.5, 3.8), layout="constrained")
    left, *right = drawing.subplots(1, 1 + len(BELIEVED))
    for name, (label, colour) in COURSES.items():
        if true := _course(named, name, "true"):
            left.plot(true, color=colour, label=label, linewidth=1.6)
    left.set(title="true utility gained", xlabel="steps")
    left.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.12))
    weight = GuideConfig().weight
    for axes, (name, label) in zip(right, BELIEVED.items(), strict=True):
        believed, true = _course(named, name, "reward"), _course(named, name, "true")
        axes.plot([gain / weight for gain in believed], true, "o-", markersize=3, color=COURSES[name][1])
        axes.set(title=COURSES[name][0], xlabel=label, ylabel="true utility gained")
    for axes in (left, *right):
        axes.grid(alpha=0.3)
    return drawing


def _course(named: Named, method: str, what: str) -> list[float]:
    start = f"course.{method}.{what}."
    steps = sorted(int(name.removeprefix(start)) for name in named if name.startswith(start))
    return [named[f"{start}{step}"].value for step in steps]
