"""Attention: what each place of a packed sequence may look at, and a quicker way past a long history.

Enters: segments, lengths of what was read before; queries, keys and values. Leaves: masks; transformers' attention by
another route, registered with transformers under `NAME`. Does not know: what was read, nor by whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
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


def visible_past(
    lengths: Sequence[int], places: int, within: Float[Tensor, "b 1 s s"]
) -> Float[Tensor, "b 1 s past"]:
    """Say of the same places what they see of `places` read before: of each row its own, the last `lengths[b]`."""
    first = places - torch.tensor(lengths, device=within.device)
    foreign = torch.arange(places, device=within.device)[None] < first[:, None]
    past = torch.zeros(foreign.shape, dtype=within.dtype, device=within.device)
    past = past.masked_fill_(foreign, torch.finfo(within.dtype).min)
    return past[:, None, None].expand(-1, 1, within.shape[-1], -1)
