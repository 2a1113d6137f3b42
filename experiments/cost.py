"""What accuracy costs, both models: `python -m experiments.cost [FOLDER]` after `make demo`; under a minute.

Enters: the demo's folder. Leaves: docs/results/cost.json and docs/pictures/accuracy-cost.png.
Does not know: how either model works. A person costs the time to read N votes from their pictures and to score a new
pair, nothing kept from before, on one core: the median of twenty people. Accuracies are the demo's own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import torch
from matplotlib.figure import Figure as Drawing

from experiments.figures import DOCS
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import fixed_examples, shortened
from tasteprint.evaluate.results import Figure, read_results, write_results
from tasteprint.methods import open_model
from tasteprint.types import Example, TasteModel

MODELS = {"in-context mini": ("run", "accuracy"), "taste posterior": ("posterior", "accuracy.posterior")}
VOTES = (1, 2, 4, 8)
PEOPLE = 20


def main() -> None:
    """Time both models on the same people; take the accuracies from the demo's own results."""
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")
    torch.set_num_threads(1)
    dataset, known = Dataset(demo / "data"), {f.name: f for f in read_results(demo / "results.json")}
    examples, _ = fixed_examples(dataset.votes_by_user("test"), max(VOTES), 1, seed=0)
    models = {way: open_model(str(demo / folder)) for way, (folder, _) in MODELS.items()}
    figures = []
    for votes in VOTES:
        people = [shortened(example, votes) for example in examples[:PEOPLE]]
        taken = {way: [_seconds(models[way], dataset, person) for person in people] for way in MODELS}
        for way, (folder, accuracy) in MODELS.items():
            name = "context" if folder == "run" else folder
            seconds, right = taken[way], known[f"{accuracy}.{votes}"]
            figures.append(
                Figure(f"cost.{name}.{votes}", median(seconds), min(seconds), max(seconds), PEOPLE)
            )
            figures.append(Figure(f"accuracy.{name}.{votes}", right.value, right.low, right.high, right.n))
    write_results(DOCS / "results/cost.json", "python -m experiments.cost", [0], figures)
    _draw({figure.name: figure for figure in figures}).savefig(DOCS / "pictures/accuracy-cost.png", dpi=110)


def _seconds(model: TasteModel, dataset: Dataset, person: Example) -> float:
    pair, prompt = person.targets[0].images, person.targets[0].prompt
    started = time.perf_counter()
    taste = model.print_of(person.history, dataset.images.open)
    taste.score_pictures([dataset.images.open(name) for name in pair], [prompt] * 2)
    return time.perf_counter() - started


def _draw(named: dict[str, Figure]) -> Drawing:
    drawing = Drawing(figsize=(5.2, 4.0), layout="constrained")
    axes = drawing.subplots()
    for way, (folder, _) in MODELS.items():
        name = "context" if folder == "run" else folder
        cost = [1000 * named[f"cost.{name}.{votes}"].value for votes in VOTES]
        right = [named[f"accuracy.{name}.{votes}"].value for votes in VOTES]
        axes.plot(cost, right, "o-", label=way)
        for votes, x, y in zip(VOTES, cost, right, strict=True):
            axes.annotate(str(votes), (x, y), textcoords="offset points", xytext=(5, 4), fontsize=8)
    axes.set(
        xscale="log",
        xlabel="ms a person: N votes and a new pair, from pixels",
        ylabel="pairs predicted right",
    )
    axes.set_title("The demo's two models, one core; N beside the points", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return drawing


if __name__ == "__main__":
    main()
