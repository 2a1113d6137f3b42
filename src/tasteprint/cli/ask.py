"""`tasteprint ask`: which pairs of a person's own pictures to ask them about next.

Enters: the command line. Leaves: pairs on standard output, as a table to be answered, or as a page.
Does not know: how pictures are found and looked at, what makes a pair tell much.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import SEEDS, number_option
from tasteprint.cli.own_pictures import (
    Disliked,
    Liked,
    Model,
    NoCache,
    Pictures,
    Shared,
    Stars,
    Votes,
    open_own,
    read_opinions,
    say_what_was_missed,
)
from tasteprint.cli.person import AsJson
from tasteprint.cli.progress import kept_when_stopped, progress_bar
from tasteprint.files import json_text
from tasteprint.library.names import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasteprint.library.at_hand import Progress
    from tasteprint.library.person import KnownPerson
    from tasteprint.library.questions import Question
    from tasteprint.types import History

SUFFIXES = (".csv", ".html")

Out = Annotated[
    Path | None,
    typer.Option(
        help="Write the pairs: .csv, to be answered and given as --votes, or .html, a page to look at."
    ),
]


def ask_command(
    pictures: Pictures,
    liked: Liked = None,
    disliked: Disliked = None,
    votes: Votes = None,
    stars: Stars = None,
    model: Model = "photos",
    shared: Shared = None,
    count: Annotated[int, number_option("How many pairs.", 1, 1000)] = 10,
    out: Out = None,
    seed: Annotated[int, number_option("Seed of the pairs among which these are sought.", 0, SEEDS)] = 0,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Name the pairs of your pictures whose answers would tell most about your taste, given what you said so far."""
    _check(out)
    from tasteprint.library.folder import find_pictures

    history = read_opinions(liked, disliked, votes, stars)
    found = find_pictures(pictures)
    with kept_when_stopped(not no_cache) as progress:
        person = _known((model, shared), found.paths, history, not no_cache, progress)
        questions = _questions(person, count, seed)
    _print(questions, as_json)
    if out is not None:
        _write(questions, out)
    say_what_was_missed(found.skipped, person.pictures.files.failed, person.pictures.files.notes)


def _check(out: Path | None) -> None:
    from tasteprint.library.questions import require_new_table

    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{str(out)!r} is of no known kind; expected {' or '.join(SUFFIXES)}: name another file."
        )
    if out is not None:
        require_new_table(out)


def _known(
    model: tuple[str, str | None], paths: Sequence[Path], history: History, cached: bool, progress: Progress
) -> KnownPerson:
    from tasteprint.library.person import ReadsEmbeddings, know_person
    from tasteprint.library.store import cache_folder

    opened = open_own(*model)
    if not isinstance(opened, ReadsEmbeddings):
        raise ValueError(
            f"model {model[0]!r} does not know how sure it is; expected a taste posterior, such as photos: name one."
        )
    return know_person(opened, paths, history, cache_folder() if cached else None, progress)


def _questions(person: KnownPerson, count: int, seed: int) -> list[Question]:
    from tasteprint.library.questions import Question, candidate_pairs
    from tasteprint.posterior.active import most_informative_pairs

    pictures = person.pictures
    chosen = most_informative_pairs(person.taste, candidate_pairs(person, seed), count, pictures.embeddings)
    return [Question(pictures.path_of(one.first), pictures.path_of(one.second), one.nats) for one in chosen]


def _print(questions: Sequence[Question], as_json: bool) -> None:
    if as_json:
        pairs = [{"first": str(one.first), "second": str(one.second), "nats": one.nats} for one in questions]
        typer.echo(json_text(pairs))
        return
    for place, one in enumerate(questions, 1):
        typer.echo(f"{place:4}  {one.nats / math.log(2):.2f} bit  {plain(one.first)}")
        typer.echo(f"{'':16}{plain(one.second)}")


def _write(questions: Sequence[Question], out: Path) -> None:
    from tasteprint.library.questions import write_questions

    if out.suffix.lower() == ".csv":
        write_questions(questions, out)
        typer.echo(
            f"tasteprint: fill in the column preferred of {plain(out)}: first, second or tie.", err=True
        )
        return
    from tasteprint.report.question_page import write_question_page

    with progress_bar("pictures") as progress:
        write_question_page(questions, out, progress)
