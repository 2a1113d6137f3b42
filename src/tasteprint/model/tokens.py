"""Preference tokens: learnable vectors, the same for all people, before the first token of a sequence.

Enters: embedded text with slots. Leaves: the same with the tokens in their slots. Does not know: the backbone.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
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
