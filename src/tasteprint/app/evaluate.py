"""`tasteprint evaluate`: a model and everything that must stand beside it, on people it never saw.

Enters: the command line, or a model and a dataset. Leaves: figures, a table, a JSON file.
Does not know: how figures are computed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasteprint.data.table import Dataset
    from tasteprint.evaluate.evaluation import Measured
    from tasteprint.evaluate.readers import Reader
    from tasteprint.model.preference import PreferenceModel


def evaluate_command(
    model: Annotated[str, typer.Option(help="A model folder, a run's folder, or a Hub repository.")],
    data: Annotated[Path, typer.Option(help="A dataset that `tasteprint data build` wrote.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    n_ref: Annotated[int, typer.Option(help="Votes in each history.")] = 8,
    targets: Annotated[int, typer.Option(help="At most so many target pairs a person.")] = 16,
    seed: Annotated[int, typer.Option(help="Draws histories, targets and intervals.")] = 0,
    temporal: Annotated[bool, typer.Option("--temporal", help="Histories are earlier than targets.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the figures into this JSON file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure pairwise accuracy with its controls and 95 % intervals over people."""
    from tasteprint.data.table import Dataset

    dataset = Dataset(data)
    from rich.console import Console

    from tasteprint.evaluate.evaluation import figures
    from tasteprint.evaluate.report import table
    from tasteprint.evaluate.results import record, write_results

    found = figures(measure_model(open_model(model), dataset, split, n_ref, targets, seed, temporal), seed)
    command = " ".join(["tasteprint", *sys.argv[1:]])
    if out is not None:
        write_results(out, command, [seed], found)
    if as_json:
        typer.echo(json.dumps(record(command, [seed], found), indent=1))
    else:
        Console().print(table(found, f"{model}, {split} people of {data}"))


def open_model(name: str) -> PreferenceModel:
    """Open a model by folder or Hub name; of a run's folder, take the model in it."""
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    from tasteprint.model.preference import PreferenceModel

    disable_progress_bar()
    set_verbosity_error()  # "the fast image processor needs torchvision": the slow one is meant
    inside = Path(name) / "model"
    return PreferenceModel.from_pretrained(inside if inside.is_dir() else name)


def measure_model(
    model: PreferenceModel,
    dataset: Dataset,
    split: str,
    n_ref: int,
    targets: int,
    seed: int,
    temporal: bool = False,
) -> Measured:
    """Read the same pairs of a split's people with the model and with every control."""
    from rich.progress import Progress

    from tasteprint.data.histories import fixed_examples
    from tasteprint.evaluate.evaluation import measure

    if split == "train":
        raise ValueError(
            "split 'train' was asked for; expected validation or test: its people taught the model and the controls."
        )
    votes = dataset.votes_by_user(split)
    examples, _ = fixed_examples(votes, n_ref, targets, seed, temporal)
    if len(examples) < 2:
        raise ValueError(
            f"{len(examples)} people of the {split} split have more than {n_ref} decided votes; expected at least "
            "two: lower --n-ref or build the dataset with more people in this split."
        )
    with Progress(transient=True) as bar:
        task = bar.add_task("evaluate", total=len(examples))
        return measure(
            readers(model, dataset, seed),
            examples,
            seed,
            votes=votes,
            progress=lambda name, done, total: bar.update(task, description=name, completed=done),
        )


def readers(model: PreferenceModel, dataset: Dataset, seed: int) -> dict[str, Reader]:
    """Make the model and its controls readers; the last need the model's features of the training images."""
    from tasteprint.evaluate.controls import logistic, population, shared_tastes
    from tasteprint.evaluate.own_only import own_only
    from tasteprint.model.features import FeatureStore
    from tasteprint.model.preference import PreferenceModel
    from tasteprint.model.tastes import STEPS, TASTES
    from tasteprint.train.tastes import fit_tastes

    if dataset.images is None:
        raise ValueError(f"dataset {dataset.folder} has no images; expected some: build it with its images.")
    train, held = dataset.votes_by_user("train"), dataset.votes_by_user("validation")
    store = FeatureStore(dataset.folder / "features", model.requires_grad_(False), dataset.images.open)
    everyone = [vote for votes in train.values() for vote in votes]
    seen = list(dict.fromkeys(image for vote in everyone for image in vote.images))
    tastes, _ = fit_tastes(store, train, held, TASTES, STEPS, seed)
    captions = dataset.prompts()
    return {
        "own": lambda histories, candidates: model.margins(histories, candidates, store),
        "population": population(everyone),
        "logistic": logistic(store.rows, seen),
        "tastes": shared_tastes(tastes, store.rows),
        "own_only": own_only(
            lambda: PreferenceModel.from_config(model.settings, captions, len(model.tokens)),
            dataset.images.open,
        ),
    }
