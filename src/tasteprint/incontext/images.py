"""What a batch brings of its images: pixels each time, or visual tokens computed once and kept on disk.

Enters: image names. Leaves: what `PreferenceNetwork.forward` takes for them. Does not know: votes, batches, training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.vision.feature_store import FeatureStore, open_named

if TYPE_CHECKING:
    from tasteprint.types import OpenImage

PIXEL_MEMORY = 512 * 2**20


class PixelCache:
    """Pixels by image name, the latest kept in at most 512 MiB. For a vision part that trains."""

    def __init__(self, network: PreferenceNetwork, open_image: OpenImage) -> None:
        """Remember how to open and how to prepare."""
        self.network = network
        self.open_image = open_image
        self._kept: dict[str, Tensor] = {}

    def __call__(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give `{"pixel_values": (n, 3, side, side)}`."""
        missing = [name for name in dict.fromkeys(names) if name not in self._kept]
        if missing:
            fresh = self.network.pixels([open_named(name, self.open_image) for name in missing])
            self._kept.update(zip(missing, fresh, strict=True))
        batch = torch.stack([self._kept[name] for name in names])
        self._forget(len(names), batch[0].nbytes)
        return {"pixel_values": batch}

    def _forget(self, needed: int, size: int) -> None:
        for name in list(self._kept)[: max(0, len(self._kept) - max(needed, PIXEL_MEMORY // size))]:
            del self._kept[name]


class StoredTokens:
    """Visual tokens by image name, from a store of the embeddings of the network's own vision part."""

    def __init__(self, store: FeatureStore, width: int) -> None:
        """Take a store whose rows are k tokens of so many numbers, one after the other."""
        self.store, self.width = store, width

    def __call__(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give `{"image_features": (n, k, d)}`, computing what is not there yet."""
        return {"image_features": torch.from_numpy(self.store.rows(names)).unflatten(1, (-1, self.width))}
