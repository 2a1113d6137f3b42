"""The bundled eye: a vision tower and connector of `mini`'s shape that already see the simulated world's pictures.

Enters: an image size. Leaves: the eye's shape, its processor, its weights in a `VisionPart`; or the file, written
anew. Does not know: how it was taught (`experiments/train_eye.py`), language models, what its features serve for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import Idefics2Config
from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil

from tasteprint.bundled import bundled_tensors
from tasteprint.vision.idefics2 import VisionPart

EYE = "eye"
"""The name under which it is asked for, as a Hub name would be."""

FILE = "eye.safetensors"
IMAGE_SIZE = 48
VISUAL_TOKENS = 2
WIDTH = 128


def eye_config(
    image_size: int = IMAGE_SIZE, text: Mapping[str, Any] | None = None, **whole: Any
) -> Idefics2Config:
    """The eye's shape inside an Idefics2 of which `text` and `whole` say what the eye does not depend on."""
    return Idefics2Config(
        vision_config={
            "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4,
            "image_size": image_size, "patch_size": 8, "initializer_range": 0.1,
        },
        perceiver_config={
            "hidden_size": WIDTH, "resampler_n_latents": VISUAL_TOKENS, "resampler_depth": 1,
            "resampler_n_heads": 4, "resampler_head_dim": 32, "num_key_value_heads": 2, "initializer_range": 0.1,
        },
        text_config={"model_type": "mistral", "hidden_size": WIDTH, "intermediate_size": 320, **(text or {})},
        **whole,
    )  # fmt: skip


def eye_processor(image_size: int = IMAGE_SIZE) -> Idefics2ImageProcessorPil:
    """Make the image processor: pictures squashed to `image_size` pixels a side, colours from -1 to 1."""
    return Idefics2ImageProcessorPil(
        do_image_splitting=False,
        size={"longest_edge": image_size, "shortest_edge": image_size},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )


def eye_weights() -> dict[str, torch.Tensor]:
    """The bundled weights, by the names of `VisionPart.modules`. ValueError where their file is damaged."""
    return bundled_tensors(FILE)


def bundled_eye() -> VisionPart:
    """The eye alone, frozen; neither a language model nor a tokenizer is built."""
    with torch.random.fork_rng(devices=[]):
        part = VisionPart.from_config(eye_config(), eye_processor(), IMAGE_SIZE)
    part.modules.float()
    part.load({name: value.float() for name, value in eye_weights().items()})
    return part.frozen()


def keep_eye(part: VisionPart, path: Path) -> None:
    """Write a vision part as the bundled file has it, in half precision."""
    state = part.modules.state_dict()
    save_file({name: value.half().contiguous() for name, value in state.items()}, path)
