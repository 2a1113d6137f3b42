"""The bundled eye: weights with which the vision part and connector of `mini` already see.

Enters: a model of `mini`'s shape. Leaves: the same, seeing; or the file, written anew. Does not know: how it was taught
(`experiments/eye_lesson.py`), or what its features serve for.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from torch import nn

from tasteprint.config import ModelConfig
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.network import InContextModel

EYE = "eye"
"""The name under which it is asked for, as a Hub name would be."""

FILE = "weights/eye.safetensors"


def give_eye(backbone: Idefics2Backbone) -> None:
    """Put the bundled weights into a backbone. ValueError where its vision part has another shape."""
    seen = load(resources.files("tasteprint").joinpath(FILE).read_bytes())
    parts = nn.ModuleList(backbone.vision)
    if {name: value.shape for name, value in seen.items()} != {
        n: v.shape for n, v in parts.state_dict().items()
    }:
        raise ValueError(
            "the bundled eye does not fit this backbone; expected the vision part of `mini` at 48 pixels: leave "
            "model.image_size at 48, or model.vision_weights empty."
        )
    parts.load_state_dict(seen)


def keep_eye(backbone: Idefics2Backbone, path: Path) -> None:
    """Write a backbone's vision part as the bundled file has it, in half precision."""
    state = nn.ModuleList(backbone.vision).state_dict()
    save_file({name: value.half().contiguous() for name, value in state.items()}, path)


def bundled_eye() -> InContextModel:
    """A frozen `mini` of which only the eye has learned anything."""
    with torch.random.fork_rng(devices=[]):
        model = InContextModel.from_config(ModelConfig(), (), 0)
    give_eye(model.backbone)
    return model.eval().requires_grad_(False)
