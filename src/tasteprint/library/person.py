"""One person through the files that they have: their taste read by a model of embeddings.

Enters: a model whose prints score embeddings, files, opinions of files. Leaves: a `KnownPerson`: scores, standings and
reasons by picture. Does not know: folders, how files are embedded, how a ranking is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from tasteprint.library.at_hand import PicturesAtHand, Progress, look_at
from tasteprint.library.opinions import count_said, renamed, says_liked, says_only_likes, subject, wording
from tasteprint.library.ranking import Evidence, standings_of
from tasteprint.types import History, Passed, Rating, Vote

if TYPE_CHECKING:
    from tasteprint.types import Scorer, TasteModel
    from tasteprint.vision.encoder import ImageEncoder

BLOCK = 2048
"""Pictures that are scored together: 30 MB of embeddings of 3,600 numbers."""

REASONS, LEAST_REASON = 3, 0.02
"""How many liked pictures are named for a picture, and the least logits that each must add."""


@runtime_checkable
class ReadsEmbeddings(Protocol):
    """A model that knows pictures by the embeddings of its encoder alone."""

    @property
    def image_encoder(self) -> ImageEncoder: ...

    def utilities(self, embeddings: Any) -> Any:
        """Read embeddings alone."""
        ...

    def prints_of(self, histories: Sequence[History], *, embeddings: Any) -> Sequence[Any]:
        """Make prints with `score_embeddings`; perhaps `assess`, `evidence` and `opinions`."""
        ...


@dataclass(frozen=True, eq=False)
class KnownPerson:
    """A person's taste, the pictures that were looked at, and what the person said of them, named by content."""

    taste: Any
    pictures: PicturesAtHand
    history: History

    def assessed(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Expected utility of each shown picture, in logits, and its standing.

        A standing is the probability that the person prefers the picture to one at random.
        """
        blocks = self._blocks(self.pictures.shown)
        if not hasattr(self.taste, "assess"):
            alone = np.concatenate([_numbers(self.taste.score_embeddings(rows)) for rows, _ in blocks])
            return alone, standings_of(alone)
        both = [self.taste.assess(rows, names=of) for rows, of in blocks]
        scores, standings = (
            np.concatenate([_numbers(part) for part in parts]) for parts in zip(*both, strict=True)
        )
        return scores, standings

    def reasons(self, places: Sequence[int]) -> list[tuple[Evidence, ...]]:
        """The liked pictures that speak most for each of some shown ones, the strongest first; none where not known."""
        opinions = getattr(self.taste, "opinions", ())
        liked = [opinion for opinion in opinions if says_liked(opinion)]
        if not liked or not hasattr(self.taste, "evidence"):
            return [()] * len(places)
        columns, rows = [says_liked(opinion) for opinion in opinions], self.pictures.shown[list(places)]
        blocks = self._blocks(rows)
        evidence = (_numbers(self.taste.evidence(block, names=of))[:, columns] for block, of in blocks)
        return list(self._reasons(rows, evidence, liked))

    def _reasons(
        self,
        rows: Int[np.ndarray, " n"],
        evidence: Iterable[Float[np.ndarray, "b k"]],
        opinions: Sequence[Vote | Rating],
    ) -> Iterator[tuple[Evidence, ...]]:
        """Sum the evidence of all opinions of the same picture; no picture speaks for itself."""
        names, columns = np.unique([subject(opinion) for opinion in opinions], return_inverse=True)
        words = {subject(opinion): wording(opinion) for opinion in opinions}
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(len(names)))
        summed = (row for block in evidence for row in np.add.reduceat(block[:, order], starts, axis=1))
        for row, moves in zip(rows.tolist(), summed, strict=True):
            best = np.argsort(-moves, kind="stable")[: REASONS + 1].tolist()
            itself = self.pictures.files.hashes[row]
            strong = [c for c in best if moves[c] >= LEAST_REASON and names[c] != itself][:REASONS]
            yield tuple(
                Evidence(self.pictures.path_of(names[c]), words[names[c]], float(moves[c])) for c in strong
            )

    def _blocks(self, rows: Int[np.ndarray, " n"]) -> Iterator[tuple[Any, list[str]]]:
        """Embeddings, a block at a time, and their contents: the names by which raters' images are known."""
        import torch

        files = self.pictures.files
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            embeddings = torch.from_numpy(files.embeddings[some].astype(np.float32))
            yield embeddings, [files.hashes[row] for row in some.tolist()]


def know_person(
    model: ReadsEmbeddings, paths: Sequence[Path], history: History, cache: Path | None, progress: Progress
) -> KnownPerson:
    """Embed a person's pictures and those that they spoke of, and read their taste.

    Embeddings are kept in the folder `cache`, if one is given. Where they gave likes only, a sample of the other
    pictures counts as passed. ValueError where no picture to rank, or none of those that they spoke of, can be looked
    at.
    """
    spoken = [Path(name) for name in sorted(history.images)]
    pictures = look_at(paths, spoken, model.image_encoder, cache, progress)
    named = renamed(history, pictures.contents())
    _require_some(history, named, spoken, pictures)
    if says_only_likes(named):
        others = pictures.passed(named.images)
        named = replace(named, passed=tuple(Passed(history.user_id, content) for content in others))
    at_hand = model.at_hand(pictures.files.embeddings) if hasattr(model, "at_hand") else model
    return KnownPerson(at_hand.prints_of([named], embeddings=pictures.embeddings)[0], pictures, named)


def share_taste(model: Any, scorer: Scorer) -> TasteModel:
    """Give the model whose people may share a scorer's taste. ValueError for a model that has no place for one."""
    if not hasattr(model, "sharing"):
        raise ValueError(
            "this model can't share a scorer's taste; expected a posterior that needs nobody, such as photos: name it."
        )
    return model.sharing(scorer)


def _require_some(said: History, kept: History, spoken: Sequence[Path], pictures: PicturesAtHand) -> None:
    if count_said(kept) or not count_said(said):
        return
    reasons = dict(pictures.files.failed)
    why = next((reasons[path] for path in spoken if path in reasons), "")
    raise ValueError(
        f"none of {count_said(said)} opinions is of pictures that can be told apart; expected at least one, but "
        f"{why or 'both sides of every vote are the same picture: compare others.'}"
    )


def _numbers(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu(), dtype=np.float64)
