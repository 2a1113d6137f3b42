"""IDEFICS zero-shot: the paper's conversation with Idefics2-8B as it is published, without any training.

Enters: the backbone; a person's choices. Leaves: a `PersonalScorer`: the margin between `+` and `-`. Does not know: how
a conversation is read. P has this row in table 1, and does not say in which words it asked; here they are P's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tasteprint.config import ModelConfig
from tasteprint.data.decode import open_image as open_file
from tasteprint.incontext.model import InContextModel
from tasteprint.scorers.personal import as_choices
from tasteprint.scorers.weights import one_sentence

if TYPE_CHECKING:
    from tasteprint.incontext.prints import InContextPrint
    from tasteprint.types import History, OpenImage

IDEFICS = "HuggingFaceM4/idefics2-8b"
SQUARE = 512
"""Pixels a side to which P squashes every picture first."""


class ConversationScorer:
    """An in-context model that others trained, or nobody. A `PersonalScorer`."""

    def __init__(self, model: InContextModel) -> None:
        """Hold a frozen model."""
        self.model = model

    def of(self, history: History, open_image: OpenImage = open_file) -> InContextPrint:
        """Read a person's choices, the disliked picture first in each; a person without any is nobody in particular."""
        return self.model.print_of(as_choices(history), open_image)


def open_idefics(
    name: str | Path = IDEFICS,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> ConversationScorer:
    """Load the backbone from a folder or repository, in bfloat16 on a GPU unless a `dtype` is given.

    ValueError for what cannot be read.
    """
    with one_sentence(name, "the folder or repository of an Idefics2 with weights in safetensors"):
        model = InContextModel.from_config(ModelConfig(backbone=str(name), image_size=SQUARE))
    return moved(model, device, dtype)


def moved(
    model: InContextModel, device: str | torch.device | None, dtype: torch.dtype | None
) -> ConversationScorer:
    """Put a model on a device and in a precision, where they are given."""
    if device is not None or dtype is not None:
        model.network.to(device=device, dtype=dtype)
    return ConversationScorer(model)
