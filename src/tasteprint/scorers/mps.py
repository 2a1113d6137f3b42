"""MPS, "overall": a CLIP-H whose image looks at the prompt's words that bear on quality (Zhang et al., CVPR 2024).

Enters: its weights; CLIP-H's configuration, tokenizer and processor. Leaves: a `RewardModel`: `exp(logit_scale)` times
the cosine of the prompt and of the image's first token after four layers of cross-attention. Does not know: the votes
behind it. Source: Kwai-Kolors/MPS, `clip_model.py`, `cross_modeling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, layer_norm, silu
from transformers import CLIPConfig, CLIPModel

from tasteprint.scorers.clip import CLIP, PROMPTS, clip_tokenizer, warn_of_cut_prompt
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

MPS = "RE-N-Y/mpsv1"
"""A copy in safetensors; its authors publish a pickled module."""

FILES = ("model.safetensors",)
OFFSET = 30.0
"""As PickScore's; an offset moves no gradient."""

CONDITION = (
    "light, color, clarity, tone, style, ambiance, artistry, shape, face, hair, hands, limbs, structure, instance, "
    "texture, quantity, attributes, position, number, location, word, things."
)
"""The words of the overall score: tokens of a prompt that are near to none of them are masked."""

THRESHOLD = 0.01
"""Least nearness, relative to the prompt's nearest token, of a token that is seen: the value of the module that was
trained and of the README. The authors' evaluation scripts have 0.3."""

LAYERS, HEAD_WIDTH, GROWTH = 4, 64, 4


class PromptRead(NamedTuple):
    """A prompt: its embedding, its tokens in the shared space, and 0 or -infinity a token."""

    embedding: Float[Tensor, " e"]
    tokens: Float[Tensor, "t e"]
    mask: Float[Tensor, " t"]


class MpsJudge:
    """A frozen CLIP and the cross-attention after it."""

    def __init__(self, clip: Any, cross: CrossLayers, tokenizer: Any, threshold: float) -> None:
        """Hold built parts."""
        self._clip, self._cross, self._tokenizer, self._threshold = clip, cross, tokenizer, threshold
        self._limit = clip.config.text_config.max_position_embeddings
        self._text = lru_cache(PROMPTS)(self._read)

    def __call__(self, pixels: Float[Tensor, "n 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " n"]:
        """Score each image for its prompt.

        The authors divide the nearness of tokens by the greatest in the batch, so that their scores depend on it;
        here by the greatest in the prompt, which is theirs for one prompt at a time.
        """
        read = [self._text(prompt) for prompt in prompts]
        seen = self._clip.visual_projection(self._clip.vision_model(pixels).last_hidden_state)
        context, mask = torch.stack([one.tokens for one in read]), torch.stack([one.mask for one in read])
        image = self._cross(seen, context, mask[:, None, None])[:, 0]
        text = torch.stack([one.embedding for one in read])
        exact = torch.promote_types(image.dtype, torch.float32)
        return self._clip.logit_scale.to(exact).exp() * cosine_similarity(text.to(exact), image.to(exact))

    @torch.inference_mode(False)  # as in `ClipJudge`
    @torch.no_grad()
    def _read(self, prompt: str) -> PromptRead:
        warn_of_cut_prompt(self._tokenizer, prompt, self._limit)
        embedding, tokens = self._embedded(prompt)
        near = (tokens @ self._condition.T).amax(dim=1)
        seen = near / near.max() > self._threshold
        mask = torch.zeros_like(near).masked_fill(~seen, float("-inf"))
        return PromptRead(embedding, tokens, mask)

    @cached_property
    def _condition(self) -> Float[Tensor, "t e"]:
        return self._embedded(CONDITION)[1]

    def _embedded(self, text: str) -> tuple[Float[Tensor, " e"], Float[Tensor, "t e"]]:
        """Embed a text and each of its tokens; pads after it are tokens too, as published."""
        row = self._tokenizer(
            text, truncation=True, max_length=self._limit, padding="max_length", return_tensors="pt"
        ).to(self._clip.device)
        out = self._clip.text_model(row.input_ids)  # without a mask: attention is causal, and pads come last
        project = self._clip.text_projection
        return project(out.pooler_output)[0], project(out.last_hidden_state)[0]


class CrossLayers(nn.Module):
    """The published stack; its weights have the names `layers.{i}.{0,1}.fn.*`, of a residual around each part."""

    def __init__(self, width: int, heads: int) -> None:
        """Build it, unlearned."""
        super().__init__()
        rows = [(CrossAttention(width, heads), SelfAttention(width, heads)) for _ in range(LAYERS)]
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.ModuleDict({"fn": part}) for part in row) for row in rows
        )

    def forward(
        self, image: Float[Tensor, "n p e"], text: Float[Tensor, "n t e"], mask: Float[Tensor, "n 1 1 t"]
    ) -> Float[Tensor, "n p e"]:
        """Let the image's tokens look at the text's, then at each other, four times."""
        row: Any
        for row in self.layers:
            image = image + row[0]["fn"](image, text, mask)
            image = image + row[1]["fn"](image)
        return image


class CrossAttention(nn.Module):
    """Attention with one head of keys and values for all heads of queries, beside a gated feed-forward part."""

    def __init__(self, width: int, heads: int) -> None:
        """Build it, unlearned."""
        super().__init__()
        inner = width * GROWTH
        self.norm = ScaledNorm(width)
        self.to_q = nn.Linear(width, heads * HEAD_WIDTH, bias=False)
        self.to_kv = nn.Linear(width, 2 * HEAD_WIDTH, bias=False)
        self.to_out = nn.Linear(heads * HEAD_WIDTH, width, bias=False)
        self.ff = nn.Sequential(
            nn.Linear(width, 2 * inner, bias=False), Gated(), nn.Linear(inner, width, bias=False)
        )

    def forward(self, image: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Give what is added to the image's tokens."""
        image = self.norm(image)
        keys, values = self.to_kv(text).chunk(2, dim=-1)
        return self.to_out(_attended(self.to_q(image), keys, values, mask)) + self.ff(image)


class SelfAttention(nn.Module):
    """The same among the image's own tokens, with rotary positions, all projections in one."""

    def __init__(self, width: int, heads: int) -> None:
        """Build it, unlearned."""
        super().__init__()
        inner = width * GROWTH
        self.parts = (heads * HEAD_WIDTH, HEAD_WIDTH, HEAD_WIDTH, 2 * inner)
        self.norm = ScaledNorm(width)
        self.rotary_emb = Rotary()
        self.fused_attn_ff_proj = nn.Linear(width, sum(self.parts), bias=False)
        self.attn_out = nn.Linear(heads * HEAD_WIDTH, width, bias=False)
        self.ff_out = nn.Sequential(Gated(), nn.Linear(inner, width, bias=False))

    def forward(self, image: Tensor) -> Tensor:
        """Give what is added to the image's tokens."""
        queries, keys, values, gates = self.fused_attn_ff_proj(self.norm(image)).split(self.parts, dim=-1)
        turned = (
            self.rotary_emb(queries.unflatten(-1, (-1, HEAD_WIDTH)).transpose(1, 2))
            .transpose(1, 2)
            .flatten(2)
        )
        return self.attn_out(_attended(turned, self.rotary_emb(keys), values)) + self.ff_out(gates)


class Rotary(nn.Module):
    """Rotary positions 0, 1, ... over halves of a head (arXiv 2104.09864)."""

    def __init__(self) -> None:
        """Make the frequencies; they are published among the weights."""
        super().__init__()
        steps = torch.arange(0, HEAD_WIDTH, 2).float() / HEAD_WIDTH
        self.register_buffer("inv_freq", 1.0 / (10000**steps))

    def forward(self, rows: Float[Tensor, "... s w"]) -> Float[Tensor, "... s w"]:
        """Turn each row by its position."""
        places = torch.arange(rows.shape[-2], device=rows.device).float()
        angles = (places[:, None] * self.inv_freq.float()).repeat(1, 2).to(rows.dtype)  # type: ignore[operator]
        first, second = rows.chunk(2, dim=-1)
        return rows * angles.cos() + torch.cat([-second, first], dim=-1) * angles.sin()


class ScaledNorm(nn.Module):
    """Layer norm with a learned scale; its shift, published as a buffer, is 0."""

    def __init__(self, width: int) -> None:
        """Build it, unlearned."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.register_buffer("bias", torch.zeros(width))

    def forward(self, rows: Tensor) -> Tensor:
        """Normalise the last axis."""
        return layer_norm(rows, rows.shape[-1:], self.weight, self.bias)  # type: ignore[arg-type]


class Gated(nn.Module):
    """SwiGLU: the first half times the second through SiLU."""

    def forward(self, rows: Tensor) -> Tensor:
        """Halve the last axis."""
        rows, gate = rows.chunk(2, dim=-1)
        return silu(gate) * rows


def open_mps(
    name: str | Path = MPS,
    prepared_by: str | Path | None = None,
    threshold: float = THRESHOLD,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load MPS from a file, a folder or a repository, in safetensors; see `open_hps` for `prepared_by`.

    ValueError for what cannot be read.
    """
    prepared_by = prepared_by or kept_with(name, CLIP)
    with one_sentence(
        name,
        f"a {FILES[0]} with `mps.model` and `mps.cross_model`, of the shape of {prepared_by}",
        prepared_by,
    ):
        state = without("mps.", published_tensors(name, FILES))
        config: Any = CLIPConfig.from_pretrained(prepared_by)
        clip = filled(CLIPModel, config, without("model.", state))
        cross = CrossLayers(config.projection_dim, config.projection_dim // HEAD_WIDTH)
        fill_exactly(cross, without("cross_model.", state))
        tokenizer, steps = clip_tokenizer(prepared_by, config), processor_steps(prepared_by)
    place, dtype = device or "cpu", dtype or torch.float32
    scale = clip.logit_scale.data
    clip, cross = clip.to(place, dtype), cross.to(place, dtype)
    clip.logit_scale.data = scale.to(clip.device)
    return RewardModel(
        steps, MpsJudge(clip, cross, tokenizer, threshold), clip.visual_projection.weight, OFFSET
    )


def _attended(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attend from many heads of queries to one of keys and values."""
    rows = queries.unflatten(-1, (-1, HEAD_WIDTH)).transpose(1, 2) * HEAD_WIDTH**-0.5
    scores = rows @ keys[:, None].mT
    shares = (scores if mask is None else scores + mask).softmax(dim=-1)
    return (shares @ values[:, None]).transpose(1, 2).flatten(2)
