"""The pictures that a person has and spoke of, as a model meets them: one table of embeddings, by file and by content.

Enters: files to show and files that were spoken of, an encoder. Leaves: `PicturesAtHand`. Does not know: opinions,
tastes, rankings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from tasteprint.library.cache import EmbeddingCache
from tasteprint.library.duplicates import near_duplicates
from tasteprint.library.embedding import EmbeddedFiles, embed_files

if TYPE_CHECKING:
    from tasteprint.vision.encoder import ImageEncoder

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

PASSED = 500
"""At most so many pictures stand for those that a person did not like, where they gave likes only."""


@dataclass(frozen=True, eq=False)
class PicturesAtHand:
    """All the files that were looked at. `shown` are the rows of those that are to be ranked, in their order; `groups`
    numbers the near-duplicates of every file. A content is the SHA-256 of a file's bytes in hexadecimal.
    """

    files: EmbeddedFiles
    shown: Int[np.ndarray, " n"]
    groups: Int[np.ndarray, " files"]

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """A row of each content."""
        return {content: row for row, content in enumerate(self.files.hashes)}

    def contents(self) -> dict[str, str]:
        """The content of each file, by its path as text."""
        pairs = zip(self.files.paths, self.files.hashes, strict=True)
        return {str(path): content for path, content in pairs}

    def path_of(self, content: str) -> Path:
        """A file of a content. KeyError for one that is not there."""
        return self.files.paths[self.row_of[content]]

    def embeddings(self, contents: Sequence[str]) -> Float[np.ndarray, "n e"]:
        """Embeddings by content, in float32. KeyError for one that is not there."""
        return self.files.embeddings[[self.row_of[content] for content in contents]].astype(np.float32)

    def passed(self, spoken: frozenset[str]) -> tuple[str, ...]:
        """At most `PASSED` of the shown contents that nothing was said of, nor of a near-duplicate.

        Those of the least hashes, which is a draw that neither names nor the order of files can bend.
        """
        pairs = zip(self.files.hashes, self.groups.tolist(), strict=True)
        known = {group for content, group in pairs if content in spoken}
        others = {self.files.hashes[row] for row in self.shown.tolist() if self.groups[row] not in known}
        return tuple(sorted(others)[:PASSED])


def look_at(
    shown: Sequence[Path],
    spoken: Sequence[Path],
    encoder: ImageEncoder,
    cache: Path | None,
    progress: Progress,
) -> PicturesAtHand:
    """Embed files that are to be ranked and files that were spoken of; `cache` is a folder to keep embeddings in.

    ValueError where none of the first can be looked at.
    """
    files = _embedded(list(dict.fromkeys([*shown, *spoken])), encoder, cache, progress)
    row_of = {path: row for row, path in enumerate(files.paths)}
    rows = np.array([row_of[path] for path in shown if path in row_of], dtype=np.int64)
    if not len(rows):
        raise ValueError(
            f"none of {len(shown)} files could be looked at; expected pictures, but {files.failed[0][1]}"
        )
    weights = encoder.column_weights
    counts = None if weights is None else weights.numpy(force=True)
    return PicturesAtHand(files, rows, near_duplicates(files.embeddings, counts))


def _embedded(
    paths: Sequence[Path], encoder: ImageEncoder, folder: Path | None, progress: Progress
) -> EmbeddedFiles:
    if folder is None:
        return embed_files(paths, encoder, None, progress)
    with EmbeddingCache(folder, encoder) as cache:
        return embed_files(paths, encoder, cache, progress)
