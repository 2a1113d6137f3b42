"""`tasteprint cache`: what is kept of a person's pictures between two runs, and how it is thrown away.

Enters: the command line. Leaves: a table. Does not know: what an embedding is.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tasteprint.library.names import plain


def cache_command(
    empty: Annotated[
        bool, typer.Option("--empty", help="Throw it all away; pictures are not touched.")
    ] = False,
) -> None:
    """Show where embeddings of pictures are kept, how many and how large; or empty it."""
    from tasteprint.library.store import cache_folder, empty_stores, stores

    folder = cache_folder()
    typer.echo(f"The cache is {plain(folder)} (TASTEPRINT_CACHE names another).")
    held = empty_stores(folder) if empty else stores(folder)
    for one in held:
        typer.echo(f"  {one.pictures:>9,} pictures  {_megabytes(one.size):>10}  by {plain(one.encoder)}")
    total = f"{sum(one.pictures for one in held):,} pictures, {_megabytes(sum(one.size for one in held))}"
    typer.echo(f"{'Emptied of' if empty else 'In all'} {total}.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
