"""`tasteprint likes`: what a person already said, in the library of the program in which they said it.

Enters: the command line. Leaves: a table of what was found; a CSV to be given as --stars.
Does not know: kinds of libraries, files of theirs.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.library.names import plain

if TYPE_CHECKING:
    from tasteprint.likes.found import Likes


def likes_command(
    library: Annotated[
        str,
        typer.Argument(
            help="A folder of pictures or of an unpacked Takeout, a .lrcat, digikam4.db, wib.sqlite3, log.csv; or "
            "kind:PATH, as immich:https://host."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write a CSV, to be given as --stars to rank or ask.")
    ] = None,
    moved: Annotated[
        list[str] | None,
        typer.Option(help="OLD=NEW: where a folder of the library is on this machine. May be repeated."),
    ] = None,
    rejected_are_disliked: Annotated[
        bool, typer.Option("--rejected-are-disliked", help="Count rejected pictures as dislikes.")
    ] = False,
) -> None:
    """Find the stars, favourites and saved pictures of a photo library; it is only read."""
    from tasteprint.likes.kinds import read_likes
    from tasteprint.likes.places import read_moved

    _check(out)
    found = read_likes(library, read_moved(moved or ()), rejected_are_disliked)
    _print(found)
    typer.echo(f"tasteprint: {plain(library)} has {found}.", err=True)
    if out is not None:
        _write(found, library, out)


def _check(out: Path | None) -> None:
    if out is not None and out.suffix.lower() != ".csv":
        raise ValueError(f"out is {str(out)!r}; expected a file that ends in .csv: name another.")


def _print(found: Likes) -> None:
    """A line for each number of stars, then for each reason why pictures have no opinion."""
    from tasteprint.library.opinions import wording

    said = Counter(wording(one) for one in sorted(found.ratings, key=lambda one: (-one.out_of, -one.stars)))
    for words, count in (*said.items(), *found.silent.items()):
        typer.echo(f"{count:>9,}  {words}")
    for note in found.notes:
        typer.echo(f"tasteprint: {plain(note)}", err=True)


def _write(found: Likes, library: str, out: Path) -> None:
    from tasteprint.likes.likes_file import write_likes

    if not found.ratings:
        raise ValueError(
            f"library {library!r} has no opinion of a picture that is there; expected stars, favourites or saved "
            "pictures: rate some, or say with --moved where the pictures are."
        )
    write_likes(found.ratings, out)
    typer.echo(
        f"tasteprint: {len(found.ratings):,} opinions are in {plain(out)}: give it as --stars.", err=True
    )
