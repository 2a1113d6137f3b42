"""LAION Aesthetic v2: how beautiful people find an image, whatever it shows, about 1 to 10.

Enters: a CLIP's image part and the published head; images in [0, 1]. Leaves: a score an image, with gradients to the
pixels. Does not know: prompts, people. Source: improved-aesthetic-predictor, sac+logos+ava1-l14-linearMSE.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from tasteprint.scorers.clip import BATCH, at_least_float32, check
from tasteprint.vision.encoder import ImageEncoder

EYE = "openai/clip-vit-large-patch14"
HEAD = "ttj/sac-logos-ava1-l14-linearMSE@1e77fa05081323d99725fc40a9bf9f88180490e7"
"""The head's weights in safetensors, one fixed state of a copy: its author publishes a pickle."""

WEIGHTS = "model.safetensors"
OFFSET = 10.0
"""ReNO's loss is 10 - score; it is switched off there."""


class AestheticScorer:
    """A frozen image encoder and the head on its embedding; open one by `open_aesthetic`."""

    offset = OFFSET

    def __init__(self, encoder: ImageEncoder, head: nn.Module) -> None:
        """Hold built parts, on the same device."""
        self._encoder, self._head = encoder, head

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score each image in [0, 1] of any size; higher is better; prompts are not read, but must be as many.

        16 images at once. The scores lie on the images' device, in float32 at least.
        """
        check(images, prompts)
        parts = [self._score(part) for part in images.split(BATCH)] if len(images) else []
        return torch.cat(parts) if parts else images.new_zeros(0)

    def _score(self, images: Tensor) -> Tensor:
        seen = normalize(self._encoder.embed(at_least_float32(images)), dim=-1)
        weight = next(self._head.parameters())
        return self._head(seen.to(weight.dtype))[:, 0].to(seen.dtype).to(images.device)


def open_aesthetic(
    name: str | Path = EYE,
    head: str | Path = HEAD,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> AestheticScorer:
    """Load a CLIP's image part, and the head from a folder or repository ("owner/name" or "owner/name@revision").

    Safetensors only. ValueError where either cannot be read, or the head does not fit the embedding.
    """
    encoder = ImageEncoder.from_pretrained(name, device)
    built = aesthetic_head(encoder.width)
    try:
        built.load_state_dict(load_file(_weights(head)))
    except (OSError, ValueError, RuntimeError, SafetensorError) as fault:
        raise ValueError(
            f"aesthetic head {str(head)!r} could not be read ({type(fault).__name__}); expected a folder or "
            f"repository whose {WEIGHTS} fits an embedding of {encoder.width} numbers: fetch it again or name another."
        ) from fault
    dtype = dtype or torch.float32
    for part in encoder.parts:
        part.to(encoder.device, dtype)
    built.to(encoder.device, torch.promote_types(dtype, torch.float32))
    return AestheticScorer(encoder, built.eval().requires_grad_(False))


def aesthetic_head(width: int) -> nn.Module:
    """Make the published head, unlearned: five linear layers with nothing but dropout between them."""
    layers = nn.Sequential(
        nn.Linear(width, 1024), nn.Dropout(0.2), nn.Linear(1024, 128), nn.Dropout(0.2), nn.Linear(128, 64),
        nn.Dropout(0.1), nn.Linear(64, 16), nn.Linear(16, 1),
    )  # fmt: skip
    return nn.Sequential(OrderedDict(layers=layers))  # its weights are published as layers.0.weight and so on


def _weights(head: str | Path) -> str | Path:
    if Path(head).is_dir():
        return Path(head) / WEIGHTS
    repository, _, revision = str(head).partition("@")
    return hf_hub_download(repository, WEIGHTS, revision=revision or None)
