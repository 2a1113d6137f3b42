"""How much one pass may take, and an estimate of what it takes.

Enters: a model's shapes and the size of a pass. Leaves: bytes. Does not know: votes, prints, scores.
"""

from __future__ import annotations

from typing import Any

from tasteprint.model.backbones import Idefics2Backbone

WORKING_MEMORY = 512 * 2**20
"""Bytes that one pass may take beside weights and prints (`Cost` estimates it); one request always goes."""


class Cost:
    """Estimated bytes of a pass without gradients; with gradients every layer adds as much again."""

    def __init__(self, backbone: Idefics2Backbone) -> None:
        """Count the numbers alive at once, in the widest layer: a token's, an image's, a place's keys and values."""
        config: Any = backbone.network.config
        text, vision = config.text_config, config.vision_config
        side = backbone.processor.image_processor.size["longest_edge"]
        self.size = backbone.network.dtype.itemsize
        self.token = 10 * text.hidden_size + 3 * text.intermediate_size
        self.image = (side // vision.patch_size) ** 2 * (
            8 * vision.hidden_size + 2 * vision.intermediate_size
        )
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
