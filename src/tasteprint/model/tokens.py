"""Preference tokens, and what each place of a packed sequence may look at.

Enters: embedded text with slots; segments. Leaves: the same with the tokens in their slots; an attention mask.
Does not know: the backbone.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


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
