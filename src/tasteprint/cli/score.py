"""`tasteprint score` and `tasteprint rank`: how well one person will like pictures that they have not seen.

Enters: the command line. Leaves: Q and margin of each image, in the order given or the best first.
Does not know: which models there are, how scores are computed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.types import History, Print


Images = Annotated[list[Path], typer.Argument(help="Picture files.")]
Model = Annotated[str, typer.Option(help="A model folder, a run's folder, or a Hub repository.")]
HistoryFile = Annotated[
    Path | None,
    typer.Option(
        help="A CSV of votes with columns liked, disliked and optionally prompt; paths relative to it."
    ),
]
DataFolder = Annotated[Path | None, typer.Option(help="Instead of --history: a dataset folder, with --user.")]
User = Annotated[str | None, typer.Option(help="A user of the dataset, whose latest votes are the history.")]
Prompt = Annotated[str, typer.Option(help="What the pictures were made for.")]
Count = Annotated[int, typer.Option(help="How many votes to read, the latest ones.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def score_command(
    images: Images, model: Model, history: HistoryFile = None, data: DataFolder = None, user: User = None,
    prompt: Prompt = "", history_length: Count = 8, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Score pictures for one person, in the order given."""
    _print_scores(_scores(images, model, history, data, user, prompt, history_length), as_json)


def rank_command(
    images: Images, model: Model, history: HistoryFile = None, data: DataFolder = None, user: User = None,
    prompt: Prompt = "", history_length: Count = 8, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Rank pictures for one person, the best first; equal ones keep the order given."""
    scores = _scores(images, model, history, data, user, prompt, history_length)
    _print_scores(ranked(scores), as_json)


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


def scores_of(
    person: Print, names: Sequence[str | Path], pictures: Sequence[Image], prompt: str = ""
) -> list[dict[str, Any]]:
    """Score pictures with a person's print: name, Q and margin of each, in the order given."""
    margins = person.score_pictures(pictures, [prompt] * len(pictures))
    rows = zip(names, margins.tolist(), margins.sigmoid().tolist(), strict=True)
    return [{"image": str(name), "q": q, "margin": margin} for name, margin, q in rows]


def ranked(scores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort scores, the best first; equal ones keep their order."""
    return sorted(scores, key=lambda score: -score["margin"])


def _scores(
    images: list[Path],
    model: str,
    history: Path | None,
    data: Path | None,
    user: str | None,
    prompt: str,
    history_length: int,
) -> list[dict[str, Any]]:
    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.data.images import open_image
    from tasteprint.methods import open_model

    pictures = [open_image(image) for image in images]
    quiet_libraries()
    person, opener = read_person(history, data, user, history_length)
    return scores_of(open_model(model).print_of(person, opener), images, pictures, prompt)


def _print_scores(scores: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(scores, indent=1))
        return
    for score in scores:
        typer.echo(f"{score['q']:.3f}  {score['margin']:+.3f}  {score['image']}")
