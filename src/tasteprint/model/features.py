"""Where a batch gets its images from: pixels each time, or visual tokens computed once and kept on disk.

Enters: image names and a way to open them. Leaves: what `PreferenceModel.forward` takes for them.
Does not know: votes, batches, training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.model.preference import PreferenceModel
from tasteprint.model.prints import OpenImage
from tasteprint.model.states import fingerprint

PIXEL_MEMORY = 512 * 2**20
CHUNK = 64


class Pixels:
    """Pixels by image name, the latest kept in at most 512 MiB. For a vision part that trains."""

    def __init__(self, model: PreferenceModel, open_image: OpenImage) -> None:
        """Remember how to open and how to prepare."""
        self.model = model
        self.open_image = open_image
        self._kept: dict[str, Tensor] = {}

    def __call__(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give `{"pixel_values": (n, 3, side, side)}`."""
        missing = [name for name in dict.fromkeys(names) if name not in self._kept]
        if missing:
            fresh = self.model.pixels([self.open_image(name) for name in missing])
            self._kept.update(zip(missing, fresh, strict=True))
        batch = torch.stack([self._kept[name] for name in names])
        self._forget(len(names), batch[0].nbytes)
        return {"pixel_values": batch}

    def _forget(self, needed: int, size: int) -> None:
        for name in list(self._kept)[: max(0, len(self._kept) - max(needed, PIXEL_MEMORY // size))]:
            del self._kept[name]


class FeatureStore:
    """Visual tokens by image name, computed once for one state of the vision part, in a file that only grows.

    The file's name bears a fingerprint of the vision weights, so changed weights never read old features. A
    killed run leaves at most a half row at the end, which the next run cuts off.
    """

    def __init__(self, folder: Path, model: PreferenceModel, open_image: OpenImage) -> None:
        """Open or begin the store in `folder`; ValueError while a vision part is being trained."""
        self.pixels = Pixels(model, open_image)
        self.model = model
        if any(p.requires_grad for part in model.backbone.vision for p in part.parameters()):
            raise ValueError(
                "the vision part is training; expected a frozen one: features of changing weights age."
            )
        stem = fingerprint(*model.backbone.vision)[:16]
        folder.mkdir(parents=True, exist_ok=True)
        self._names_file, self._rows_file = folder / f"{stem}.names", folder / f"{stem}.f32"
        self._shape = (model.backbone.processor.image_seq_len, model.backbone.width)
        self._rows = self._recovered()

    def fill(self, names: Sequence[str]) -> None:
        """Compute what is not there yet."""
        missing = [name for name in dict.fromkeys(names) if name not in self._rows]
        for start in range(0, len(missing), CHUNK):
            self._add(missing[start : start + CHUNK])

    def __call__(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give `{"image_features": (n, k, d)}`, computing what is not there yet."""
        self.fill(names)
        stored = np.memmap(self._rows_file, np.float32, "r", shape=(len(self._rows), *self._shape))
        return {"image_features": torch.from_numpy(stored[[self._rows[name] for name in names]])}

    def rows(self, names: Sequence[str]) -> Float[np.ndarray, "n features"]:
        """Give each image's visual tokens as one flat row."""
        return self(names)["image_features"].flatten(1).numpy()

    def __len__(self) -> int:
        """Number of images computed so far."""
        return len(self._rows)

    @torch.no_grad()
    def _add(self, names: Sequence[str]) -> None:
        pixels = self.pixels(names)["pixel_values"].to(self.model.device)
        features: Float[Tensor, "n k d"] = self.model.backbone.image_features(pixels)
        with self._rows_file.open("ab") as rows:
            rows.write(features.float().cpu().numpy().tobytes())
        with self._names_file.open("a", encoding="utf-8") as listed:
            listed.writelines(f"{name}\n" for name in names)
        for name in names:
            self._rows[name] = len(self._rows)

    def _recovered(self) -> dict[str, int]:
        self._rows_file.touch()
        self._names_file.touch()
        lines = self._names_file.read_text("utf-8").splitlines(keepends=True)
        row_bytes = 4 * int(np.prod(self._shape))
        whole = [line[:-1] for line in lines if line.endswith("\n")][
            : self._rows_file.stat().st_size // row_bytes
        ]
        self._names_file.write_text("".join(f"{name}\n" for name in whole), "utf-8")
        with self._rows_file.open("r+b") as rows:
            rows.truncate(len(whole) * row_bytes)
        return {name: row for row, name in enumerate(whole)}
