"""A backbone by name: `mini` built from nothing, or another's weights by folder or Hub name, whole or refused.

Enters: a backbone's name and settings. Leaves: an `Idefics2Backbone`, perhaps with an adapter to be learned on it.
Does not know: votes, templates, preference tokens, what was learned.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoConfig, AutoProcessor, BitsAndBytesConfig, Idefics2ForConditionalGeneration
from transformers.utils import is_bitsandbytes_available

from tasteprint.config import ModelConfig
from tasteprint.hub import local_folder
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.mini import mini_model, mini_processor
from tasteprint.loading import library_faults, require_whole
from tasteprint.tensor_files import files_fingerprint, require_finite, require_floats

IDEFICS2_LONGEST = 980
"""Pixels of the longest edge, where nobody told the processor another number."""

MINI = "mini"
FAMILIES = {"idefics2": Idefics2ForConditionalGeneration}

# LUP: low-rank updates in the text model, the modality projection and the perceiver resampler, not in the vision tower.
IDEFICS2_LORA_TARGETS = (
    r".*(text_model|modality_projection|perceiver_resampler).*"
    r"(down_proj|gate_proj|up_proj|k_proj|q_proj|v_proj|o_proj)$"
)


def load_backbone(config: ModelConfig, captions: Iterable[str] = ()) -> Idefics2Backbone:
    """Build `mini` from nothing (the captions fit its tokenizer), or load a backbone by hub name or folder."""
    if config.lora_r and config.backbone == MINI:
        raise ValueError("mini was given lora_r; expected 0: it is built from nothing and trained whole.")
    if config.backbone == MINI and not config.image_size:
        raise ValueError("mini was given image_size 0; expected the side of its square pictures, such as 48.")
    if config.backbone == MINI:
        processor = mini_processor(captions, config.image_size)
        return Idefics2Backbone(mini_model(processor), processor)
    network, processor, base = _published(config)
    if config.lora_r:
        network.add_adapter(lora_config(config))
    return Idefics2Backbone(network, processor, base if config.lora_r else "")


def _published(config: ModelConfig) -> tuple[Idefics2ForConditionalGeneration, Any, str]:
    """Open a backbone by hub name or folder, whole; also name the state of its weights."""
    expected = "'mini', a folder, or a hub name that can be reached, such as 'HuggingFaceM4/idefics2-8b'"
    folder = local_folder(config.backbone, "backbone", expected)
    family, precision = _family(folder, config.backbone), _precision(config)
    with library_faults(
        f"backbone {config.backbone!r}", "whole weights in safetensors that fit its config.json"
    ):
        processor = AutoProcessor.from_pretrained(
            folder, do_image_splitting=False, backend="pil", trust_remote_code=False
        )
        _tell_size(processor.image_processor)
        loaded: Any = family.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, output_loading_info=True, **precision
        )
        network, found = loaded
        require_whole(found, left_over=True)
        require_floats(folder.glob("*.safetensors"), network.state_dict())
    require_finite(f"backbone {config.backbone!r}", dict(network.named_parameters()))
    return network, processor, files_fingerprint(folder)


def _tell_size(processor: Any) -> None:
    """P, LUP and ViPer show Idefics2 pictures of 448 pixels at most, and 378 at least; of itself it takes 980."""
    if processor.size["longest_edge"] == IDEFICS2_LONGEST:
        processor.size = {"longest_edge": 448, "shortest_edge": 378}


def lora_config(config: ModelConfig) -> LoraConfig:
    """LoRA as LUP has it; the vision tower, where it is trained, is saved whole in the same adapter."""
    return LoraConfig(
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        init_lora_weights="gaussian",
        target_modules=IDEFICS2_LORA_TARGETS,
        modules_to_save=["vision_model"] if config.lora_vision else None,
    )


def _family(folder: Path, name: str) -> type[Idefics2ForConditionalGeneration]:
    with library_faults(f"backbone {name!r}", "a config.json of an Idefics2"):
        kind = AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
    if kind not in FAMILIES:
        raise ValueError(
            f"backbone {name!r} is of the family {kind!r}; expected one of {', '.join(FAMILIES)}."
        )
    return FAMILIES[kind]


def _precision(config: ModelConfig) -> dict[str, Any]:
    if not config.quantize:
        return {"dtype": torch.bfloat16 if torch.cuda.is_available() else torch.float32}
    if not (torch.cuda.is_available() and is_bitsandbytes_available()):
        raise ValueError(
            "4-bit weights were asked for without a GPU or without bitsandbytes; expected both: install "
            "tasteprint[qlora] on a machine with a GPU, or set model.quantize=false."
        )
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
        llm_int8_skip_modules=["lm_head", "vision_model"],
    )
    return {"dtype": torch.bfloat16, "quantization_config": four_bit}
