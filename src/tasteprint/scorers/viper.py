"""ViPer's proxy metric: Idefics2-8B taught to score a picture by eight that a person liked and eight disliked ones.

Enters: its adapter; a person's choices. Leaves: a `PersonalScorer`: the margin whose sigmoid is ViPer's score, 0 to 1.
Does not know: prompts, comments. Source: EPFL-VILAB/ViPer, `metric.py` (Salehi et al., arXiv 2407.17365).
"""

from __future__ import annotations

from pathlib import Path

import torch

from tasteprint.incontext.model import InContextModel
from tasteprint.scorers.idefics import ConversationScorer, moved
from tasteprint.scorers.weights import one_sentence

VIPER = "EPFL-VILAB/Metric-ViPer"


def open_viper(
    name: str | Path = VIPER,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> ConversationScorer:
    """Load the adapter from a folder or repository, and the backbone that it names.

    Pictures keep their proportions, and prompts are not read, as in the authors' own code; `+` and `-` follow a space.
    ValueError for what cannot be read.
    """
    with one_sentence(name, "the folder or repository of ViPer's adapter"):
        model = InContextModel.from_pretrained(name, template="viper")
    return moved(model, device, dtype)
