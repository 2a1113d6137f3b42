"""What was read of a person, kept as keys and values; and what a pass of the network over it may take.

Enters: keys and values, dense or to be rounded to eight bits; a backbone's shapes. Leaves: a `Past` that scoring goes
on from; estimated bytes. Does not know: votes, files, scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from tasteprint.incontext.backbone import Idefics2Backbone

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
