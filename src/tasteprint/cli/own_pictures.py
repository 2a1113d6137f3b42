"""A person's own pictures on the command line: where they are, what the person said of them, what was passed over.

Enters: options that `rank` and `ask` share. Leaves: a `History` of files; sentences on standard error.
Does not know: models, rankings, questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tasteprint.library.names import plain

if TYPE_CHECKING:
    from tasteprint.types import History, Rating, Scorer, TasteModel, Vote

NAMED = 20
"""So many files that could not be looked at are named; of more, the number is."""

Pictures = Annotated[
    list[str], typer.Argument(help="Folders with all that is below, files, patterns, or - for a list.")
]
Liked = Annotated[
    list[str] | None, typer.Option(help="A folder, file or pattern of liked pictures; may be repeated.")
]
Disliked = Annotated[list[str] | None, typer.Option(help="The same of disliked pictures.")]
Votes = Annotated[
    list[str] | None,
    typer.Option(
        "--votes",
        "--history",
        help="A table (CSV, JSON, …) with columns liked and disliked, or first, second and preferred; paths relative "
        "to it; or a photo library, as --stars. May be repeated.",
    ),
]
Stars = Annotated[
    list[str] | None,
    typer.Option(
        help="A table with columns image and stars, and out_of where it is not 5; or a photo library as kind:PATH, "
        "such as xmp:photos/ or lightroom:my.lrcat: see `tasteprint likes`."
    ),
]
Model = Annotated[str, typer.Option(help="photos, or a model folder, a run's folder, a Hub repository.")]
Shared = Annotated[
    str | None,
    typer.Option(
        help="A taste that you may share, by how much your answers say: a scorer by name, such as pickscore, or a "
        "posterior fitted on another log."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Keep nothing of the pictures for the next time.")]


def read_opinions(
    liked: Sequence[str] | None,
    disliked: Sequence[str] | None,
    votes: Sequence[str] | None,
    stars: Sequence[str] | None,
    data: Path | None = None,
    user: str | None = None,
) -> History:
    """Read what the person said of files. ValueError for half of --data and --user, or both they and --votes."""
    from tasteprint.library.opinions import gather_opinions

    if (data is None) != (user is None) or (data is not None and votes):
        raise ValueError(
            "the person is missing or named twice; expected --votes FILE, or --data DIR and --user ID: name one."
        )
    tables, rated = _of_libraries(votes or ())
    files, more = _of_libraries(stars or ())
    said = tables if data is None or user is None else _votes_of(data, user)
    return gather_opinions(liked or (), disliked or (), said, [*files, *rated, *more])


def read_person(
    liked: Sequence[str] | None,
    disliked: Sequence[str] | None,
    votes: Sequence[str] | None,
    stars: Sequence[str] | None,
    data: Path | None,
    user: str | None,
) -> History:
    """Read what a person said who must have said something. ValueError as for `read_opinions`, and for nothing."""
    from tasteprint.library.opinions import count_said

    if not any((liked, disliked, votes, stars, data, user)):
        raise ValueError(
            "the person is missing; expected --votes FILE (or --liked, --stars), or --data DIR and --user ID."
        )
    history = read_opinions(liked, disliked, votes, stars, data, user)
    if not count_said(history):
        raise ValueError("nothing is said of any picture; expected votes, likes or stars: give some.")
    return history


def _of_libraries(sources: Sequence[str]) -> tuple[list[str], list[Rating]]:
    """Tell files from libraries, and read these; what they leave unsaid is told on standard error."""
    if not sources:
        return [], []
    from tasteprint.likes.kinds import names_library, read_likes

    libraries = [source for source in sources if names_library(source)]
    ratings: list[Rating] = []
    for library in libraries:
        found = read_likes(library)
        ratings += found.ratings
        for line in (f"{library} has {found}.", *found.notes):
            typer.echo(f"tasteprint: {plain(line)}", err=True)
    return [source for source in sources if source not in libraries], ratings


def say_what_was_missed(
    skipped: Mapping[str, int], failed: Sequence[tuple[Path, str]], notes: Sequence[str]
) -> None:
    """Tell on standard error what was passed over, which files failed and why, and other notes."""
    from tasteprint.library.folder import skipped_in_words

    lines = list(notes)
    if skipped:
        lines.append(f"passed over: {skipped_in_words(skipped)}.")
    if failed:
        lines.append(f"{len(failed):,} {'file' if len(failed) == 1 else 'files'} could not be looked at:")
        lines += [f"  {plain(reason)}" for _, reason in failed[:NAMED]]
        lines += [f"  and {len(failed) - NAMED:,} more."] if len(failed) > NAMED else []
    for line in lines:
        typer.echo(line if line.startswith("  ") else f"tasteprint: {line}", err=True)


def open_own(model: str, shared: str | None = None) -> TasteModel:
    """Open a model without messages of its libraries; one whose people may share a taste, if that is named."""
    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.library.person import share_taste
    from tasteprint.library.rank import PHOTOS
    from tasteprint.methods import open_model

    if (
        model != PHOTOS or shared
    ):  # it alone needs no library that speaks, and none that takes seconds to load
        quiet_libraries()
    opened = open_model(model)
    return opened if shared is None else share_taste(opened, _shared_taste(shared))


def _shared_taste(name: str) -> Scorer:
    """A reward model, or what a model thinks of pictures before it knows anything of a person."""
    from tasteprint.data.decode import open_image
    from tasteprint.methods import open_model
    from tasteprint.scorers import SCORERS, open_scorer
    from tasteprint.types import History

    nobody = History("nobody")
    if name not in SCORERS:
        return open_model(name).print_of(nobody, open_image)
    opened: Any = open_scorer(name)
    return opened.of(nobody, open_image) if SCORERS[name].personal else opened


def _votes_of(data: Path, user: str) -> list[Vote]:
    from tasteprint.data.dataset import Dataset

    dataset = Dataset(data)
    votes = dataset.votes_of(user)
    if not dataset.summary.has_images:
        return list(votes)
    images = dataset.images
    return [
        replace(vote, image_0=str(images.path(vote.image_0)), image_1=str(images.path(vote.image_1)))
        for vote in votes
    ]
