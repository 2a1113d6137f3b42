"""Embeddings computed once and kept on disk, by image name.

Enters: image names, a way to open them, an encoder. Leaves: one row an image. Does not know: votes, batches, models.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float
from PIL import Image

from tasteprint.files import SHUT, disk_error
from tasteprint.vision.encoder import BATCH, ImageEncoder

if TYPE_CHECKING:
    from tasteprint.types import OpenImage


WAIT = 60.0
"""Seconds for another process's write, which takes some milliseconds."""


class FeatureStore:
    """One row of float32 an image name, computed once for one state of an encoder, in a file that only grows.

    The files' name bears the encoder's fingerprint, so changed weights never read old features. A killed run or a full
    disk leaves at most rows without a name at the end, which the next writer cuts off; processes may share a store.
    Where the folder may not be written, what it holds is read, and what is computed is kept in memory alone.

        0123456789abcdef.f32     the rows, one after the other
        0123456789abcdef.names   each row's image name, a JSON string a line, written after its row
        0123456789abcdef.lock    held while writing
    """

    def __init__(self, folder: Path, encoder: ImageEncoder, open_image: OpenImage) -> None:
        """Open the store of one encoder's embeddings in `folder`; nothing is written before there is an embedding."""
        self.open_image, self.encoder = open_image, encoder
        stem = self.encoder.fingerprint[:16]
        self._rows_file, self._names_file = folder / f"{stem}.f32", folder / f"{stem}.names"
        self._lock = FileLock(folder / f"{stem}.lock", timeout=WAIT)
        self._row_bytes = 4 * encoder.width
        self._rows = self._known()
        self._unwritten: dict[str, Float[np.ndarray, " features"]] = {}

    def fill(self, names: Sequence[str]) -> None:
        """Compute what is not there yet. ValueError, naming the image, for one that cannot be opened or embedded."""
        missing = [
            name for name in dict.fromkeys(names) if name not in self._rows and name not in self._unwritten
        ]
        for start in range(0, len(missing), BATCH):
            self._add(missing[start : start + BATCH])

    def rows(self, names: Sequence[str]) -> Float[np.ndarray, "n features"]:
        """Give each image's embedding as one row, computing what is not there yet."""
        self.fill(names)
        if not names:
            return np.zeros((0, self.encoder.width), np.float32)
        found = np.empty((len(names), self.encoder.width), np.float32)
        places = [place for place, name in enumerate(names) if name in self._rows]
        if places:
            stored = np.memmap(self._rows_file, np.float32, "r", shape=(len(self._rows), self.encoder.width))
            found[places] = stored[[self._rows[names[place]] for place in places]]
        for place, name in enumerate(names):
            if name in self._unwritten:
                found[place] = self._unwritten[name]
        return found

    def __len__(self) -> int:
        """Number of images computed so far."""
        return len(self._rows) + len(self._unwritten)

    def _add(self, names: Sequence[str]) -> None:
        rows = self.encoder.embed_pictures(open_named(name, self.open_image) for name in names).numpy()
        for name, row in zip(names, rows, strict=True):
            if not np.isfinite(row).all():
                raise ValueError(
                    f"image {name!r} got an embedding with NaN or infinite values from encoder {self.encoder.name!r}; "
                    "expected finite ones: check its weights, or leave the image out."
                )
        self._keep(dict(zip(names, rows, strict=True)))

    def _keep(self, rows: dict[str, np.ndarray]) -> None:
        folder = self._rows_file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                if not self._is_as_known():  # another process wrote, or a write was cut short
                    self._rows = self._recovered()
                self._write({name: row for name, row in rows.items() if name not in self._rows})
        except Timeout as fault:
            raise ValueError(
                f"{self._lock.lock_file} was held for {WAIT:g} seconds; expected another process's write to take less: "
                "end the process that holds it."
            ) from fault
        except OSError as fault:
            if fault.errno not in SHUT:
                raise disk_error(f"writing features to {folder}", fault.strerror, fault.errno) from fault
            self._unwritten.update(rows)

    def _write(self, rows: dict[str, np.ndarray]) -> None:
        with self._rows_file.open("ab") as file:
            file.writelines(row.tobytes() for row in rows.values())
        with self._names_file.open("a", encoding="utf-8") as listed:
            listed.writelines(json.dumps(name, allow_nan=False) + "\n" for name in rows)
        for name in rows:
            self._rows[name] = len(self._rows)

    def _known(self) -> dict[str, int]:
        """The names that are whole, each with a row; what comes after one that is not counts as not there."""
        try:
            lines = self._names_file.read_bytes().split(b"\n")[:-1]
            rows = self._rows_file.stat().st_size // self._row_bytes
        except FileNotFoundError:
            return {}
        known: dict[str, int] = {}
        for row, line in enumerate(lines[:rows]):
            try:
                name = json.loads(line)
            except ValueError:
                break
            if not isinstance(name, str) or name in known:
                break
            known[name] = row
        return known

    def _is_as_known(self) -> bool:
        try:
            return self._rows_file.stat().st_size == len(self._rows) * self._row_bytes
        except FileNotFoundError:
            return False

    def _recovered(self) -> dict[str, int]:
        """Cut off, with the lock held, what is not known, so that the next row and name belong together."""
        self._rows_file.touch()
        self._names_file.touch()
        known = self._known()
        names = self._names_file.read_bytes().split(b"\n")[: len(known)]
        os.truncate(self._names_file, sum(len(name) + 1 for name in names))
        os.truncate(self._rows_file, len(known) * self._row_bytes)
        return known


def open_named(name: str, open_image: OpenImage) -> Image.Image:
    """Open an image by its name; ValueError that says the name where it cannot be opened."""
    try:
        return open_image(name)
    except (OSError, ValueError, LookupError) as fault:
        why = str(fault) if isinstance(fault, ValueError) else f"{type(fault).__name__}: {fault}"
        raise ValueError(f"image {name!r} could not be opened ({why.rstrip('.')}).") from fault
