"""CLIP as a reward: how well an image shows what its prompt says (Radford et al., arXiv 2103.00020).

Enters: a CLIP's repository or folder; images in [0, 1] and prompts. Leaves: `exp(logit_scale) cos(image, text)`, with
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
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from tasteprint.vision.pixels import has_twin, twin

CLIP = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
OFFSET = 100.0
"""ReNO's loss is 100 - score, weighed by 0.01 (method.md section 8)."""

BATCH = 16
"""Images that go through the vision part together."""

PROMPTS = 1024
"""Prompts whose embeddings are kept, a few kilobytes each."""


class ClipScorer:
    """A frozen CLIP with its tokenizer and image processor; open one by `open_clip` or `open_pickscore`."""

    def __init__(self, model: Any, tokenizer: Any, processor: Any, offset: float) -> None:
        """Hold built parts. `offset` is what guidance takes the score from; see `RewardModel`."""
        self.offset = offset
        self._model, self._tokenizer, self._processor = model, tokenizer, processor
        self._limit = model.config.text_config.max_position_embeddings
        self._text = lru_cache(PROMPTS)(self._read)

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score each image in [0, 1] for its prompt: `exp(logit_scale)` (100 as published) times the cosine.

        Higher is better. Images may have any size; they are prepared as the published processor does
        (`vision.pixels.twin`), 16 at once. A prompt longer than the text part reads, 77 tokens as published, is
        cut at its right end, with a warning. Each prompt is embedded once. The scores lie on the images' device, in
        float32 at least. ValueError where the counts differ.
        """
        check(images, prompts)
        starts = range(0, len(images), BATCH)
        parts = [self._score(images[n : n + BATCH], prompts[n : n + BATCH]) for n in starts]
        return torch.cat(parts) if parts else images.new_zeros(0)

    def _score(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        scale = self._model.logit_scale
        exact = at_least_float32(images)
        pixels = twin(exact.to(scale.device), self._processor).to(self._model.visual_projection.weight.dtype)
        seen = self._model.get_image_features(pixels).pooler_output.to(exact.dtype)
        read = torch.stack([self._text(prompt) for prompt in prompts]).to(exact.dtype)
        return (scale.to(exact.dtype).exp() * cosine_similarity(seen, read)).to(images.device)

    @torch.inference_mode(False)  # what is remembered must serve a call with gradients too
    @torch.no_grad()
    def _read(self, prompt: str) -> Float[Tensor, " e"]:
        """Embed one prompt alone: beside others it would be padded."""
        tokens = len(self._tokenizer(prompt, verbose=False).input_ids)
        if tokens > self._limit:
            warnings.warn(
                f"a prompt has {tokens} tokens and is cut after {self._limit}, which is all that the scorer reads: "
                f"{prompt[:60]!r}…",
                stacklevel=2,
            )
        row = self._tokenizer(prompt, truncation=True, max_length=self._limit, return_tensors="pt")
        return self._model.get_text_features(**row.to(self._model.device)).pooler_output[0]


def open_clip(
    name: str | Path = CLIP,
    prepared_by: str | Path | None = None,
    offset: float = OFFSET,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> ClipScorer:
    """Load a CLIP from a repository or folder, and its tokenizer and processor from `prepared_by` or there.

    Safetensors only, never code from elsewhere. ValueError where a weight is missing or does not fit, where the
    tokenizer or processor is missing, or pictures are prepared by more than `vision.pixels.twin` does.
    """
    try:
        model = _whole(name)
        tokenizer, processor = _prepared(prepared_by or name, model.config.text_config.vocab_size)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError) as fault:
        why = (str(fault).strip() or type(fault).__name__).splitlines()[0].rstrip(".:")
        raise ValueError(
            f"scorer {str(name)!r} could not be read ({why}); expected the repository or folder of a CLIP with whole "
            "weights in safetensors, a tokenizer and a preprocessor_config.json: check the name, or fetch it again."
        ) from fault
    scale = model.logit_scale.data
    model = model.to(device or "cpu", dtype or torch.float32)
    model.logit_scale.data = scale.to(model.device)  # bfloat16 has 4.594 for 4.605, so 98.9 for 100
    return ClipScorer(model, tokenizer, processor, offset)


def check(images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> None:
    """ValueError unless there are as many prompts as images."""
    if isinstance(prompts, str) or len(prompts) != len(images):
        got = "one string" if isinstance(prompts, str) else f"{len(prompts)} prompts"
        raise ValueError(f"{len(images)} images came with {got}; expected one prompt an image: repeat it.")


def at_least_float32(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Give images in the precision to resize and to score in: a score of 20 in bfloat16 is rounded to eighths."""
    return images.to(torch.promote_types(images.dtype, torch.float32))


def _whole(name: str | Path) -> Any:
    kind: Any = CLIPModel
    model, found = kind.from_pretrained(
        name, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    if found["missing_keys"]:  # transformers would leave them random
        raise ValueError(f"it has no weights for {', '.join(sorted(found['missing_keys']))}")
    return model.eval().requires_grad_(False)


def _prepared(source: str | Path, words: int) -> tuple[Any, Any]:
    tokenizer: Any = AutoTokenizer.from_pretrained(source, truncation_side="right", trust_remote_code=False)
    if len(tokenizer) != words:  # where there is none, transformers makes up one of three tokens
        raise ValueError(f"the tokenizer of {source} has {len(tokenizer)} tokens and the model {words}")
    processor: Any = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
    if not has_twin(processor):
        raise ValueError(f"{source} prepares pictures by more than a resize, a crop and normalising")
    return tokenizer, processor
