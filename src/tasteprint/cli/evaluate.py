"""`tasteprint evaluate`: a model and its baselines, on people it never saw.

Enters: the command line, or a model and a dataset. Leaves: figures, a table, a JSON file.
Does not know: which models there are, how figures are computed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import SEEDS, number_option
from tasteprint.files import json_text

if TYPE_CHECKING:
    from tasteprint.data.dataset import Dataset
    from tasteprint.evaluate.evaluation import Measurements
    from tasteprint.types import Predictor, TasteModel


def evaluate_command(
    model: Annotated[str, typer.Option(help="A model folder, a run's folder, or a Hub repository.")],
    data: Annotated[Path, typer.Option(help="A dataset that `tasteprint data build` wrote.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    history_length: Annotated[int, number_option("How many votes each history has.", 0, 10_000)] = 8,
    targets: Annotated[int, number_option("At most how many target pairs each person has.", 1, 10_000)] = 16,
    seed: Annotated[int, number_option("Seed of histories, targets and intervals.", 0, SEEDS)] = 0,
    temporal: Annotated[
        bool, typer.Option("--temporal", help="Take histories that are earlier than targets.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="A second model for the same pairs, such as mini-posterior; its figures are posterior.*."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures into this JSON file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure pairwise accuracy, beside the baselines', with 95 % intervals over people."""
    from tasteprint.data.dataset import Dataset

    dataset = Dataset(data)
    from rich.console import Console

    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.evaluate.evaluation import figures
    from tasteprint.evaluate.results import record, table, write_results
    from tasteprint.methods import open_model

    quiet_libraries()
    other = None if baseline is None else open_model(baseline)
    measured = measure_model(
        open_model(model), dataset, split, history_length, targets, seed, temporal, other
    )
    found = figures(measured, seed)
    command = " ".join(["tasteprint", *sys.argv[1:]])
    if out is not None:
        write_results(out, command, [seed], found)
    if as_json:
        typer.echo(json_text(record(command, [seed], found)))
    else:
        Console().print(table(found, f"{model}, {split} people of {data}"))


def measure_model(
    model: TasteModel,
    dataset: Dataset,
    split: str,
    history_length: int,
    targets: int,
    seed: int,
    temporal: bool = False,
    baseline: TasteModel | None = None,
) -> Measurements:
    """Predict the same pairs of a split's people with the model, its baselines and a second model (`baseline`).

    ValueError for the training split, and for fewer than two people with more votes than `history_length`.
    """
    from tasteprint.cli.progress import progress_bar
    from tasteprint.data.histories import fixed_examples
    from tasteprint.evaluate.evaluation import measure

    if split == "train":
        raise ValueError(
            "split is 'train'; expected validation or test: the model and the baselines learned from its people."
        )
    votes = dataset.votes_by_user(split)
    examples, _ = fixed_examples(votes, history_length, targets, seed, temporal)
    if len(examples) < 2:
        raise ValueError(
            f"{len(examples)} people of the {split} split have more than {history_length} decided votes; expected at "
            "least two: lower --history-length or build the dataset with more people in this split."
        )
    predictors = _predictors(model, dataset, seed, baseline)
    with progress_bar() as progress:
        return measure(predictors, examples, seed, votes=votes, progress=progress)


def _predictors(
    model: TasteModel, dataset: Dataset, seed: int, baseline: TasteModel | None
) -> dict[str, Predictor]:
    from tasteprint.evaluate.baselines import baselines_of
    from tasteprint.evaluate.predictors import predictor_of

    found = {"own": predictor_of(model, dataset)}
    if baseline is not None:
        found["posterior"] = predictor_of(baseline, dataset)
    return found | baselines_of(model, dataset, seed)
