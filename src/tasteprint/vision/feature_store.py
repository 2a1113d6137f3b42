"""Embeddings computed once and kept on disk, by image name.

Enters: image names, a way to open them, an encoder. Leaves: one row an image. Does not know: votes, batches, models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from jaxtyping import Float
from PIL import Image

from tasteprint.files import disk_error
from tasteprint.vision.encoder import BATCH, ImageEncoder

if TYPE_CHECKING:
    from tasteprint.types import OpenImage


class FeatureStore:
    """One row of float32 an image name, computed once for one state of an encoder, in a file that only grows.

    The files' name bears the encoder's fingerprint, so changed weights never read old features. A killed run or a full
    disk leaves at most rows without a name at the end, which the next writer cuts off; processes may share a store.

        0123456789abcdef.f32     the rows, one after the other
        0123456789abcdef.names   each row's image name, a JSON string a line, written after its row
        0123456789abcdef.lock    held while writing
    """

    def __init__(self, folder: Path, encoder: ImageEncoder, open_image: OpenImage) -> None:
        """Open or begin the store of one encoder's embeddings in `folder`, which is made if it is not there."""
        self.open_image, self.encoder = open_image, encoder
        folder.mkdir(parents=True, exist_ok=True)
        stem = self.encoder.fingerprint[:16]
        self._rows_file, self._names_file = folder / f"{stem}.f32", folder / f"{stem}.names"
        self._lock = FileLock(folder / f"{stem}.lock")
        with self._lock:
            self._rows = self._recovered()

    def fill(self, names: Sequence[str]) -> None:
        """Compute what is not there yet. ValueError, naming the image, for one that cannot be opened or embedded."""
        missing = [name for name in dict.fromkeys(names) if name not in self._rows]
        for start in range(0, len(missing), BATCH):
            self._add(missing[start : start + BATCH])

    def rows(self, names: Sequence[str]) -> Float[np.ndarray, "n features"]:
        """Give each image's embedding as one row, computing what is not there yet."""
        self.fill(names)
        if not names:
            return np.zeros((0, self.encoder.width), np.float32)
        stored = np.memmap(self._rows_file, np.float32, "r", shape=(len(self._rows), self.encoder.width))
        return stored[[self._rows[name] for name in names]]

    def __len__(self) -> int:
        """Number of images computed so far."""
        return len(self._rows)

    def _add(self, names: Sequence[str]) -> None:
        rows = self.encoder.embed_pictures(open_named(name, self.open_image) for name in names).numpy()
        for name, row in zip(names, rows, strict=True):
            if not np.isfinite(row).all():
                raise ValueError(
                    f"image {name!r} got an embedding with NaN or infinite values from encoder {self.encoder.name!r}; "
                    "expected finite ones: check its weights, or leave the image out."
                )
        with self._lock:
            if self._rows_file.stat().st_size != len(self._rows) * rows[0].nbytes:
                self._rows = self._recovered()  # another process wrote, or a write was cut short
            self._write({name: row for name, row in zip(names, rows, strict=True) if name not in self._rows})

    def _write(self, rows: dict[str, np.ndarray]) -> None:
        try:
            with self._rows_file.open("ab") as file:
                file.writelines(row.tobytes() for row in rows.values())
            with self._names_file.open("a", encoding="utf-8") as listed:
                listed.writelines(json.dumps(name, allow_nan=False) + "\n" for name in rows)
        except OSError as fault:
            raise disk_error(
                f"writing features to {self._rows_file.parent}", fault.strerror, fault.errno
            ) from fault
        for name in rows:
            self._rows[name] = len(self._rows)

    def _recovered(self) -> dict[str, int]:
        self._rows_file.touch()
        self._names_file.touch()
        row_bytes = 4 * self.encoder.width
        lines = self._names_file.read_text("utf-8").split("\n")[:-1]
        del lines[self._rows_file.stat().st_size // row_bytes :]
        self._names_file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        with self._rows_file.open("r+b") as rows:
            rows.truncate(len(lines) * row_bytes)
        return {name: row for row, name in enumerate(json.loads(f"[{','.join(lines)}]"))}


def open_named(name: str, open_image: OpenImage) -> Image.Image:
    """Open an image by its name; ValueError that says the name where it cannot be opened."""
    try:
        return open_image(name)
    except (OSError, ValueError, LookupError) as fault:
        why = str(fault) if isinstance(fault, ValueError) else f"{type(fault).__name__}: {fault}"
        raise ValueError(f"image {name!r} could not be opened ({why.rstrip('.')}).") from fault
