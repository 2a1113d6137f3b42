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
    from tasteprint.cli.models import AnyModel
    from tasteprint.data.dataset import Dataset
    from tasteprint.evaluate.evaluation import Measurements
    from tasteprint.posterior.model import TastePosterior


def evaluate_command(
    model: Annotated[str, typer.Option(help="A model folder, a run's folder, or a Hub repository.")],
    data: Annotated[Path, typer.Option(help="A dataset that `tasteprint data build` wrote.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    history_length: Annotated[int, typer.Option(help="Votes in each history.")] = 8,
    targets: Annotated[int, typer.Option(help="At most so many target pairs a person.")] = 16,
    seed: Annotated[int, typer.Option(help="Draws histories, targets and intervals.")] = 0,
    temporal: Annotated[bool, typer.Option("--temporal", help="Histories are earlier than targets.")] = False,
    beside: Annotated[str | None, typer.Option(help="A taste posterior to read on the same pairs.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures into this JSON file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure pairwise accuracy with its controls and 95 % intervals over people."""
    from tasteprint.data.dataset import Dataset

    dataset = Dataset(data)
    from rich.console import Console

    from tasteprint.cli.models import open_model
    from tasteprint.evaluate.evaluation import figures
    from tasteprint.evaluate.results import record, table, write_results

    other = None if beside is None else _posterior(beside)
    measured = measure_model(
        open_model(model), dataset, split, history_length, targets, seed, temporal, other
    )
    found = figures(measured, seed)
    command = " ".join(["tasteprint", *sys.argv[1:]])
    if out is not None:
        write_results(out, command, [seed], found)
    if as_json:
        typer.echo(json.dumps(record(command, [seed], found), indent=1))
    else:
        Console().print(table(found, f"{model}, {split} people of {data}"))


def _posterior(name: str) -> TastePosterior:
    from tasteprint.cli.models import open_model
    from tasteprint.posterior.model import TastePosterior

    model = open_model(name)
    if not isinstance(model, TastePosterior):
        raise ValueError(
            f"{name!r} is no taste posterior; expected one to stand beside: train one, config posterior."
        )
    return model


def measure_model(
    model: AnyModel,
    dataset: Dataset,
    split: str,
    history_length: int,
    targets: int,
    seed: int,
    temporal: bool = False,
    beside: TastePosterior | None = None,
) -> Measurements:
    """Read the same pairs of a split's people with the model, with every control and with what stands `beside`."""
    from rich.progress import Progress

    from tasteprint.cli.models import predictors
    from tasteprint.data.histories import fixed_examples
    from tasteprint.evaluate.evaluation import measure

    if split == "train":
        raise ValueError(
            "split 'train' was asked for; expected validation or test: its people taught the model and the controls."
        )
    votes = dataset.votes_by_user(split)
    examples, _ = fixed_examples(votes, history_length, targets, seed, temporal)
    if len(examples) < 2:
        raise ValueError(
            f"{len(examples)} people of the {split} split have more than {history_length} decided votes; expected at least "
            "two: lower --history-length or build the dataset with more people in this split."
        )
    with Progress(transient=True) as bar:
        task = bar.add_task("evaluate", total=len(examples))
        return measure(
            predictors(model, dataset, seed, beside),
            examples,
            seed,
            votes=votes,
            progress=lambda name, done, total: bar.update(task, description=name, completed=done),
        )
