"""Attention of a few new places to a long past that needs no gradient.

Enters: queries of the new places; keys and values of past and new. Leaves: transformers' attention by another route.
Does not know: what was read, nor by whom. Registered with transformers under `NAME`.

Preference tokens, and what each place of a packed sequence may look at.

Enters: embedded text with slots; segments. Leaves: the same with the tokens in their slots; an attention mask.
Does not know: the backbone.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "past_apart"


def past_apart(
    module: nn.Module,
    query: Float[Tensor, "b h s w"],
    key: Float[Tensor, "b k t w"],
    value: Float[Tensor, "b k t w"],
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Float[Tensor, "b s h w"], None]:
    """Attend as SDPA does; where heads share keys and a gradient is wanted after a longer past, past and new apart.

    A print is made without gradients, so none is sent back to its keys and values; SDPA computes them all the
    same, and copies the keys once for each head that shares them: a sixth of a guidance step on two cores. Where
    none are shared, as in `mini`, SDPA is the faster one, by up to a tenth. Its kernels on a GPU are left alone.
    """
    past = key.shape[2] - query.shape[2]
    wanted = query.requires_grad and query.device.type == "cpu" and key.shape[1] < query.shape[1]
    if attention_mask is None or not wanted or past < query.shape[2]:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    grouped = query.unflatten(1, (key.shape[1], -1)).flatten(2, 3) * options["scaling"]  # (b, k, h/k * s, w)
    (old_keys, new_keys), (old_values, new_values) = (_apart(part, past) for part in (key, value))
    scores = torch.cat([grouped @ old_keys.mT, grouped @ new_keys.mT], dim=-1)
    scores = scores.unflatten(2, (-1, query.shape[2])) + attention_mask[:, :, None]
    shares = scores.softmax(dim=-1).flatten(2, 3)
    out = shares[..., :past] @ old_values + shares[..., past:] @ new_values
    return out.unflatten(2, (-1, query.shape[2])).flatten(1, 2).transpose(1, 2).contiguous(), None


def _apart(part: Tensor, past: int) -> tuple[Tensor, Tensor]:
    return part[:, :, :past].detach(), part[:, :, past:]


AttentionInterface.register(NAME, past_apart)
AttentionMaskInterface.register(NAME, sdpa_mask)


class PreferenceTokens(nn.Module):
    """`P_v` of P section 2.2: `length` vectors in the language model's embedding space, input = [P_v ; x_u]."""

    def __init__(self, length: int, width: int, scale: float = 1.0) -> None:
        """Draw U[0, scale) as the paper's code does with scale 1; a small scale suits small embeddings."""
        super().__init__()
        self.vectors = nn.Parameter(torch.rand(length, width) * scale)

    def __len__(self) -> int:
        """Number of tokens (`L_p`)."""
        return self.vectors.shape[0]

    def fill(self, embedded: Float[Tensor, "b s d"], slots: Bool[Tensor, "b s"]) -> Float[Tensor, "b s d"]:
        """Put the tokens, in order, into the slots of each row; every row has none or exactly `L_p` slots."""
        if not len(self):
            return embedded
        order = slots.long().cumsum(dim=1).sub(1).clamp(min=0)
        vectors = self.vectors.to(embedded.dtype)[order.clamp(max=len(self) - 1)]
        return torch.where(slots[..., None], vectors, embedded)


def visible(segments: Int[Tensor, "b s"], dtype: torch.dtype) -> Float[Tensor, "b 1 s s"]:
    """Say what each place attends to: itself, and earlier places of the history or of its own target.

    0 where it may look, the lowest number of `dtype` where it may not; a pad sees only itself.
    """
    here, there = segments[:, :, None], segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    seen = causal & ((there == 0) | (there == here)) & (there >= 0) & (here >= 0)
    seen = seen | torch.eye(length, dtype=torch.bool, device=segments.device)
    return torch.zeros(seen.shape, dtype=dtype, device=segments.device).masked_fill_(
        ~seen, torch.finfo(dtype).min
    )[:, None]
