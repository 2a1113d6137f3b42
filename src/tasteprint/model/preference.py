"""The preference model: reads a person's votes as a conversation and answers `+` or `-` to a new image.

Enters: packed batches, or a history and images. Leaves: answer logits and scores. Does not know: training, files
of votes, which backbone it sits on. Saving and loading is next door, in `checkpoint.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor, nn

from tasteprint.config import ModelConfig
from tasteprint.data.collate import SLOT
from tasteprint.data.encode import TurnEncoder
from tasteprint.data.template import template_named
from tasteprint.model.backbones import Idefics2Backbone
from tasteprint.model.loss import Answers
from tasteprint.model.pixels import processed
from tasteprint.model.tokens import PreferenceTokens


class AnswerLogits(NamedTuple):
    """Next-token logits where an answer is read: at the targets, and at the answers inside the histories."""

    targets: Float[Tensor, "n v"]
    told: Float[Tensor, "m v"]


class PreferenceModel(nn.Module):
    """A multimodal model with preference tokens before its first token (P section 2)."""

    def __init__(self, backbone: Idefics2Backbone, config: ModelConfig, n_tokens: int = 0) -> None:
        """Put the parts together; `n_tokens` is `L_p`, 0 for none."""
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.encoder = TurnEncoder(backbone.processor, template_named(config.template), config.prompt_tokens)
        self.answers = Answers(self.encoder.minus, self.encoder.plus)
        self.tokens = PreferenceTokens(0, backbone.width)
        self.grow_tokens(n_tokens)

    def grow_tokens(self, n_tokens: int) -> None:
        """Give the model `n_tokens` fresh preference tokens where it has another number."""
        if n_tokens != len(self.tokens):
            scale = float(self.backbone.network.get_input_embeddings().weight.float().std())
            self.tokens = PreferenceTokens(n_tokens, self.backbone.width, min(1.0, scale))

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 3 side side"]:
        """Prepare pictures with the backbone's own processor."""
        return processed(images, self.backbone.processor, self.config.square)

    def forward(
        self,
        input_ids: Int[Tensor, "b s"],
        segments: Int[Tensor, "b s"],
        position_ids: Int[Tensor, "b s"],
        targets: Int[Tensor, "n 2"],
        told: Int[Tensor, "m 2"],
        image_index: Int[Tensor, "i"],
        pixel_values: Float[Tensor, "u 3 h w"] | None = None,
        image_features: Float[Tensor, "u k d"] | None = None,
        told_liked: Bool[Tensor, "m"] | None = None,
    ) -> AnswerLogits:
        """Answer every target of a packed batch (see `data/collate.py`), each seeing its history and itself."""
        features = self.backbone.image_features(pixel_values) if image_features is None else image_features
        embedded = self.backbone.embed(input_ids.clamp(min=0), features[image_index])
        embedded = self.tokens.fill(embedded, input_ids == SLOT)
        hidden = self.backbone.hidden(embedded, visible(segments, embedded.dtype), position_ids)
        places = torch.cat([targets, told])
        logits = self.backbone.logits(hidden[places[:, 0], places[:, 1]])
        return AnswerLogits(logits[: len(targets)], logits[len(targets) :])


def visible(segments: Int[Tensor, "b s"], dtype: torch.dtype) -> Float[Tensor, "b 1 s s"]:
    """Say what each place attends to: itself, and earlier places of the history or of its own target.

    0 where it may look, the lowest number of `dtype` where it may not; a pad sees only itself.
    """
    here, there = segments[:, :, None], segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    seen = causal & ((there == 0) | (there == here)) & (there >= 0) & (here >= 0)
    seen = seen | torch.eye(length, dtype=torch.bool, device=segments.device)
    return torch.zeros(seen.shape, dtype=dtype, device=segments.device).masked_fill_(~seen, torch.finfo(dtype).min)[:, None]
