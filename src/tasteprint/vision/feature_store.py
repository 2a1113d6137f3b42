"""Where a batch gets its images from: pixels each time, or features computed once and kept on disk.

Enters: image names, a way to open them, and what sees them. Leaves: what `InContextModel.forward` takes for them, or
their embeddings. Does not know: votes, batches, training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from tasteprint.files import disk_error
from tasteprint.incontext.network import InContextModel
from tasteprint.incontext.prints import OpenImage
from tasteprint.vision.encoder import BATCH, ImageEncoder

PIXEL_MEMORY = 512 * 2**20


class Pixels:
    """Pixels by image name, the latest kept in at most 512 MiB. For a vision part that trains."""

    def __init__(self, model: InContextModel, open_image: OpenImage) -> None:
        """Remember how to open and how to prepare."""
        self.model = model
        self.open_image = open_image
        self._kept: dict[str, Tensor] = {}

    def __call__(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give `{"pixel_values": (n, 3, side, side)}`."""
        missing = [name for name in dict.fromkeys(names) if name not in self._kept]
        if missing:
            fresh = self.model.pixels([opened(name, self.open_image) for name in missing])
            self._kept.update(zip(missing, fresh, strict=True))
        batch = torch.stack([self._kept[name] for name in names])
        self._forget(len(names), batch[0].nbytes)
        return {"pixel_values": batch}

    def _forget(self, needed: int, size: int) -> None:
        for name in list(self._kept)[: max(0, len(self._kept) - max(needed, PIXEL_MEMORY // size))]:
            del self._kept[name]


class FeatureStore:
    """One row of float32 an image name, computed once for one state of an encoder, in a file that only grows.

    The files' name bears the encoder's fingerprint, so changed weights never read old features. A killed run or a full
    disk leaves at most rows without a name at the end, which the next writer cuts off; processes may share a store.

        0123456789abcdef.f32     the rows, one after the other
        0123456789abcdef.names   each row's image name, a JSON string a line, written after its row
        0123456789abcdef.lock    held while writing
    """

    def __init__(self, folder: Path, model: InContextModel | ImageEncoder, open_image: OpenImage) -> None:
        """Open or begin the store in `folder`; ValueError while the vision part of a model is being trained.

        An `ImageEncoder`'s features are its embeddings (e); a `InContextModel`'s its visual tokens (k, d).
        """
        self.open_image = open_image
        if isinstance(model, ImageEncoder):
            self.encoder, self._shape = model, [model.width]
        else:
            self.encoder, self._shape = ImageEncoder.of(model), [-1, model.backbone.width]
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

    def __call__(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give `{"image_features": (n, k, d)}`, or `(n, e)`, computing what is not there yet."""
        return {"image_features": torch.from_numpy(self.rows(names)).unflatten(1, self._shape)}

    def rows(self, names: Sequence[str]) -> Float[np.ndarray, "n features"]:
        """Give each image's features as one flat row, computing what is not there yet."""
        self.fill(names)
        if not names:
            return np.zeros((0, self.encoder.width), np.float32)
        stored = np.memmap(self._rows_file, np.float32, "r", shape=(len(self._rows), self.encoder.width))
        return stored[[self._rows[name] for name in names]]

    def __len__(self) -> int:
        """Number of images computed so far."""
        return len(self._rows)

    def _add(self, names: Sequence[str]) -> None:
        rows = self.encoder.embed_pictures(opened(name, self.open_image) for name in names).numpy()
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
                listed.writelines(json.dumps(name) + "\n" for name in rows)
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


def opened(name: str, open_image: OpenImage) -> Image.Image:
    """Open an image by its name; ValueError that says the name where it cannot be opened."""
    try:
        return open_image(name)
    except (OSError, ValueError, LookupError) as fault:
        why = str(fault) if isinstance(fault, ValueError) else f"{type(fault).__name__}: {fault}"
        raise ValueError(f"image {name!r} could not be opened ({why.rstrip('.')}).") from fault
