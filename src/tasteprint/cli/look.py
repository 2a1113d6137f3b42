"""`tasteprint data look`: what a log holds and what a mapping would make of it, before anything is built.

Enters: the command line. Leaves: plain lines; a mapping to be corrected. Does not know: how a mapping is guessed.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.library.names import plain

if TYPE_CHECKING:
    from tasteprint.data.look.look import LookedAt
    from tasteprint.data.look.prospect import Prospect
    from tasteprint.data.mapping import Mapping

COLUMNS, ROWS, LETTERS, NAME = 40, 3, 32, 44
"""Columns that are shown, cells of each, and letters of a cell and of a name."""


def look_command(
    log: Annotated[
        str, typer.Argument(help="What `data build` takes: a file, a folder or an archive of them.")
    ],
    mapping: Annotated[
        str | None, typer.Option(help="Try this one, bundled or a TOML file, in place of a guess.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the mapping here, to be corrected; a new .toml.")
    ] = None,
) -> None:
    """Show what is in a log, guess its mapping, and say what that would give. Nothing is built."""
    from tasteprint.data.look.look import look_at_log
    from tasteprint.data.mapping import load_mapping

    _check(out)
    look = look_at_log(log, load_mapping(mapping) if mapping else None)
    for line in (*_table(look), *_mapping(look)):
        typer.echo(line)
    if look.mapping is not None:
        for line in (*_prospect(log, look.mapping), _next(look, log, mapping, out)):
            typer.echo(line)
    if out is not None:
        _write(look, log, out)


def _check(out: Path | None) -> None:
    if out is not None and out.suffix != ".toml":
        raise ValueError(f"out is {str(out)!r}; expected a file that ends in .toml: name another.")
    if out is not None and os.path.lexists(out):
        raise ValueError(f"{str(out)!r} is there already; expected a new file: name another.")


def _table(look: LookedAt) -> Iterator[str]:
    """A line a column: its name and its first cells."""
    yield f"{plain(look.name)}: {look.kind}, {len(look.columns):,} columns, and their first cells"
    for column, cells in list(look.cells.items())[:COLUMNS]:
        shown = " | ".join(_cell(cell) for cell in cells[:ROWS])
        yield f"  {_short(column, NAME):<{NAME}} {shown or '(bytes, or nothing)'}".rstrip()
    if len(look.cells) > COLUMNS:
        yield f"  and {len(look.cells) - COLUMNS:,} more"


def _mapping(look: LookedAt) -> Iterator[str]:
    yield f"mapping: {plain(look.how)}"
    if look.mapping is None:
        return
    why = {role: f"  ({plain(reason)})" for role, reason in look.why.items()}
    for role, column in look.mapping.columns.items():
        absent = "  (not there, and not needed)" if _is_absent(look, look.mapping, role) else ""
        yield f"  {role} = column {_short(column, NAME)}{why.get(role, absent)}"
    for role, value in look.mapping.constants.items():
        yield f"  {role} = {_short(value, NAME)} in every row{why.get(role, '')}"
    for item in look.mapping.filters:
        yield f"  only rows whose column {_short(item.column, NAME)} is {plain(' or '.join(item.keep))}"


def _is_absent(look: LookedAt, mapping: Mapping, role: str) -> bool:
    from tasteprint.data.tables.names import has_all

    return role in mapping.optional and not has_all(look.columns, [mapping.columns[role]])


def _prospect(log: str, mapping: Mapping) -> Iterator[str]:
    from tasteprint.config import DataConfig
    from tasteprint.data.look.prospect import prospect

    try:
        found = prospect(log, mapping, DataConfig())
    except ValueError as fault:  # what a build would say is what was asked for
        yield f"would stop the build: {plain(fault)}"
        return
    if found.votes:
        yield from _counts(found)
    else:
        nothing = found.left_out.nothing_left(found.rows, DataConfig().min_liked)
        yield f"would stop the build: {plain(nothing)}"
    yield from (f"note: {plain(note)}" for note in found.notes)


def _counts(found: Prospect) -> Iterator[str]:
    yield (
        f"gives: {found.votes:,} votes of {found.people:,} people, from {found.rows:,} rows; pictures are looked at "
        "when it is built"
    )
    for reason, rows in found.left_out.counts.most_common():
        example = found.left_out.examples.get(reason)
        yield f"left out: {rows:,} {reason}{f', as {plain(example)}' if example else ''}"


def _next(look: LookedAt, log: str, mapping: str | None, out: Path | None) -> str:
    """The command that builds it, or the one that first writes the mapping."""
    if not look.certain and out is None:
        return f"next: tasteprint data look {shlex.quote(plain(log))} --out mapping.toml, which is then corrected"
    named = None if look.certain and out is None and mapping is None else str(out or mapping)
    given = f" --mapping {shlex.quote(plain(named))}" if named else ""
    return f"next: tasteprint data build {shlex.quote(plain(log))}{given} --images FOLDER --out data"


def _write(look: LookedAt, log: str, out: Path) -> None:
    from tasteprint.data.look.mapping_text import mapping_toml
    from tasteprint.files import write_bytes

    if look.mapping is None:
        raise ValueError(
            f"no mapping could be guessed for {log!r}; expected two columns of images and one that says which was "
            "preferred, or one of images and one that rates them: write a mapping by hand."
        )
    about = [f"For {plain(log)}: {plain(look.how)}."]
    text = mapping_toml(look.mapping, about, {role: plain(why) for role, why in look.why.items()})
    _check(out)
    write_bytes(out, text.encode())
    typer.echo(f"tasteprint: the mapping is in {plain(out)}: correct it, and give it as --mapping.", err=True)


def _cell(cell: str | None) -> str:
    return "(nothing)" if cell is None else _short(cell, LETTERS) or '""'


def _short(text: str, letters: int) -> str:
    """Text on one line that is not too long; a cell of any length is cut before it is looked at."""
    shown = plain(text[: letters + 1])
    return shown if len(shown) <= letters else f"{shown[: letters - 1]}…"
