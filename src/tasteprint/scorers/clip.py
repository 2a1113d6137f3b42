"""CLIP as a reward: how well an image shows what its prompt says (Radford et al., arXiv 2103.00020).

Enters: a CLIP's repository or folder; prepared pixels and prompts. Leaves: `exp(logit_scale) cos(image, text)`, with
gradients to the pixels. Does not know: people, guidance, other uses of CLIP.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import AutoTokenizer, CLIPModel

from tasteprint.loading import require_whole
from tasteprint.scorers.preparation import Preparation, processor_steps
from tasteprint.scorers.reward import RewardModel
from tasteprint.scorers.weights import one_sentence

CLIP = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
CLIP_L = "openai/clip-vit-large-patch14"
OFFSET = 100.0
"""ReNO's loss is 100 - score, weighed by 0.01 (method.md section 8)."""

PROMPTS = 1024
"""Prompts whose embeddings are kept, a few kilobytes each."""

WHOLE = (
    "the folder or repository of a CLIP with whole weights in safetensors, a tokenizer and an image processor"
)


class ClipJudge:
    """A frozen CLIP and its tokenizer. `scaled` says whether the cosine is multiplied by `exp(logit_scale)`."""

    def __init__(self, model: Any, tokenizer: Any, scaled: bool = True) -> None:
        """Hold built parts."""
        self._model, self._tokenizer, self._scaled = model, tokenizer, scaled
        self._limit = model.config.text_config.max_position_embeddings
        self._text = lru_cache(PROMPTS)(self._read)

    def __call__(self, pixels: Float[Tensor, "n 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " n"]:
        """Give the cosine of each image with its prompt, in float32 at least, times the scale."""
        seen = self._model.get_image_features(pixels).pooler_output
        exact = torch.promote_types(seen.dtype, torch.float32)
        read = torch.stack([self._text(prompt) for prompt in prompts])
        cosine = cosine_similarity(seen.to(exact), read.to(exact))
        return self._model.logit_scale.to(exact).exp() * cosine if self._scaled else cosine

    @torch.inference_mode(False)  # what is remembered must serve a call with gradients too
    @torch.no_grad()
    def _read(self, prompt: str) -> Float[Tensor, " e"]:
        """Embed one prompt alone: beside others it would be padded."""
        warn_of_cut_prompt(self._tokenizer, prompt, self._limit)
        row = self._tokenizer(prompt, truncation=True, max_length=self._limit, return_tensors="pt")
        return self._model.get_text_features(**row.to(self._model.device)).pooler_output[0]


def open_clip(
    name: str | Path = CLIP,
    prepared_by: str | Path | None = None,
    offset: float = OFFSET,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load a CLIP from a repository or folder, and its tokenizer and processor from `prepared_by` or there.

    A prompt longer than the text part reads, 77 tokens as published, is cut at its right end, with a warning; each
    prompt is embedded once. Safetensors only, never code from elsewhere. ValueError where a weight is missing or does
    not fit, where the tokenizer or processor is missing, or pictures are prepared by more than a twin can do.
    """
    with one_sentence(name, WHOLE, prepared_by or name):
        model = _whole(name)
        tokenizer = clip_tokenizer(prepared_by or name, model.config)
        steps = processor_steps(prepared_by or name)
    return of_clip(model, tokenizer, steps, offset, device, dtype)


def of_clip(
    model: Any,
    tokenizer: Any,
    steps: Preparation,
    offset: float,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    scaled: bool = True,
) -> RewardModel:
    """Put a CLIP's parts together, on a device and in a precision."""
    scale = model.logit_scale.data
    model = model.to(device or "cpu", dtype or torch.float32)
    model.logit_scale.data = scale.to(model.device)  # bfloat16 has 4.594 for 4.605, so 98.9 for 100
    weight = model.visual_projection.weight
    return RewardModel(steps, ClipJudge(model, tokenizer, scaled), weight, offset)


def clip_tokenizer(source: str | Path, config: Any) -> Any:
    """Open the tokenizer of a CLIP, one that cuts on the right. ValueError where it is missing or another model's."""
    tokenizer: Any = AutoTokenizer.from_pretrained(source, truncation_side="right", trust_remote_code=False)
    words = config.text_config.vocab_size
    if len(tokenizer) != words:  # where there is none, transformers makes up one of three tokens
        raise ValueError(f"the tokenizer of {source} has {len(tokenizer)} tokens and the model {words}")
    return tokenizer


def warn_of_cut_prompt(tokenizer: Any, prompt: str, limit: int) -> None:
    """Warn of a prompt of more tokens than are read, the ones that every text has included."""
    tokens = len(tokenizer(prompt, verbose=False).input_ids)
    if tokens > limit:
        warnings.warn(
            f"a prompt has {tokens} tokens and is cut after {limit}, which is all that the scorer reads: "
            f"{prompt[:60]!r}…",
            stacklevel=2,
        )


def _whole(name: str | Path) -> Any:
    kind: Any = CLIPModel
    model, found = kind.from_pretrained(
        name, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    require_whole(found)  # transformers would leave them random
    return model.eval().requires_grad_(False)
