"""One person through the files that they have: their pictures embedded, their taste read, by a model of embeddings.

Enters: a model whose prints score embeddings, files, opinions of files. Leaves: a `KnownPerson`: scores, standings and
reasons by picture. Does not know: folders, how files are embedded, how a ranking is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from tasteprint.library.cache import EmbeddingCache
from tasteprint.library.duplicates import near_duplicates
from tasteprint.library.embedding import EmbeddedFiles, embed_files
from tasteprint.library.opinions import renamed, says_liked, says_only_likes, subject, wording
from tasteprint.library.ranking import Evidence, standings_of
from tasteprint.types import History, Passed, Rating, Vote

if TYPE_CHECKING:
    from tasteprint.vision.encoder import ImageEncoder

PASSED = 500
"""At most so many pictures stand for those that a person did not like, where they gave likes only."""

BLOCK = 2048
"""Pictures that are scored together: 30 MB of embeddings of 3,600 numbers."""

REASONS, LEAST_REASON = 3, 0.02
"""How many opinions are named for a picture, and the least logits that each must add."""

Progress = Callable[[str, int, int], None]


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
    """A person's taste, all the files that were looked at, and what they said of them, by content.

    `shown` are the rows of the files that are to be ranked, `groups` numbers every file's near-duplicates.
    """

    taste: Any
    files: EmbeddedFiles
    history: History
    shown: Int[np.ndarray, " n"]
    groups: Int[np.ndarray, " files"]

    @cached_property
    def path_of(self) -> Mapping[str, Path]:
        """A file of each content, the first that came."""
        pairs = zip(self.files.hashes, self.files.paths, strict=True)
        return dict(reversed(list(pairs)))

    def rows(self, contents: Sequence[str]) -> Float[np.ndarray, "n e"]:
        """Embeddings by content, in float32."""
        return embeddings_by_content(self.files, contents)

    def assessed(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Expected utility of each shown picture, in logits, and its standing.

        A standing is the probability that the person prefers the picture to one at random.
        """
        blocks = self._blocks(self.shown)
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
        columns, rows = [says_liked(opinion) for opinion in opinions], self.shown[list(places)]
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
            strong = [c for c in best if moves[c] >= LEAST_REASON and names[c] != self.files.hashes[row]]
            yield tuple(
                Evidence(self.path_of[names[c]], words[names[c]], float(moves[c])) for c in strong[:REASONS]
            )

    def _blocks(self, rows: Int[np.ndarray, " n"]) -> Iterator[tuple[Any, list[str]]]:
        """Embeddings, a block at a time, and their contents: the names by which raters' images are known."""
        import torch

        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            embeddings = torch.from_numpy(self.files.embeddings[some].astype(np.float32))
            yield embeddings, [self.files.hashes[row] for row in some.tolist()]


def know_person(
    model: ReadsEmbeddings,
    paths: Sequence[Path],
    history: History,
    cache: Path | None,
    progress: Progress,
) -> KnownPerson:
    """Embed a person's pictures and those that they spoke of, and read their taste.

    Embeddings are kept in the folder `cache`, if one is given. Where they gave likes only, a sample of the other
    pictures counts as passed. ValueError where no picture to rank, or none of those that they spoke of, can be looked
    at.
    """
    spoken = [Path(name) for name in sorted(history.images)]
    files = _embedded(list(dict.fromkeys([*paths, *spoken])), model.image_encoder, cache, progress)
    row_of = {path: row for row, path in enumerate(files.paths)}
    shown = np.array([row_of[path] for path in paths if path in row_of], dtype=np.int64)
    by_content = renamed(history, {str(path): files.hashes[row] for path, row in row_of.items()})
    _require_some(shown, paths, by_content, history, files)
    groups = np.asarray(near_duplicates(files.embeddings))
    if says_only_likes(by_content):
        others = passed_over(files.hashes, groups, shown, by_content.images)
        by_content = replace(by_content, passed=tuple(Passed(history.user_id, content) for content in others))
    at_hand = model.at_hand(files.embeddings) if hasattr(model, "at_hand") else model
    taste = at_hand.prints_of([by_content], embeddings=lambda names: embeddings_by_content(files, names))[0]
    return KnownPerson(taste, files, by_content, shown, groups)


def _embedded(
    paths: Sequence[Path], encoder: ImageEncoder, folder: Path | None, progress: Progress
) -> EmbeddedFiles:
    if folder is None:
        return embed_files(paths, encoder, None, progress)
    with EmbeddingCache(folder, encoder) as cache:
        return embed_files(paths, encoder, cache, progress)


def embeddings_by_content(files: EmbeddedFiles, contents: Sequence[str]) -> Float[np.ndarray, "n e"]:
    """Embeddings of some contents, in float32. KeyError for one that is not there."""
    row_of = {content: row for row, content in enumerate(files.hashes)}
    return files.embeddings[[row_of[content] for content in contents]].astype(np.float32)


def passed_over(
    hashes: Sequence[str],
    groups: Int[np.ndarray, " files"],
    shown: Int[np.ndarray, " n"],
    spoken: frozenset[str],
) -> tuple[str, ...]:
    """At most `PASSED` of the shown contents that nothing was said of, nor of a near-duplicate.

    Those of the least hashes, which is a draw that neither names nor the order of files can bend.
    """
    known = {group for content, group in zip(hashes, groups.tolist(), strict=True) if content in spoken}
    others = {hashes[row] for row in shown.tolist() if groups[row] not in known}
    return tuple(sorted(others)[:PASSED])


def _numbers(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu(), dtype=np.float64)


def _require_some(
    shown: Int[np.ndarray, " n"], paths: Sequence[Path], kept: History, history: History, files: EmbeddedFiles
) -> None:
    reasons = dict(files.failed)
    if not len(shown):
        raise ValueError(
            f"none of {len(paths)} files could be looked at; expected pictures, but {_first(reasons, paths)}"
        )
    if history.opinions and not kept.opinions:
        spoken = [Path(name) for name in sorted(history.images)]
        raise ValueError(
            f"none of {len(history.opinions)} opinions is of pictures that can be told apart; expected at least one, "
            f"but {_first(reasons, spoken) or 'both sides of every vote are the same picture: compare others.'}"
        )


def _first(reasons: Mapping[Path, str], paths: Sequence[Path]) -> str:
    return next((reasons[path] for path in paths if path in reasons), "")
