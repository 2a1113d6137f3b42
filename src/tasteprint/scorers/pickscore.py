"""PickScore: a CLIP fine-tuned on what people preferred in Pick-a-Pic (Kirstain et al., arXiv 2305.01569).

Enters: its repository or folder. Leaves: a `RewardModel`; the formula is CLIP's. Does not know: the votes behind it.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tasteprint.scorers.clip import CLIP, open_clip
from tasteprint.scorers.reward import RewardModel
from tasteprint.scorers.weights import kept_with

PICKSCORE = "yuvalkirstain/PickScore_v1"
OFFSET = 30.0
"""ReNO's loss is 30 - score, weighed by 0.05 (method.md section 8); scores lie about 20."""


def open_pickscore(
    name: str | Path = PICKSCORE,
    prepared_by: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load PickScore, by default with CLIP-H's tokenizer and processor, as its authors do. Errors: see `open_clip`."""
    return open_clip(name, prepared_by or kept_with(name, CLIP), OFFSET, device, dtype)
