"""ImageReward 1.0: BLIP reads the prompt beside the picture, a head says how people would rank it (arXiv 2304.05977).

Enters: its weights, BERT's tokenizer. Leaves: a `RewardModel`: a reward with mean 0 and deviation 1 over its authors'
data. Does not know: the rankings behind it. Source: image-reward 1.5, `ImageReward.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoTokenizer, BlipTextConfig, BlipVisionConfig
from transformers.models.blip.modeling_blip import BlipVisionModel
from transformers.models.blip.modeling_blip_text import BlipTextModel

from tasteprint.scorers.aesthetic import aesthetic_head
from tasteprint.scorers.clip import CLIP_L, PROMPTS, warn_of_cut_prompt
from tasteprint.scorers.preparation import processor_steps
from tasteprint.scorers.reward import RewardModel
from tasteprint.scorers.weights import (
    fill_exactly,
    filled,
    kept_with,
    one_sentence,
    published_tensors,
    without,
)

IMAGE_REWARD = "RE-N-Y/ImageReward"
"""A copy in safetensors; its authors' `ImageReward.pt` (THUDM/ImageReward), a pickle of tensors, is read too."""

BERT = "google-bert/bert-base-uncased"
BLIP_WORDS = ["[DEC]", "[ENC]"]
"""Tokens that BLIP adds to BERT's, in this order."""

FILES = ("model.safetensors", "ImageReward.safetensors", "ImageReward.pt")
OFFSET = 2.0
"""ReNO's loss is 2 - score, weighed by 1 (method.md section 8)."""

MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072
"""Of the head's output over the authors' data."""

LIMIT = 35
"""Tokens that are read of a prompt, with the begin and the end; a shorter one is padded, and the pads masked."""

HEAD_WIDTH = 64
"""Of an attention head, in ViT-L/16 (16 heads) and in BERT (12)."""

_VISION = {
    "cls_token": "embeddings.class_embedding",
    "pos_embed": "embeddings.position_embedding",
    "patch_embed.proj": "embeddings.patch_embedding",
    "norm": "post_layernorm",
}
_IN_BLOCK = {
    "norm1": "layer_norm1", "norm2": "layer_norm2", "attn.qkv": "self_attn.qkv", "attn.proj": "self_attn.projection",
    "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
}  # fmt: skip


class ImageRewardJudge:
    """A frozen image part, text part and head."""

    def __init__(self, vision: Any, text: Any, head: nn.Module, tokenizer: Any) -> None:
        """Hold built parts, on the same device."""
        self._vision, self._text, self._head, self._tokenizer = vision, text, head, tokenizer
        self._ids = lru_cache(PROMPTS)(self._read)

    def __call__(self, pixels: Float[Tensor, "n 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " n"]:
        """Give the reward of each image for its prompt."""
        seen = self._vision(pixels).last_hidden_state
        rows = [self._ids(prompt) for prompt in prompts]
        ids, mask = (torch.stack(parts).to(seen.device) for parts in zip(*rows, strict=True))
        read = self._text(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        )
        first = read.last_hidden_state[:, 0].to(next(self._head.parameters()).dtype)
        return (self._head(first)[:, 0] - MEAN) / DEVIATION

    def _read(self, prompt: str) -> tuple[Tensor, Tensor]:
        warn_of_cut_prompt(self._tokenizer, prompt, LIMIT)
        row = self._tokenizer(
            prompt, padding="max_length", truncation=True, max_length=LIMIT, return_tensors="pt"
        )
        return row.input_ids[0], row.attention_mask[0]


def open_imagereward(
    name: str | Path = IMAGE_REWARD,
    words_of: str | Path | None = None,
    prepared_by: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load ImageReward from a file, a folder or a repository, with BERT's tokenizer and CLIP's preparation of pictures.

    A prompt of more than 35 tokens is cut at its right end, with a warning. ValueError for what cannot be read.
    """
    prepared_by = prepared_by or kept_with(name, CLIP_L)
    words_of = words_of or kept_with(name, BERT, "tokenizer.json")
    with one_sentence(
        name,
        f"the weights of ImageReward ({' or '.join(FILES)}) and the tokenizer of {words_of}",
        words_of,
        prepared_by,
    ):
        state = published_tensors(name, FILES)
        tokenizer: Any = AutoTokenizer.from_pretrained(
            words_of, truncation_side="right", trust_remote_code=False
        )
        vision = _vision(without("blip.visual_encoder.", state))
        text = _text(without("blip.text_encoder.", state))
        tokenizer.add_tokens(BLIP_WORDS, special_tokens=True)
        if text.config.vocab_size != len(tokenizer):
            raise ValueError(
                f"the tokenizer of {words_of} has {len(tokenizer)} tokens and the model {text.config.vocab_size}"
            )
        head = aesthetic_head(text.config.hidden_size)
        fill_exactly(head, without("mlp.", state))
        steps = processor_steps(prepared_by)
    place, dtype = device or "cpu", dtype or torch.float32
    vision, text = vision.to(place, dtype), text.to(place, dtype)
    head.to(place, torch.promote_types(dtype, torch.float32))
    judge = ImageRewardJudge(vision, text, head, tokenizer)
    return RewardModel(steps, judge, vision.post_layernorm.weight, OFFSET)


def _vision(state: Mapping[str, Tensor]) -> Any:
    """A ViT in timm's names, whose shape is that of its weights."""
    named = {_vision_name(name): value for name, value in state.items()}
    patch, places = state["patch_embed.proj.weight"], state["pos_embed"].shape[1] - 1
    config = BlipVisionConfig(
        hidden_size=patch.shape[0],
        intermediate_size=state["blocks.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=_depth(state, r"blocks\.(\d+)\..*"),
        num_attention_heads=patch.shape[0] // HEAD_WIDTH,
        image_size=round(places**0.5) * patch.shape[-1],
        patch_size=patch.shape[-1],
        layer_norm_eps=1e-6,
    )
    return filled(BlipVisionModel, config, named)


def _vision_name(name: str) -> str:
    if found := re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name):
        return f"encoder.layers.{found[1]}.{_IN_BLOCK.get(found[2], found[2])}.{found[3]}"
    part, _, kind = name.rpartition(".")
    return _VISION[name] if name in _VISION else f"{_VISION.get(part, part)}.{kind}"


def _text(state: Mapping[str, Tensor]) -> Any:
    words, width = state["embeddings.word_embeddings.weight"].shape
    config = BlipTextConfig(
        vocab_size=words,
        hidden_size=width,
        encoder_hidden_size=state["encoder.layer.0.crossattention.self.key.weight"].shape[1],
        intermediate_size=state["encoder.layer.0.intermediate.dense.weight"].shape[0],
        num_hidden_layers=_depth(state, r"encoder\.layer\.(\d+)\..*"),
        num_attention_heads=width // HEAD_WIDTH,
        max_position_embeddings=state["embeddings.position_embeddings.weight"].shape[0],
    )
    return filled(_WithoutPooler, config, state)


class _WithoutPooler(BlipTextModel):
    """BLIP's text part as published: without the layer on its first token."""

    def __init__(self, config: BlipTextConfig) -> None:
        super().__init__(config, add_pooling_layer=False)


def _depth(state: Mapping[str, Tensor], layer: str) -> int:
    found = [re.fullmatch(layer, name) for name in state]
    return 1 + max(int(one[1]) for one in found if one)
