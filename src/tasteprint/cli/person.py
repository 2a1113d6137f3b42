"""Which person a command is about: options that several commands share, and the history that they name.

Enters: options of the command line. Leaves: a `History`, and what opens its images. Does not know: models, scores.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.types import History

HistoryFile = Annotated[
    Path | None,
    typer.Option(
        help="A table of votes (CSV, JSON, …) with columns liked, disliked, perhaps prompt; paths relative to it."
    ),
]
DataFolder = Annotated[Path | None, typer.Option(help="Instead of --history: a dataset folder, with --user.")]
User = Annotated[str | None, typer.Option(help="A user of the dataset, whose latest votes are the history.")]
Prompt = Annotated[str, typer.Option(help="What the pictures were made for.")]
Count = Annotated[int, typer.Option(help="How many votes to read, the latest ones.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_person(
    history: Path | None, data: Path | None, user: str | None, history_length: int
) -> tuple[History, Callable[[str], Image]]:
    """Read the latest `history_length` decided votes of a file or of a dataset's user; also give what opens images.

    ValueError where neither or both are named, or there are fewer votes.
    """
    from tasteprint.data.dataset import Dataset
    from tasteprint.data.history_files import latest, read_history
    from tasteprint.data.images import open_image

    if history is not None and (data is None or user is None):
        return latest(read_history(history), history_length, f"history {str(history)!r}"), open_image
    if history is not None or data is None or user is None:
        raise ValueError(
            "the person is missing or named twice; expected --history FILE, or --data DIR and --user ID."
        )
    dataset = Dataset(data)
    opener = dataset.images.open if dataset.summary.has_images else open_image
    return latest(dataset.votes_of(user), history_length, f"user {user!r}"), opener
