"""Which person a command is about: options that several commands share, and the history that they name.

Enters: options of the command line. Leaves: a `History`, and what opens its images. Does not know: models, scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import number_option

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.types import History, TasteModel

MOST_VOTES = 10_000


def unicode_text(value: str | None) -> str | None:
    """Refuse, as an option's callback, what the shell gave in another encoding: no model and no record can hold it."""
    if value is not None and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(
            f"an option is {value!r}, which is not UTF-8; expected text: set the terminal to UTF-8, or retype it."
        )
    return value


HistoryFile = Annotated[
    Path | None,
    typer.Option(
        help="A table of votes (CSV, JSON, …) with columns liked, disliked, perhaps prompt; paths relative to it."
    ),
]
DataFolder = Annotated[Path | None, typer.Option(help="Instead of --history: a dataset folder, with --user.")]
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


def read_person(
    history: Path | None, data: Path | None, user: str | None
) -> tuple[History, Callable[[str], Image]]:
    """Read the decided votes of a file or of a dataset's user, oldest first; also give what opens their images.

    ValueError where neither or both are named, or half of a dataset's user, or there is no decided vote.
    """
    from tasteprint.data.dataset import Dataset
    from tasteprint.data.history_files import decided, read_history
    from tasteprint.data.images import open_image

    if history is not None and data is None and user is None:
        return decided(read_history(history), f"history {str(history)!r}"), open_image
    if history is not None or data is None or user is None:
        raise ValueError(
            "the person is missing or named twice; expected --history FILE, or --data DIR and --user ID."
        )
    dataset = Dataset(data)
    opener = dataset.images.open if dataset.summary.has_images else open_image
    return decided(dataset.votes_of(user), f"user {user!r}"), opener


def as_read(name: str, model: TasteModel, history: History, count: int | None) -> History:
    """Give the votes that a model reads, the latest `count` at most; told on standard error where these are not all.

    Without a count: all for a model to which order means nothing, else as many as the in-context ones learned from.
    """
    from tasteprint.config import DataConfig
    from tasteprint.library.person import ReadsEmbeddings

    if count is None:
        count = len(history) if isinstance(model, ReadsEmbeddings) else DataConfig().history_length
    read = history.votes[len(history) - min(count, len(history)) :]
    if len(read) < len(history):
        typer.echo(
            f"tasteprint: {name} reads the latest {len(read)} of {len(history)} votes; --history-length says how many.",
            err=True,
        )
    return replace(history, votes=read)
