"""Ranking by a model that looks at pictures themselves and reads votes only, such as an in-context model.

Enters: a model, files, a person's votes on files. Leaves: a `Ranking`. Does not know: embeddings, caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy.stats import rankdata

from tasteprint.data.decode import ImageError, open_image
from tasteprint.library.opinions import count_said, words_by_image
from tasteprint.library.ranking import RankedPicture, Ranking, ranked_pictures
from tasteprint.types import History

if TYPE_CHECKING:
    from tasteprint.types import TasteModel

BATCH = 16
"""Pictures that are decoded at once: half a gigabyte of 12 megapixels."""


@runtime_checkable
class ScoresPictures(Protocol):
    """What scores PIL pictures: a print, or a published scorer."""

    def score_pictures(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Any:
        """Give one score a picture, in a tensor; higher is better."""
        ...


def rank_by_looking(
    model: TasteModel,
    paths: Sequence[Path],
    history: History,
    prompt: str,
    history_length: int,
    progress: Callable[[str, int, int], None],
) -> Ranking:
    """Rank files by the latest decided votes, `history_length` at most; of more, and of likes and stars, a note tells.

    ValueError without such a vote, and where no file can be opened.
    """
    read, notes = latest_votes(history, history_length)
    taste = model.print_of(read, open_image)
    kept, scores, failed = _looked_at(taste, paths, prompt, progress)
    rows = _with_said(ranked_pictures(kept, scores), history)
    return Ranking(rows, failed, notes=notes, opinions=len(read.votes))


def rank_by_scorer(
    scorer: ScoresPictures,
    paths: Sequence[Path],
    history: History,
    prompt: str,
    unit: str,
    progress: Callable[[str, int, int], None],
) -> Ranking:
    """Rank files by a published scorer, whose score has this unit and is no utility of a person.

    So a standing is the share of the other pictures that score lower, equal ones as one half. ValueError where no file
    can be opened.
    """
    kept, scores, failed = _looked_at(scorer, paths, prompt, progress)
    others = max(1, len(scores) - 1)
    shares = (rankdata(scores) - 1) / others if len(scores) > 1 else np.full(1, 0.5)
    rows = _with_said(ranked_pictures(kept, scores, shares), history)
    return Ranking(rows, failed, opinions=count_said(history), unit=unit)


def _looked_at(
    scorer: ScoresPictures, paths: Sequence[Path], prompt: str, progress: Callable[[str, int, int], None]
) -> tuple[list[Path], Float[np.ndarray, " n"], tuple[tuple[Path, str], ...]]:
    """Files that could be opened, their scores, and the others with reasons. ValueError where there are none."""
    failed: list[tuple[Path, str]] = []
    kept: list[Path] = []
    scores: list[float] = []
    for batch, pictures in _opened(paths, failed):
        scores += scorer.score_pictures(pictures, [prompt] * len(pictures)).tolist()
        kept += batch
        progress("looking", len(kept) + len(failed), len(paths))
    if not kept:
        raise ValueError(
            f"none of {len(paths)} files could be looked at; expected pictures, but {failed[0][1]}"
        )
    return kept, np.array(scores), tuple(failed)


def _with_said(rows: Sequence[RankedPicture], history: History) -> tuple[RankedPicture, ...]:
    said = words_by_image(history)
    return tuple(replace(row, said=said.get(str(row.path), "")) for row in rows)


def latest_votes(history: History, count: int) -> tuple[History, tuple[str, ...]]:
    """The last `count` decided votes at most, and what the person should know of the others."""
    decided = tuple(vote for vote in history.votes if not vote.is_tie)
    read = decided[-count:] if count > 0 else ()
    if not read:
        raise ValueError(
            f"the latest {count} of {len(decided)} decided votes are to be read; expected at least one, since this "
            "model reads nothing else: give --votes, or take a taste posterior, which reads likes and stars too."
        )
    notes = []
    if len(read) < len(decided):
        notes.append(
            f"The model read the latest {len(read)} of {len(decided)} votes; --history-length says how many."
        )
    if history.ratings:
        notes.append(
            f"The model reads votes only: {len(history.ratings)} likes, dislikes and stars were left out."
        )
    return replace(history, votes=read, ratings=()), tuple(notes)


def _opened(
    paths: Sequence[Path], failed: list[tuple[Path, str]]
) -> Iterator[tuple[list[Path], list[Image.Image]]]:
    for start in range(0, len(paths), BATCH):
        batch: list[Path] = []
        pictures: list[Image.Image] = []
        for path in paths[start : start + BATCH]:
            try:
                pictures.append(open_image(path))
                batch.append(path)
            except ImageError as fault:
                failed.append((path, str(fault)))
        if batch:
            yield batch, pictures
