"""Ranking a person's own pictures by what they said of some: `tasteprint rank` in Python.

Enters: folders, files or patterns; likes, dislikes, votes, stars; a model. Leaves: a `Ranking`.
Does not know: how a model knows a person, how pictures are embedded or shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.config import DataConfig
from tasteprint.library.at_hand import Progress
from tasteprint.library.folder import find_pictures
from tasteprint.library.looking import rank_by_looking
from tasteprint.library.opinions import (
    Sources,
    StarsFrom,
    VotesFrom,
    as_list,
    count_said,
    gather_opinions,
    words_by_image,
)
from tasteprint.library.person import KnownPerson, ReadsEmbeddings, know_person, share_taste
from tasteprint.library.ranking import Ranking, ranked_pictures
from tasteprint.library.store import cache_folder
from tasteprint.types import History

if TYPE_CHECKING:
    from tasteprint.types import Scorer, TasteModel

PHOTOS = "photos"
"""The model that needs nobody else's votes."""

BEST, WORST = 960, 40
"""Pictures at both ends of a ranking, of near-duplicates one, for which it is looked what speaks for them."""


def rank(
    pictures: Sources,
    liked: Sources = (),
    disliked: Sources = (),
    votes: VotesFrom = (),
    stars: StarsFrom = (),
    model: str | Path | TasteModel = PHOTOS,
    shared: Scorer | None = None,
    *,
    prompt: str = "",
    history_length: int | None = None,
    cached: bool = True,
    progress: Progress = lambda what, done, total: None,
) -> Ranking:
    """Rank pictures by what one person said, the best first: `rank("photos/", liked="liked/").save("ranking.html")`.

    `pictures`, `liked` and `disliked` are folders, files or patterns, one or several; `votes` a table of liked and
    disliked pictures, `stars` one of images and stars, or such votes and ratings themselves. Of votes the latest
    `history_length` are read (None: all, and 8 by an in-context model, which reads `prompt` too). `shared` is a scorer
    whose taste the person may share, by how much their answers say (`TastePosterior.sharing`). `cached`: embeddings are
    kept for the next time.

    ValueError without a picture or an opinion, and where none can be looked at; a file that cannot be is named in
    `Ranking.failed` and costs nothing else.
    """
    from tasteprint.methods import open_model

    found = find_pictures(as_list(pictures))
    history = gather_opinions(liked, disliked, votes, stars)
    opened = open_model(str(model)) if isinstance(model, str | Path) else model
    opened = opened if shared is None else share_taste(opened, shared)
    cache = cache_folder() if cached else None
    ranking = rank_files(opened, found.paths, history, cache, progress, prompt, history_length)
    return replace(ranking, skipped=found.skipped, model=str(model) if isinstance(model, str | Path) else "")


def rank_files(
    model: TasteModel,
    paths: Sequence[Path],
    history: History,
    cache: Path | None,
    progress: Progress,
    prompt: str = "",
    history_length: int | None = None,
) -> Ranking:
    """Rank files by a person's opinions, whose images are named by paths, with any model."""
    if not count_said(history):
        raise ValueError(
            "nothing is said of any picture; expected likes, dislikes, votes or stars: give some, as --liked FOLDER."
        )
    if isinstance(model, ReadsEmbeddings):
        votes = history.votes if history_length is None else history.votes[len(history) - history_length :]
        return rank_known(know_person(model, paths, replace(history, votes=votes), cache, progress))
    count = DataConfig().history_length if history_length is None else history_length
    return rank_by_looking(model, paths, history, prompt, count, progress)


def rank_known(person: KnownPerson) -> Ranking:
    """Rank the pictures of a person who is known; what speaks for a picture is looked for at both ends."""
    at_hand, (scores, standings) = person.pictures, person.assessed()
    files = at_hand.files
    paths = [files.paths[row] for row in at_hand.shown]
    rows = ranked_pictures(paths, scores, standings, at_hand.groups[at_hand.shown])
    leaders = [one for one in rows if one.leads]
    ends = [*leaders[:BEST], *leaders[BEST:][-WORST:]]
    place = {path: place for place, path in enumerate(paths)}
    because = dict(
        zip([one.path for one in ends], person.reasons([place[one.path] for one in ends]), strict=True)
    )
    words = words_by_image(person.history)
    said = {files.paths[row]: words[files.hashes[row]] for row in at_hand.shown if files.hashes[row] in words}
    pictures = tuple(
        replace(one, said=said.get(one.path, ""), because=because.get(one.path, ()))
        if one.path in said or one.path in because
        else one
        for one in rows
    )
    return Ranking(pictures, files.failed, notes=files.notes, opinions=count_said(person.history))
