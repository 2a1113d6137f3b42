"""The image encoders of other people: what each family's tower and preparation are in transformers.

Enters: a folder. Leaves: its family, then its vision tower and image processor, both frozen.
Does not know: preference models, embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.utils.logging import get_verbosity, set_verbosity, set_verbosity_error

from tasteprint.loading import library_faults, require_whole
from tasteprint.tensor_files import require_finite, require_floats
from tasteprint.vision.pixels import has_twin
from tasteprint.vision.processors import convnext_steps, timm_steps


class Family(NamedTuple):
    """A family's vision tower in transformers, which of its outputs is the embedding, the setting of its width.

    Of an output that has tokens the first is taken, the class token. Of a list of widths the last counts; where no
    setting says it, it is measured. `floats`: its processor resizes numbers and not bytes, and transformers has it on
    torchvision only.
    """

    tower: str
    output: str = "pooler_output"
    width: str = "hidden_size"
    floats: bool = False


TIMM = "TimmWrapperModel"

FAMILIES = {
    "siglip": Family(
        "SiglipVisionModel"
    ),  # from its attention pooling head; SigLIP 2 of a fixed size as well
    "clip": Family("CLIPVisionModelWithProjection", "image_embeds", "projection_dim"),  # shared with text
    "metaclip_2": Family("MetaClip2VisionModelWithProjection", "image_embeds", "projection_dim"),
    "aimv2": Family("Aimv2VisionModel"),
    "dinov2": Family("Dinov2Model"),  # the class token after the last norm
    "dinov2_with_registers": Family("Dinov2WithRegistersModel"),
    "dinov3_vit": Family("DINOv3ViTModel", floats=True),
    "dinov3_convnext": Family("DINOv3ConvNextModel", width="hidden_sizes", floats=True),
    "vit": Family("ViTModel", "last_hidden_state"),  # classifiers were saved without its pooler
    "deit": Family("DeiTModel", "last_hidden_state"),
    "vit_msn": Family("ViTMSNModel", "last_hidden_state"),
    "swin": Family("SwinModel"),
    "swinv2": Family("Swinv2Model"),
    "hiera": Family("HieraModel"),
    "focalnet": Family("FocalNetModel", width="hidden_sizes"),
    "convnext": Family("ConvNextModel", width="hidden_sizes"),
    "convnextv2": Family("ConvNextV2Model", width="hidden_sizes"),
    "resnet": Family("ResNetModel", width="hidden_sizes"),
    "regnet": Family("RegNetModel", width="hidden_sizes"),
    "timm_wrapper": Family(TIMM, width=""),  # any of timm's on the Hub; needs the extra `timm`
}


LOADING = {"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
"""Arguments by which a configuration could have timm read other files, pickles among them."""


def family_of(folder: Path, name: str) -> tuple[str, Any]:
    """Read the family and the configuration of a folder, "" and None where there is none to read.

    A vision tower that was saved alone is of its model's family. ValueError for a model of timm without timm.
    """
    try:
        with _quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except ImportError as fault:
        raise _without_timm(name) from fault
    except (OSError, ValueError, TypeError, LookupError, AttributeError):  # of values of a wrong kind
        return "", None
    return config.model_type.removesuffix("_vision_model"), config


def open_tower(folder: Path, name: str, family: Family, config: Any) -> tuple[nn.Module, Any]:
    """Load the vision tower (safetensors, float32, frozen) and its image processor, of transformers' PIL backend.

    `name` is what the encoder was asked for as. ValueError where a weight is missing, does not fit or is not finite, or
    pictures are prepared by more than resizing, cutting the middle out, rescaling and normalising.
    """
    what = f"image encoder {name!r}"
    try:
        with (
            _quiet(),
            library_faults(
                what, "whole weights in safetensors that fit config.json, and a preprocessor_config.json"
            ),
        ):
            tower, processor = _tower(folder, family, config), _processor(folder, family, config)
    except ValueError as fault:
        if isinstance(fault.__cause__, ImportError) and family.tower == TIMM:
            raise _without_timm(name) from fault
        raise
    require_finite(what, tower.state_dict())
    if not has_twin(processor):
        raise ValueError(
            f"image encoder {name!r} prepares pictures by a {type(processor).__name__}; expected a bilinear or "
            "bicubic resize, a centre crop, rescaling and normalising, and no more: name another."
        )
    return tower, processor


def embedding_of(tower: nn.Module, family: Family, pixels: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n e"]:
    """Embed pixels by a family's tower, with gradients."""
    output = tower(pixels)[family.output]
    return output[:, 0] if output.dim() == 3 else output.flatten(1)


def embedding_width(tower: nn.Module, family: Family, pixels: Float[Tensor, "1 3 h w"]) -> int:
    """How long the embeddings of a family's tower are; `pixels` are any, looked at where no setting says it."""
    if not family.width:
        with torch.no_grad():
            return embedding_of(tower, family, pixels).shape[1]
    width = getattr(tower.config, family.width)
    return width if isinstance(width, int) else width[-1]


def _tower(folder: Path, family: Family, config: Any) -> nn.Module:
    vision = getattr(config, "vision_config", config)
    if hasattr(config, "projection_dim"):
        vision.projection_dim = config.projection_dim  # a whole CLIP says it outside its vision part
    if family.tower == TIMM and LOADING & set(config.model_args or {}):
        raise ValueError("it has timm load what it names itself")
    tower, found = getattr(transformers, family.tower).from_pretrained(
        folder,
        config=vision,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    require_whole(found, unread="\0" if family.output == "pooler_output" else "pooler.")
    require_floats(folder.glob("model*.safetensors"), tower.state_dict())
    return tower.eval().requires_grad_(False)


def _processor(folder: Path, family: Family, config: Any) -> Any:
    if family.tower == TIMM:
        return timm_steps(config.pretrained_cfg)
    if family.floats:  # SigLIP's holds the same numbers
        return SiglipImageProcessorPil.from_pretrained(folder, trust_remote_code=False)
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    return convnext_steps(processor) if isinstance(processor, ConvNextImageProcessorPil) else processor


def _without_timm(name: str | Path) -> ValueError:
    return ValueError(
        f"image encoder {str(name)!r} is a model of timm, which could not be imported; expected it to be installed: "
        "pip install 'tasteprint[timm]'."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from reporting at length that the text tower was left out."""
    before = get_verbosity()
    set_verbosity_error()
    try:
        yield
    finally:
        set_verbosity(before)
