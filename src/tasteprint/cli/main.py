"""The command line: where the rooms are wired together. Heavy imports stay inside the commands.

Enters: arguments. Leaves: files and printed text, and how a command ended. Does not know: any mathematics.
"""

from __future__ import annotations

import typer

import tasteprint
from tasteprint.cli.agents import agents_app
from tasteprint.cli.ask import ask_command
from tasteprint.cli.cache import cache_command
from tasteprint.cli.data import data_app
from tasteprint.cli.demo import demo_command
from tasteprint.cli.endings import told
from tasteprint.cli.evaluate import evaluate_command
from tasteprint.cli.generate import generate_command
from tasteprint.cli.likes import likes_command
from tasteprint.cli.rank import rank_command
from tasteprint.cli.score import score_command
from tasteprint.cli.train import train_command

app = typer.Typer(
    help="Learns what one person likes in pictures from their votes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")
app.add_typer(agents_app, name="agents")
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)
app.command("score")(score_command)
app.command("rank")(rank_command)
app.command("ask")(ask_command)
app.command("likes")(likes_command)
app.command("cache")(cache_command)
app.command("generate")(generate_command)
app.command("demo")(demo_command)


def _show_version(wanted: bool | None) -> bool | None:
    if wanted:
        typer.echo(tasteprint.__version__)
        raise typer.Exit
    return wanted


@app.callback()
def _tasteprint(
    version: bool | None = typer.Option(
        None, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Learns what one person likes in pictures from their votes."""


def main() -> None:
    """Run a command; `endings.py` says how it can end."""
    with told():
        app()
