"""Models to measure: mini, a middle-sized Idefics2, and the 8B shape, all with random weights.

Enters: a name. Leaves: a frozen `InContextModel` with ten tokens. Does not know: what is measured. Nothing is
downloaded. The tokenizer is mini's, whose words are single tokens, with 64 visual tokens an image for the larger two.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Idefics2Config, Idefics2ForConditionalGeneration, Idefics2Processor

from tasteprint.config import ModelConfig
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.conversation import IMAGE
from tasteprint.incontext.mini import mini_model, mini_processor
from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.network import PreferenceNetwork

WORDS = (
    *(
        "a",
        "the",
        "of",
        "in",
        "on",
        "with",
        "blue",
        "red",
        "green",
        "old",
        "small",
        "large",
        "stone",
        "river",
    ),
    *(
        "house",
        "fish",
        "cup",
        "tree",
        "night",
        "light",
        "cloud",
        "street",
        "painted",
        "drawing",
        "photo",
        "oil",
    ),
    *(
        "soft",
        "sharp",
        "warm",
        "cold",
        "quiet",
        "bright",
        "dark",
        "sea",
        "mountain",
        "garden",
        "window",
        "door",
    ),
)

# 64 visual tokens, about 105 tokens a turn and 44 % of the operations in vision, as in the 8B model. Few and wide
# layers, because attention to a long history would otherwise weigh more beside the matrices than it does there.
MIDDLE: dict[str, Any] = {
    "image_size": 224,
    "vision": {"hidden_size": 448, "intermediate_size": 1792, "num_hidden_layers": 6, "num_attention_heads": 7,
               "image_size": 224, "patch_size": 14},
    "perceiver": {"hidden_size": 1024, "resampler_n_latents": 64, "resampler_depth": 2, "resampler_n_heads": 8,
                  "resampler_head_dim": 64, "num_key_value_heads": 2},
    "text": {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 7, "num_attention_heads": 8,
             "num_key_value_heads": 2, "head_dim": 128, "max_position_embeddings": 8192},
}  # fmt: skip

# HuggingFaceM4/idefics2-8b: SigLIP-400M at 448 pixels, the resampler, Mistral 7B.
LARGE: dict[str, Any] = {
    "image_size": 448,
    "vision": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
               "image_size": 980, "patch_size": 14},
    "perceiver": {"hidden_size": 4096, "resampler_n_latents": 64, "resampler_depth": 3, "resampler_n_heads": 16,
                  "resampler_head_dim": 96, "num_key_value_heads": 4},
    "text": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
             "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 32768, "vocab_size": 32003},
}  # fmt: skip
SHAPES = {"middle": MIDDLE, "idefics2-8b": LARGE}


def build(name: str, device: str) -> InContextModel:
    """Make a model on a device, in float32 on the processor and bfloat16 on a GPU. ValueError for 8B without one."""
    if name == "idefics2-8b" and device == "cpu":
        raise ValueError(
            "idefics2-8b was asked for on the processor; expected --device cuda: 140 GiB for training, 40 for the rest."
        )
    torch.manual_seed(0)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    if name == "mini":
        processor, image_size = mini_processor([" ".join(WORDS)]), 48
        network = mini_model(processor)
    else:
        image_size = SHAPES[name]["image_size"]
        small = mini_processor([" ".join(WORDS)], image_size)
        latents = SHAPES[name]["perceiver"]["resampler_n_latents"]
        processor = Idefics2Processor(small.image_processor, small.tokenizer, image_seq_len=latents)
        network = _network(SHAPES[name], processor.tokenizer, device, dtype)
    config = ModelConfig(backbone=name, image_size=image_size)
    whole = PreferenceNetwork(Idefics2Backbone(network, processor), config, 10)
    return InContextModel(whole.to(device, dtype))


def _network(
    shape: dict[str, Any], tokenizer: Any, device: str, dtype: torch.dtype
) -> Idefics2ForConditionalGeneration:
    text = {"model_type": "mistral", "vocab_size": len(tokenizer), "sliding_window": None} | shape["text"]
    specials = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id}
    config = Idefics2Config(
        vision_config=shape["vision"],
        perceiver_config=shape["perceiver"],
        text_config=text | specials | {"eos_token_id": tokenizer.eos_token_id},
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        tie_word_embeddings=False,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            network = Idefics2ForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    torch.nn.init.normal_(network.model.connector.perceiver_resampler.latents)
    return network
