"""`tasteprint rank`: a person's own pictures, the best for them first.

Enters: the command line. Leaves: a table, files, copies of the best; what was passed over on standard error.
Does not know: how pictures are found, looked at, ranked or drawn.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tasteprint.cli.bounds import bounded
from tasteprint.cli.own_pictures import (
    Disliked,
    Liked,
    Model,
    NoCache,
    Pictures,
    Stars,
    Votes,
    open_own,
    read_opinions,
    say_what_was_missed,
)
from tasteprint.cli.person import AsJson, Count, DataFolder, Prompt, User
from tasteprint.cli.progress import kept_when_stopped, progress_bar
from tasteprint.cli.ranking_table import print_ranking
from tasteprint.library.names import plain

if TYPE_CHECKING:
    from tasteprint.library.ranking import Ranking
    from tasteprint.types import History

Out = Annotated[
    Path | None,
    typer.Option(help="Write the whole ranking: .csv, .jsonl, .parquet, or .html, a page to look at."),
]
Best = Annotated[
    int, bounded("How many of the best to show, and to copy; of near-duplicates one.", 1, 1_000_000)
]
CopyTo = Annotated[
    Path | None,
    typer.Option(
        help="A folder for the best, in their order: hard links, or copies where there can be none. Nothing is moved, "
        "removed or overwritten."
    ),
]


def rank_command(
    pictures: Pictures,
    liked: Liked = None,
    disliked: Disliked = None,
    votes: Votes = None,
    stars: Stars = None,
    model: Model = "photos",
    out: Out = None,
    best: Best = 10,
    copy_to: CopyTo = None,
    data: DataFolder = None,
    user: User = None,
    prompt: Prompt = "",
    history_length: Count = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Rank your own pictures by what you said of some, the best first; equal ones keep the order given."""
    _check(out, copy_to)
    history = read_opinions(liked, disliked, votes, stars, data, user)
    ranking = _ranked(pictures, history, model, prompt, history_length, not no_cache)
    if as_json:
        typer.echo(json.dumps(_objects(ranking), indent=1))
    else:
        print_ranking(ranking, best)
    if out is not None:
        with progress_bar("pictures") as progress:
            ranking.save(out, progress)
    missed = _copied(ranking, best, copy_to) if copy_to is not None else ()
    say_what_was_missed(ranking.skipped, (*ranking.failed, *missed), ranking.notes)


def _check(out: Path | None, copy_to: Path | None) -> None:
    """Refuse, before any work, what could not be done after it."""
    from tasteprint.library.ranking import require_known_suffix

    if out is not None:
        require_known_suffix(out)
    if copy_to is not None and copy_to.exists() and not copy_to.is_dir():
        raise ValueError(f"{str(copy_to)!r} is a file; expected a folder to copy to: name another.")


def _ranked(
    sources: list[str], history: History, model: str, prompt: str, history_length: int | None, cached: bool
) -> Ranking:
    from tasteprint.library.folder import find_pictures
    from tasteprint.library.rank import rank_files
    from tasteprint.library.store import cache_folder

    found = find_pictures(sources)
    with kept_when_stopped(cached) as progress:
        opened = open_own(model)
        cache = cache_folder() if cached else None
        ranking = rank_files(opened, found.paths, history, cache, progress, prompt, history_length)
    return replace(ranking, skipped=found.skipped, model=model)


def _copied(ranking: Ranking, best: int, folder: Path) -> tuple[tuple[Path, str], ...]:
    """Link or copy the best; give those that are gone."""
    from tasteprint.library.copies import copy_in_order

    made, gone = copy_in_order([one.path for one in ranking.leaders[:best]], folder)
    typer.echo(f"tasteprint: the best {len(made):,} are in {plain(folder)}", err=True)
    return gone


def _objects(ranking: Ranking) -> list[dict[str, Any]]:
    """Each picture as `tasteprint score --json` gives it, and what else is known of it."""
    return [
        {
            "image": str(one.path),
            "q": 1 / (1 + math.exp(-one.score)) if one.score > -700 else 0.0,
            "margin": one.score,
            "standing": one.standing,
            "group": one.group,
            "leads": one.leads,
            "said": one.said,
            "because": [str(evidence.path) for evidence in one.because],
        }
        for one in ranking.pictures
    ]
