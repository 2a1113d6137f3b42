"""Which person a command is about: options that several commands share, and what a model reads of their history.

Enters: options of the command line, a history. Leaves: the part that is read. Does not know: scores.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import number_option

if TYPE_CHECKING:
    from tasteprint.types import History, TasteModel, Vote

MOST_VOTES = 10_000


def unicode_text(value: str | None) -> str | None:
    """Refuse, as an option's callback, what the shell gave in another encoding: no model and no record can hold it."""
    if value is not None and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(
            f"an option is {value!r}, which is not UTF-8; expected text: set the terminal to UTF-8, or retype it."
        )
    return value


DataFolder = Annotated[Path | None, typer.Option(help="Instead of --votes: a dataset folder, with --user.")]
User = Annotated[
    str | None,
    typer.Option(help="A user of the dataset, whose votes are the history.", callback=unicode_text),
]
Prompt = Annotated[str, typer.Option(help="What the pictures were made for.", callback=unicode_text)]
Count = Annotated[
    int | None,
    number_option(
        "Read so many votes at most, the latest; by default all, and 8 with an in-context model.",
        0,
        MOST_VOTES,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def as_read(name: str, model: TasteModel, history: History, count: int | None) -> History:
    """Give what a model reads: the latest `count` votes at most, and likes and stars where it knows them.

    What it leaves out is told on standard error. Without a count: all votes for a model to which order means nothing,
    else as many decided ones as the in-context ones learned from. ValueError for likes and stars alone where it reads
    votes only.
    """
    from tasteprint.config import DataConfig
    from tasteprint.library.person import ReadsEmbeddings

    if isinstance(model, ReadsEmbeddings):
        return replace(history, votes=_latest(name, history.votes, len(history) if count is None else count))
    decided = tuple(vote for vote in history.votes if not vote.is_tie)
    if history.ratings:
        _tell_of_ratings(name, len(history.ratings), bool(decided))
    if history.votes and not decided:
        raise ValueError(
            f"the person has no decided vote; expected at least one, since {name} reads no others: give more."
        )
    read = _latest(name, decided, DataConfig().history_length if count is None else count)
    return replace(history, votes=read, ratings=())


def _latest(name: str, votes: tuple[Vote, ...], count: int) -> tuple[Vote, ...]:
    read = votes[len(votes) - min(count, len(votes)) :]
    if len(read) < len(votes):
        typer.echo(
            f"tasteprint: {name} reads the latest {len(read)} of {len(votes)} votes; --history-length says how many.",
            err=True,
        )
    return read


def _tell_of_ratings(name: str, count: int, beside_votes: bool) -> None:
    if not beside_votes:
        raise ValueError(
            f"{count} likes, dislikes and stars were given to {name}, which reads votes only; expected some: give "
            "--votes, or take a taste posterior, such as photos."
        )
    typer.echo(
        f"tasteprint: {name} reads votes only: {count} likes, dislikes and stars are left out.", err=True
    )
