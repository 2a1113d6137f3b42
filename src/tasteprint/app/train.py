"""`tasteprint train`: from a dataset to a model.

Enters: the command line. Leaves: a run folder. Does not know: how it is done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def train_command(
    data: Annotated[Path, typer.Option(help="A dataset that `tasteprint data build` wrote.")],
    out: Annotated[Path, typer.Option(help="The run's folder; the same command again goes on with it.")],
    config: Annotated[
        str, typer.Option(help="A bundled config (mini, idefics2-8b) or a TOML file.")
    ] = "mini",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="section.key=value, as in stage1.steps=50; may be repeated."),
    ] = None,
    report_to: Annotated[str, typer.Option(help="tensorboard, wandb or none.")] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's record as JSON.")] = False,
) -> None:
    """Train a preference model on the training people of a dataset, in two stages."""
    from tasteprint.config import load_config
    from tasteprint.data.table import Dataset

    settings, dataset = load_config(config, tuple(setting or ())), Dataset(data)
    from tasteprint.train.run import Run

    run = Run(settings, dataset, out, report_to)
    run.go()
    typer.echo(json.dumps(run.folder.read(), indent=1) if as_json else f"{out / 'model'}")
