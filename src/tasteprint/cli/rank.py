"""`tasteprint rank`: a person's own pictures, the best for them first.

Enters: the command line. Leaves: a table, files, copies of the best; what was passed over on standard error.
Does not know: how pictures are found, looked at, ranked or drawn.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tasteprint.cli.bounds import number_option
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
from tasteprint.cli.person import AsJson, Count, DataFolder, Prompt, User
from tasteprint.cli.progress import kept_when_stopped, progress_bar
from tasteprint.cli.published import Device, ScorerName, Weights, open_published, refuse_idle, unit_of
from tasteprint.cli.ranking_table import print_ranking
from tasteprint.files import json_text
from tasteprint.library.names import plain

if TYPE_CHECKING:
    from tasteprint.library.ranking import Ranking
    from tasteprint.types import History

Out = Annotated[
    Path | None,
    typer.Option(help="Write the whole ranking: .csv, .jsonl, .parquet, or .html, a page to look at."),
]
Best = Annotated[
    int, number_option("How many of the best to show, and to copy; of near-duplicates one.", 1, 1_000_000)
]
CopyTo = Annotated[
    Path | None,
    typer.Option(
        help="A folder for the best, in their order: hard links, or copies where there can be none. Nothing is moved, "
        "removed or overwritten."
    ),
]
WriteXmp = Annotated[
    bool,
    typer.Option(
        "--write-xmp",
        help="Write 1 to 5 stars into sidecars (a.jpg.xmp), a star for each 20 % of `how sure`; never into a picture, "
        "nor over a person's rating.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With --write-xmp: tell what would be written, and write nothing.")
]


def rank_command(
    pictures: Pictures,
    liked: Liked = None,
    disliked: Disliked = None,
    votes: Votes = None,
    stars: Stars = None,
    model: Model = "photos",
    shared: Shared = None,
    scorer: ScorerName = None,
    weights: Weights = None,
    device: Device = None,
    out: Out = None,
    best: Best = 10,
    copy_to: CopyTo = None,
    data: DataFolder = None,
    user: User = None,
    prompt: Prompt = "",
    history_length: Count = None,
    write_xmp: WriteXmp = False,
    dry_run: DryRun = False,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Rank your own pictures by what you said of some, or by a published scorer; equal ones keep the order given."""
    _check(out, copy_to)
    _check_dry_run(dry_run, write_xmp, out, copy_to)
    refuse_idle(scorer, weights, device)
    history = read_opinions(liked, disliked, votes, stars, data, user)
    if scorer is not None:
        ranking = _ranked_by_scorer(pictures, history, scorer, weights, device, prompt)
    else:
        ranking = _ranked(pictures, history, (model, shared), prompt, history_length, not no_cache)
    if as_json:
        typer.echo(json_text(_objects(ranking)))
    else:
        print_ranking(ranking, best)
    if out is not None:
        with progress_bar("pictures") as progress:
            ranking.save(out, progress)
    missed = _copied(ranking, best, copy_to) if copy_to is not None else ()
    if write_xmp:
        _starred(ranking, dry_run)
    say_what_was_missed(ranking.skipped, (*ranking.failed, *missed), ranking.notes)


def _check(out: Path | None, copy_to: Path | None) -> None:
    """Refuse, before any work, what could not be done after it."""
    from tasteprint.library.ranking import require_known_suffix

    if out is not None:
        require_known_suffix(out)
    if copy_to is not None and copy_to.exists() and not copy_to.is_dir():
        raise ValueError(f"{str(copy_to)!r} is a file; expected a folder to copy to: name another.")


def _check_dry_run(dry_run: bool, write_xmp: bool, out: Path | None, copy_to: Path | None) -> None:
    if dry_run and (not write_xmp or out is not None or copy_to is not None):
        raise ValueError(
            "dry-run writes nothing; expected it with --write-xmp, and without --out or --copy-to."
        )


def _ranked(
    sources: list[str],
    history: History,
    model: tuple[str, str | None],
    prompt: str,
    history_length: int | None,
    cached: bool,
) -> Ranking:
    from tasteprint.library.folder import find_pictures
    from tasteprint.library.rank import rank_files
    from tasteprint.library.store import cache_folder

    found = find_pictures(sources)
    with kept_when_stopped(cached) as progress:
        opened = open_own(*model)
        cache = cache_folder() if cached else None
        ranking = rank_files(opened, found.paths, history, cache, progress, prompt, history_length)
    return replace(ranking, skipped=found.skipped, model=" + ".join(filter(None, model)))


def _ranked_by_scorer(
    sources: list[str], history: History, name: str, weights: str | None, device: str | None, prompt: str
) -> Ranking:
    from tasteprint.data.images import open_image
    from tasteprint.library.folder import find_pictures
    from tasteprint.library.looking import rank_by_scorer

    found = find_pictures(sources)
    opened = open_published(name, weights, device, prompt, history, open_image)
    with kept_when_stopped(False) as progress:
        ranking = rank_by_scorer(opened, found.paths, history, prompt, unit_of(name), progress)
    return replace(ranking, skipped=found.skipped, model=name)


def _copied(ranking: Ranking, best: int, folder: Path) -> tuple[tuple[Path, str], ...]:
    """Link or copy the best; give those that are gone."""
    from tasteprint.library.copies import copy_in_order

    made, gone = copy_in_order([one.path for one in ranking.leaders[:best]], folder)
    typer.echo(f"tasteprint: the best {len(made):,} are in {plain(folder)}", err=True)
    return gone


def _starred(ranking: Ranking, dry_run: bool) -> None:
    """Write stars beside the pictures, and tell of what was left."""
    from tasteprint.library.folder import skipped_in_words
    from tasteprint.likes.star_writing import write_stars

    def tell(sidecar: Path, stars: int) -> None:
        if dry_run:
            typer.echo(
                f"tasteprint: {stars} {'star' if stars == 1 else 'stars'} into {plain(sidecar)}", err=True
            )

    done = write_stars(ranking, dry_run, tell)
    left = f"; pictures left as they are: {skipped_in_words(done.left)}" if done.left else ""
    typer.echo(
        f"tasteprint: {'would write' if dry_run else 'wrote'} {done.count:,} sidecars{left}.", err=True
    )


def _objects(ranking: Ranking) -> list[dict[str, Any]]:
    """Each picture as `tasteprint score --json` gives it, and what else is known of it."""
    return [
        {
            "image": str(one.path),
            **_score(ranking, one.score),
            "standing": one.standing,
            "group": one.group,
            "leads": one.leads,
            "said": one.said,
            "because": [str(evidence.path) for evidence in one.because],
        }
        for one in ranking.pictures
    ]


def _score(ranking: Ranking, score: float) -> dict[str, float]:
    """A score in a unit of its own, or a margin and its sigmoid."""
    if ranking.unit:
        return {"score": score}
    return {"q": 1 / (1 + math.exp(-score)) if score > -700 else 0.0, "margin": score}
