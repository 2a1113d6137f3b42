"""A network that no longer changes, and what it has read of a person: keys and values that later passes go on from.

Enters: a network; histories. Leaves: the network frozen and named once; the keys and values of [P_v ; bos], read once;
a `Past` a person, dense or in eight bits; estimated bytes of a pass. Does not know: prints, files of them, scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.network import AnswerLogits, PreferenceNetwork, ReadBefore
from tasteprint.incontext.packing import Row, collate, pack
from tasteprint.learned_range import RangeWatch
from tasteprint.provenance import fingerprint
from tasteprint.reopening import remember
from tasteprint.types import History

if TYPE_CHECKING:
    from tasteprint.types import OpenImage


WORKING_MEMORY = 512 * 2**20
"""Bytes that one pass may take beside weights and prints (`PassCost` estimates it); one request always goes."""


@dataclass(frozen=True, slots=True)
class Int8Keys:
    """Rounded keys and values. A scale for each layer, key or value, head and channel, over all places.

    The channels of a head differ in size by far more than the places of a channel do (keys have a few large
    channels), so each has its own scale: largest absolute value / 127. An error is at most half a scale.
    """

    rounded: Int8[Tensor, "layers 2 heads length width"]
    scales: Float[Tensor, "layers 2 heads 1 width"]

    @classmethod
    def of(cls, dense: Float[Tensor, "layers 2 heads length width"]) -> Int8Keys:
        """Round to the nearest of 255 steps; a channel of zeros stays zero."""
        largest = dense.abs().float().amax(dim=-2, keepdim=True)
        scales = largest.clamp(min=torch.finfo(torch.float32).tiny) / 127
        return cls((dense / scales).round().to(torch.int8), scales)

    def dense(self) -> Float[Tensor, "layers 2 heads length width"]:
        """Give the numbers back, in float32."""
        return self.rounded * self.scales

    @property
    def shape(self) -> torch.Size:
        """Shape of the keys and values."""
        return self.rounded.shape

    @property
    def nbytes(self) -> int:
        """Bytes in memory, scales included."""
        return self.rounded.nbytes + self.scales.nbytes


@dataclass(frozen=True, eq=False, slots=True)
class Past:
    """Keys and values of [P_v ; bos], of which all people share the one copy, and of the person's own history."""

    shared: Float[Tensor, "layers 2 heads begin width"]
    own: Float[Tensor, "layers 2 heads places width"] | Int8Keys

    @property
    def keys(self) -> Float[Tensor, "layers 2 heads length width"]:
        """Keys (0) and values (1) of all that was read, layer by layer, in the model's type and on its device."""
        own = self.own if isinstance(self.own, Tensor) else self.own.dense().to(self.shared.dtype)
        return torch.cat([self.shared, own.to(self.shared.device)], dim=-2)

    @property
    def length(self) -> int:
        """Number of places that were read, those that all people share included."""
        return self.shared.shape[-2] + self.own.shape[-2]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read of the person."""
        return not self.own.shape[-2]

    def quantized(self) -> Past:
        """Give the same in eight bits a number: a quarter of float32, half of bfloat16."""
        return self if isinstance(self.own, Int8Keys) else Past(self.shared, Int8Keys.of(self.own))


class PassCost:
    """Estimated bytes of a pass without gradients; with gradients every layer adds as much again."""

    def __init__(self, backbone: Idefics2Backbone) -> None:
        """Count the numbers alive at once, in the widest layer: a token's, an image's, a place's keys and values."""
        config: Any = backbone.network.config
        text, vision = config.text_config, config.vision_config
        side = backbone.processor.image_processor.size["longest_edge"]
        self.size = backbone.network.dtype.itemsize
        self.token = 10 * text.hidden_size + 3 * text.intermediate_size
        patches = (side // vision.patch_size) ** 2
        self.image = patches * (8 * vision.hidden_size + 2 * vision.intermediate_size)
        width = text.head_dim or text.hidden_size // text.num_attention_heads
        self.place = 2 * text.num_hidden_layers * text.num_key_value_heads * width

    def __call__(self, rows: int, tokens: int, past: int, images: int) -> int:
        """Give the bytes of `rows` rows of at most `tokens` tokens, each after `past` places.

        Keys and values are counted three times (gathered, cached, grown), the mask twice.
        """
        row = 3 * past * self.place + tokens * self.token + 2 * tokens * (past + tokens)
        return self.size * (rows * row + images * self.image)

    @property
    def images_at_once(self) -> int:
        """How many images go through the vision part together."""
        return max(1, WORKING_MEMORY // (self.size * self.image))


class FrozenNetwork:
    """A `PreferenceNetwork` in evaluation mode whose weights have no gradients and are not to be changed.

    To train on, take the network inside; afterwards make a model of it anew.
    """

    def __init__(self, network: PreferenceNetwork, source: str = "") -> None:
        """Freeze a network; `source` is the name that opens it again, where it has one."""
        self.network, self.source = network.eval().requires_grad_(False), source
        self.range = RangeWatch(network.learned, source)
        remember(self)

    @cached_property
    def fingerprint(self) -> str:
        """Name of the weights, 64 hex digits; computed when first asked for."""
        return fingerprint(self.network)

    @property
    def template(self) -> str:
        """Name of the conversation's template."""
        return self.network.encoder.template.name

    @cached_property
    @torch.no_grad()
    def beginning(self) -> Float[Tensor, "layers 2 heads places width"]:
        """Keys and values of [P_v ; bos], which every conversation begins with."""
        text: Any = self.network.backbone.network.config.text_config
        width = text.head_dim or text.hidden_size // text.num_attention_heads
        nothing = torch.zeros(text.num_hidden_layers, 2, 1, text.num_key_value_heads, 0, width)
        nothing = nothing.to(self.network.device, self.network.backbone.network.dtype)
        begin = pack(History(""), [], self.network.encoder, len(self.network.tokens))
        return self.read_on(nothing, [0], [begin]).keys_after(0)[:, :, 0] if begin.ids else nothing[:, :, 0]

    def nobody(self) -> Past:
        """What was read of a person who said nothing yet."""
        return Past(self.beginning, self.beginning[..., :0, :])

    def read_on(
        self,
        keys: Float[Tensor, "layers 2 b heads past width"],
        lengths: Sequence[int],
        rows: Sequence[Row],
        features: Float[Tensor, "u k d"] | None = None,
    ) -> AnswerLogits:
        """Read each row after its own past (see `ReadBefore`).

        `features` are the visual tokens of the rows' distinct images, in order of their first appearance.
        """
        batch, _ = collate(rows, self.network.pad_id)
        batch = {name: value.to(self.network.device) for name, value in batch.items()}
        return self.network(**batch, image_features=features, past=ReadBefore(keys, lengths))

    def read_history(self, past: Past, before: int, longer: History, open_image: OpenImage) -> Past:
        """Read on to a longer history, of whose votes the first `before` are in `past`."""
        network = self.network
        whole = pack(longer, [], network.encoder, len(network.tokens))
        row = Row(whole.ids[past.length :], whole.segments[past.length :], whole.positions[past.length :])
        row.images = whole.images[2 * before :]
        features = self._tokens_of(list(dict.fromkeys(row.images)), open_image)
        out = self.read_on(past.keys[:, :, None], [past.length], [row], features)
        return Past(past.shared, out.keys_after(past.shared.shape[-2])[:, :, 0])

    def _tokens_of(self, names: Sequence[str], open_image: OpenImage) -> Float[Tensor, "u k d"]:
        at_once = PassCost(self.network.backbone).images_at_once
        chunks = (names[start : start + at_once] for start in range(0, len(names), at_once))
        look = self.range.watched(open_image)
        pixels = (self.network.pixels([look(name) for name in chunk]) for chunk in chunks)
        tokens = [self.network.backbone.image_features(some.to(self.network.device)) for some in pixels]
        return torch.cat(tokens)
