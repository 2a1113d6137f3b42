"""`tasteprint train`: from a dataset to a model.

Enters: the command line. Leaves: a run folder. Does not know: which methods there are, how any of them learns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tasteprint.files import json_text

if TYPE_CHECKING:
    from tasteprint.config import Config
    from tasteprint.data.dataset import Dataset


def train_command(
    data: Annotated[Path, typer.Option(help="A dataset that `tasteprint data build` wrote.")],
    out: Annotated[
        Path, typer.Option(help="The run's folder; an interrupted run resumes with the same command.")
    ],
    config: Annotated[
        str, typer.Option(help="A bundled config (mini, idefics2-8b, posterior) or a TOML file.")
    ] = "mini",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="section.key=value, as in stage1.steps=50; may be repeated."),
    ] = None,
    report_to: Annotated[str, typer.Option(help="tensorboard, wandb or none.")] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's record as JSON.")] = False,
) -> None:
    """Learn from the training people of a dataset: an in-context model in two stages, or a taste posterior."""
    from tasteprint.config import load_config
    from tasteprint.data.dataset import Dataset

    settings, dataset = load_config(config, tuple(setting or ())), Dataset(data)
    run = run_of(settings, dataset, out, report_to)
    run.go()
    typer.echo(json_text(run.folder.read()) if as_json else f"{out / 'model'}")


def run_of(settings: Config, dataset: Dataset, out: Path, report_to: str = "none") -> Any:
    """Open or begin the run of the config's method (`tasteprint.methods`)."""
    from tasteprint.methods import METHODS

    return METHODS[settings.method].run_class()(settings, dataset, out, report_to)
