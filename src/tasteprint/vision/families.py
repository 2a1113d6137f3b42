"""The image encoders of other people: what each family's tower and preparation are in transformers.

Enters: a folder or a Hub name. Leaves: its family, then its vision tower and image processor, both frozen.
Does not know: preference models, embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    CLIPVisionModelWithProjection,
    Dinov2Model,
    DINOv3ViTModel,
    SiglipVisionModel,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.utils.logging import get_verbosity, set_verbosity, set_verbosity_error

from tasteprint.vision.pixels import has_twin


class Family(NamedTuple):
    """A family's vision tower, which of its outputs is the embedding, and the setting that says how wide it is.

    `floats`: its processor resizes numbers and not bytes, and transformers has it on torchvision only.
    """

    tower: Any
    output: str
    width: str = "hidden_size"
    floats: bool = False


FAMILIES = {
    "siglip": Family(SiglipVisionModel, "pooler_output"),  # from its attention pooling head; SigLIP 2 as well
    "clip": Family(
        CLIPVisionModelWithProjection, "image_embeds", "projection_dim"
    ),  # the space shared with text
    "dinov2": Family(Dinov2Model, "pooler_output"),  # the class token after the last norm
    "dinov3_vit": Family(DINOv3ViTModel, "pooler_output", floats=True),  # the same
}


def family_of(name: str | Path) -> tuple[str, Any]:
    """Read the family and the configuration behind a name, "" and None where there is none to read.

    A vision tower that was saved alone is of its model's family.
    """
    try:
        with _quiet():
            config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError):
        return "", None
    return config.model_type.removesuffix("_vision_model"), config


def open_tower(name: str, family: Family, config: Any) -> tuple[nn.Module, Any]:
    """Load the vision tower (safetensors, float32, frozen) and its image processor, of transformers' PIL backend.

    ValueError where a weight is missing or does not fit, or pictures are prepared by more than resizing, cutting the
    middle out, rescaling and normalising.
    """
    try:
        with _quiet():
            tower, processor = _tower(name, family, config), _processor(name, family)
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as fault:
        raise ValueError(
            f"image encoder {name!r} could not be read ({type(fault).__name__}); expected whole weights in "
            "safetensors that fit config.json, and a preprocessor_config.json: fetch it again or name another."
        ) from fault
    if not has_twin(processor):
        raise ValueError(
            f"image encoder {name!r} prepares pictures by a {type(processor).__name__}; expected a bilinear or "
            "bicubic resize, a centre crop, rescaling and normalising, and no more: name another."
        )
    return tower, processor


def _tower(name: str, family: Family, config: Any) -> nn.Module:
    vision = getattr(config, "vision_config", config)
    if hasattr(config, "projection_dim"):
        vision.projection_dim = config.projection_dim  # a whole CLIP says it outside its vision part
    tower, found = family.tower.from_pretrained(
        name,
        config=vision,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    if found["missing_keys"]:  # transformers would leave them random
        raise ValueError(f"{name} has no weights for {', '.join(sorted(found['missing_keys']))}.")
    return tower.eval().requires_grad_(False)


def _processor(name: str, family: Family) -> Any:
    if family.floats:  # SigLIP's holds the same numbers
        return SiglipImageProcessorPil.from_pretrained(name)
    return AutoImageProcessor.from_pretrained(name, backend="pil", trust_remote_code=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from reporting at length that the text tower was left out."""
    before = get_verbosity()
    set_verbosity_error()
    try:
        yield
    finally:
        set_verbosity(before)
