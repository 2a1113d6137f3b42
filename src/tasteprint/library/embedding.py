"""Stand-in until the real room comes: files embedded one after the other.

Enters: files, an encoder. Leaves: `EmbeddedFiles`. Does not know: anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasteprint.data.decode import ImageError, open_image
from tasteprint.library.cache import EmbeddingCache

if TYPE_CHECKING:
    from tasteprint.vision.encoder import ImageEncoder


@dataclass(frozen=True)
class EmbeddedFiles:
    """Embeddings by file."""

    paths: tuple[Path, ...]
    hashes: tuple[str, ...]
    embeddings: np.ndarray
    failed: tuple[tuple[Path, str], ...]
    notes: tuple[str, ...] = ()


def embed_files(
    paths: Sequence[Path],
    encoder: ImageEncoder,
    cache: EmbeddingCache | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    workers: int | None = None,
) -> EmbeddedFiles:
    """Embed files."""
    good: list[Path] = []
    rows: list[np.ndarray] = []
    failed: list[tuple[Path, str]] = []
    for done, path in enumerate(paths, 1):
        try:
            rows.append(encoder.embed_pictures([open_image(path)]).numpy(force=True)[0].astype(np.float16))
            good.append(path)
        except ImageError as fault:
            failed.append((path, str(fault)))
        progress("looking", done, len(paths))
    hashes = tuple(sha256(path.read_bytes()).hexdigest() for path in good)
    return EmbeddedFiles(
        tuple(good),
        hashes,
        np.stack(rows) if rows else np.zeros((0, encoder.width), np.float16),
        tuple(failed),
    )
