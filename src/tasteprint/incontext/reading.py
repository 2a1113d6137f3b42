"""One pass of the language model over what comes after what was read before, for one person or many.

Enters: keys and values of what was read, and the rows that follow. Leaves: the answers' logits, grown keys and values.
Does not know: prints, files, budgets of memory, scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from tasteprint.incontext.attention import visible
from tasteprint.incontext.packing import SLOT, Row, collate

if TYPE_CHECKING:
    from tasteprint.incontext.network import InContextModel


class Reading(NamedTuple):
    """What a pass gives: logits where targets are answered, and the keys and values of all that is now read."""

    logits: Float[Tensor, "n v"]
    cache: DynamicCache

    def keys_after(self, first: int) -> Float[Tensor, "layers 2 b heads places width"]:
        """Give keys and values from place `first` on, as one tensor of its own."""
        layers: Any = self.cache.layers
        pairs = [(layer.keys[..., first:, :], layer.values[..., first:, :]) for layer in layers]
        return torch.stack([torch.stack(pair) for pair in pairs])


def read_on(
    model: InContextModel,
    keys: Float[Tensor, "layers 2 b heads past width"],
    pasts: Sequence[int],
    rows: Sequence[Row],
    features: Float[Tensor, "u k d"] | None = None,
) -> Reading:
    """Read each row after its own past. `keys` is only read: the cache copies it.

    `pasts` says how many of the places of `keys` are a row's own, the last ones: pads stand on the left.
    `features` are the visual tokens of the rows' distinct images, in order of their first appearance.
    """
    batch, _ = collate(rows, model.pad_id)
    batch = {name: value.to(model.device) for name, value in batch.items()}
    shown = None if features is None else features[batch["image_index"]]
    embedded = model.backbone.embed(batch["input_ids"].clamp(min=0), shown)
    embedded = model.tokens.fill(embedded, batch["input_ids"] == SLOT)
    cache = DynamicCache([(layer[0], layer[1]) for layer in keys])
    within = visible(batch["segments"], embedded.dtype)
    mask = torch.cat([_own_past(pasts, keys.shape[-2], within), within], dim=-1)
    hidden = model.backbone.hidden(embedded, mask, batch["position_ids"], cache)
    places = batch["targets"]
    return Reading(model.backbone.logits(hidden[places[:, 0], places[:, 1]]), cache)


def _own_past(
    pasts: Sequence[int], length: int, within: Float[Tensor, "b 1 s s"]
) -> Float[Tensor, "b 1 s past"]:
    first = length - torch.tensor(pasts, device=within.device)
    foreign = torch.arange(length, device=within.device)[None] < first[:, None]
    past = torch.zeros(foreign.shape, dtype=within.dtype, device=within.device)
    past = past.masked_fill_(foreign, torch.finfo(within.dtype).min)
    return past[:, None, None].expand(-1, 1, within.shape[-1], -1)
