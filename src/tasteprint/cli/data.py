"""`tasteprint data`: from a log of votes to a dataset.

Enters: the command line. Leaves: a dataset folder and its summary, or a log. Does not know: how a dataset is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import SEEDS, number_option
from tasteprint.cli.look import look_command
from tasteprint.cli.progress import progress_bar
from tasteprint.library.names import plain

if TYPE_CHECKING:
    from tasteprint.data.mapping import Mapping

data_app = typer.Typer(help="Turn logs of votes into datasets.", no_args_is_help=True)


@data_app.callback()
def _data() -> None:
    """Turn logs of votes into datasets."""


data_app.command("look")(look_command)


@data_app.command("build")
def build_data_command(
    log: Annotated[
        str,
        typer.Argument(
            help="A file, an archive or a folder of CSV, JSON, Parquet or SQLite, or a glob pattern."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder of the dataset; new or empty.")],
    mapping: Annotated[
        str | None,
        typer.Option(
            help="A bundled mapping by name, or a TOML file; unless given, the bundled one that fits."
        ),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="role=COLUMN, as in user=rater_id; may be repeated.")
    ] = None,
    constant: Annotated[
        list[str] | None, typer.Option(help="role=VALUE of every row, as in label=1; may be repeated.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder of image files, or a table of ids and files.")
    ] = None,
    seed: Annotated[
        int, number_option("Seed of the split of users into training, validation and test.", 0, SEEDS)
    ] = 0,
    min_liked: Annotated[int, typer.Option(help="Leave out users with fewer distinct liked images.")] = 11,
    validation: Annotated[float, typer.Option(help="Share of users for validation.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of users for the test.")] = 0.1,
    temporal: Annotated[
        bool, typer.Option("--temporal", help="Require that histories are earlier than targets.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first image that cannot be used.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing dataset, once the new one is whole.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Build a dataset from a log of votes, likes or ratings."""
    from tasteprint.config import DataConfig
    from tasteprint.data.build import build

    config = DataConfig(min_liked=min_liked, validation=validation, test=test, temporal=temporal)
    columns = _mapping(log, mapping, tuple(column or ()), tuple(constant or ()))
    with progress_bar() as progress:
        summary = build(log, out, columns, config, seed, strict, force, images, progress)
    if as_json:
        typer.echo(summary.to_json(), nl=False)
        return
    from rich.console import Console

    Console().print(summary.table())
    for remark in summary.remarks():
        typer.echo(f"note: {remark}", err=True)


@data_app.command("convert")
def convert_data_command(
    frame: Annotated[
        Path, typer.Argument(help="A pickled pandas frame of LUP's, such as bench_test_w_bad.pkl.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the log; new or empty.")],
) -> None:
    """Write the data files of the paper's authors as a log; nothing in them is run."""
    from tasteprint.data.reference_frames import convert_reference_frame

    count = convert_reference_frame(frame, out)
    typer.echo(f"{count:,} votes are in {out / 'votes.csv'}. Next: tasteprint data build {out / 'votes.csv'} "
               f"--images {out} --out data")  # fmt: skip


def _mapping(log: str, name: str | None, columns: tuple[str, ...], constants: tuple[str, ...]) -> Mapping:
    """The mapping that was named, or the one that fits; with what the command line changes of it."""
    from tasteprint.data.look.fits import one_fit
    from tasteprint.data.mapping import load_mapping

    def changed(mapping: Mapping) -> Mapping:
        return mapping.with_constants(constants).with_columns(columns)

    if name is not None:
        return changed(load_mapping(name))
    fit = one_fit(log, changed)
    typer.echo(f"tasteprint: {plain(log)} is read by the mapping {plain(fit)}.", err=True)
    return fit.mapping
