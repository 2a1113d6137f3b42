"""`tasteprint data`: from a log of votes to a dataset.

Enters: the command line. Leaves: a dataset folder and its summary. Does not know: how it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

data_app = typer.Typer(help="Turn logs of votes into datasets.", no_args_is_help=True)


@data_app.callback()
def _data() -> None:
    """Turn logs of votes into datasets."""


@data_app.command("build")
def build_command(
    log: Annotated[
        str, typer.Argument(help="A CSV, JSONL or Parquet file, a folder of them, or a glob pattern.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the dataset; new or empty.")],
    mapping: Annotated[str, typer.Option(help="A bundled mapping by name, or a TOML file.")] = "votes",
    column: Annotated[
        list[str] | None, typer.Option(help="role=COLUMN, as in user=rater_id; may be repeated.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder of image files, or a CSV of ids and files.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides who is in which split.")] = 0,
    min_liked: Annotated[int, typer.Option(help="Fewest unique liked images a user may have.")] = 11,
    validation: Annotated[float, typer.Option(help="Share of users for validation.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of users for the test.")] = 0.1,
    temporal: Annotated[
        bool, typer.Option("--temporal", help="Histories will be earlier than targets.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End at the first bad image.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the dataset that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Build a dataset from a log of votes, likes or ratings."""
    from tasteprint.config import DataConfig
    from tasteprint.data.build import build
    from tasteprint.data.mapping import load_mapping

    config = DataConfig(min_liked=min_liked, validation=validation, test=test, temporal=temporal)
    columns = load_mapping(mapping).with_columns(tuple(column or ()))
    with progress_bar() as progress:
        summary = build(log, out, columns, config, seed, strict, force, images, progress)
    if as_json:
        typer.echo(summary.to_json(), nl=False)
        return
    from rich.console import Console

    Console().print(summary.table())


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr, shown only to a terminal, moved by calling (what, done, total)."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def move(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield move
