"""A tasteprint: a person's votes, read once. Every later score costs its own image only.

Enters: a model and a history. Leaves: a `Scorer` that holds the keys and values of [P_v ; history].
Does not know: training, files of votes. Nothing here changes a print once it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import DynamicCache

from tasteprint.data.collate import SLOT, collate, pack
from tasteprint.model.loss import margin
from tasteprint.model.pixels import differentiable
from tasteprint.model.tokens import visible
from tasteprint.types import History

if TYPE_CHECKING:
    from tasteprint.model.preference import PreferenceModel

CANDIDATES_AT_ONCE = 32
OpenImage = Callable[[str], Image.Image]
Keys = tuple[tuple[Tensor, Tensor], ...]


class Tasteprint:
    """One person as the model sees them. `score` is the margin M+ - M-; its sigmoid is Q of P Eq. 6."""

    def __init__(self, model: PreferenceModel, history: History, keys: Keys, length: int) -> None:
        """Hold what `encode` computed: keys and values a layer, each (1, heads, length, width)."""
        self.model = model
        self.history = history
        self.keys = keys
        self.length = length

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, "b"]:
        """Score images in [0, 1], higher is better, with gradients to the pixels; one prompt an image."""
        pixels = differentiable(images, self.model.backbone.processor, self.model.settings.square)
        return self._margins(pixels, prompts)

    @torch.no_grad()
    def score_pictures(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Float[Tensor, "b"]:
        """Score PIL pictures through the backbone's own processor, without gradients."""
        if not pictures:
            return torch.zeros(0)
        return self._margins(self.model.pixels(pictures).to(self.model.device), prompts)

    def _margins(self, pixels: Float[Tensor, "b 3 side side"], prompts: Sequence[str]) -> Float[Tensor, "b"]:
        if len(prompts) != len(pixels):
            raise ValueError(
                f"{len(pixels)} images came with {len(prompts)} prompts; expected one prompt an image: repeat it."
            )
        chunks = range(0, len(pixels), CANDIDATES_AT_ONCE)
        parts = [self._chunk(pixels[i : i + CANDIDATES_AT_ONCE], prompts[i : i + CANDIDATES_AT_ONCE]) for i in chunks]
        return torch.cat(parts) if parts else pixels.new_zeros(0)

    def _chunk(self, pixels: Float[Tensor, "b 3 side side"], prompts: Sequence[str]) -> Float[Tensor, "b"]:
        """Ask about some candidates, side by side after the history, none seeing another."""
        model = self.model
        row = pack(self.history, [(str(n), prompt) for n, prompt in enumerate(prompts)], model.encoder, self._tokens)
        asked = slice(len(row.ids) - sum(segment > 0 for segment in row.segments), None)
        ids = torch.tensor([row.ids[asked]], device=model.device)
        segments = torch.tensor([[0] * self.length + row.segments[asked]], device=model.device)
        embedded = model.backbone.embed(ids, model.backbone.image_features(pixels))
        hidden = model.backbone.hidden(
            embedded,
            visible(segments, embedded.dtype)[:, :, self.length :],
            torch.tensor([row.positions[asked]], device=model.device),
            DynamicCache(self.keys),  # a fresh cache each time: transformers' grows in place
        )
        places = torch.tensor(row.targets, device=model.device) - (len(row.ids) - ids.shape[1])
        return margin(model.backbone.logits(hidden[0, places]), model.answers)

    @property
    def _tokens(self) -> int:
        return len(self.model.tokens)


@torch.no_grad()
def encode(model: PreferenceModel, history: History, open_image: OpenImage) -> Tasteprint:
    """Read a history once."""
    row = pack(history, [], model.encoder, len(model.tokens))
    batch, names = collate([row], model.pad_id)
    batch = {name: value.to(model.device) for name, value in batch.items()}
    features = None
    if names:
        pixels = model.pixels([open_image(name) for name in names]).to(model.device)
        features = model.backbone.image_features(pixels)[batch["image_index"]]
    embedded = model.backbone.embed(batch["input_ids"].clamp(min=0), features)
    embedded = model.tokens.fill(embedded, batch["input_ids"] == SLOT)
    cache = DynamicCache()
    if embedded.shape[1]:
        model.backbone.hidden(embedded, visible(batch["segments"], embedded.dtype), batch["position_ids"], cache)
    keys = tuple((layer.keys, layer.values) for layer in cache.layers)
    return Tasteprint(model, history, keys, embedded.shape[1])
