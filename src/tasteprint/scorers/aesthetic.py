"""LAION Aesthetic v2: how beautiful people find an image, whatever it shows, about 1 to 10.

Enters: a CLIP's image part and the published head; prepared pixels. Leaves: a score an image, with gradients to the
pixels. Does not know: prompts, people. Source: improved-aesthetic-predictor, sac+logos+ava1-l14-linearMSE.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from tasteprint.scorers.clip import CLIP_L, WHOLE
from tasteprint.scorers.preparation import Steps
from tasteprint.scorers.reward import RewardModel
from tasteprint.scorers.weights import fill_exactly, one_sentence, published_tensors
from tasteprint.vision.encoder import ImageEncoder

HEAD = "ttj/sac-logos-ava1-l14-linearMSE@1e77fa05081323d99725fc40a9bf9f88180490e7"
"""The head's weights in safetensors, one fixed state of a copy: its author publishes a pickle."""

FILES = ("model.safetensors",)
OFFSET = 10.0
"""ReNO's loss is 10 - score; it is switched off there."""


class AestheticJudge:
    """A frozen image encoder and the head on its embedding."""

    def __init__(self, encoder: ImageEncoder, head: nn.Module) -> None:
        """Hold built parts, on the same device."""
        self._encoder, self._head = encoder, head

    def __call__(self, pixels: Float[Tensor, "n 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " n"]:
        """Rate each image; prompts are not read."""
        exact = next(self._head.parameters()).dtype
        return self._head(normalize(self._encoder.features(pixels).to(exact), dim=-1))[:, 0]


def open_aesthetic(
    name: str | Path = HEAD,
    encoder: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load the head from a file, a folder or a repository, and the image part of CLIP ViT-L/14 by `encoder`'s name.

    Safetensors only. ValueError where either cannot be read, or the head does not fit the embedding.
    """
    with one_sentence(encoder or CLIP_L, WHOLE):
        eye = ImageEncoder.from_pretrained(encoder or CLIP_L, device)
    head = aesthetic_head(eye.width)
    with one_sentence(name, f"a {FILES[0]} that fits an embedding of {eye.width} numbers"):
        fill_exactly(head, published_tensors(name, FILES))
    dtype = dtype or torch.float32
    for part in eye.parts:
        part.to(eye.device, dtype)
    head.to(eye.device, torch.promote_types(dtype, torch.float32))
    weight = next(eye.parts[0].parameters())
    return RewardModel(Steps(eye.prepare, eye.twin), AestheticJudge(eye, head), weight, OFFSET)


def aesthetic_head(width: int) -> nn.Module:
    """Make the published head, unlearned: five linear layers with nothing but dropout between them."""
    layers = nn.Sequential(
        nn.Linear(width, 1024), nn.Dropout(0.2), nn.Linear(1024, 128), nn.Dropout(0.2), nn.Linear(128, 64),
        nn.Dropout(0.1), nn.Linear(64, 16), nn.Linear(16, 1),
    )  # fmt: skip
    return nn.Sequential(OrderedDict(layers=layers))  # its weights are published as layers.0.weight and so on
