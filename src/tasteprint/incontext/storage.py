"""A preference model on disk or on the Hub: safetensors and JSON only, adapter weights in PEFT's own format.

Enters: a backbone, its settings and its tokens. Leaves: a folder, and the same parts read back.
Does not know: `InContextModel`, which is put together next door. Nothing here unpickles.

    tasteprint.json                  what the weights belong to
    preference_tokens.safetensors    `vectors` (L_p, d), where there are any
    config.json, model.safetensors   the whole network, where it was built here
    adapter_*.{json,safetensors}     or only what was learned on top of a named backbone
    tokenizer*, preprocessor*, ...   the processor
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import torch
from peft import set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoProcessor, Idefics2ForConditionalGeneration

from tasteprint.config import ModelConfig
from tasteprint.hub import ABOUT, find_model, read_about, write_about
from tasteprint.incontext.backbone import Idefics2Backbone, load_backbone

PEFT_PREFIX = "base_model.model."
TOKENS = "preference_tokens.safetensors"


def save(
    folder: Path, backbone: Idefics2Backbone, config: ModelConfig, tokens: Tensor, half: bool = False
) -> None:
    """Write everything that `load` needs into a folder; in half precision if asked, read back in full."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = half and not config.lora_r
    state = {name: value.half() for name, value in backbone.network.state_dict().items()} if whole else None
    backbone.network.save_pretrained(folder, state_dict=state)
    backbone.processor.save_pretrained(folder)
    (folder / TOKENS).unlink(missing_ok=True)
    if len(tokens):
        vectors = tokens.detach().cpu().contiguous()
        save_file({"vectors": vectors.half() if half else vectors}, folder / TOKENS)
    write_about(folder, {"model": asdict(config), "n_tokens": len(tokens)})


def load(
    name: str | Path, template: str | None = None, n_tokens: int | None = None
) -> tuple[Idefics2Backbone, ModelConfig, Tensor]:
    """Read a folder or a Hub repository back; ValueError where it is not what was said or what was expected."""
    folder = find_model(name)
    about = read_about(folder)
    config = ModelConfig(**about["model"])
    expect(folder, "template", config.template, template)
    expect(folder, "n_tokens", about["n_tokens"], n_tokens)
    tokens = _tokens(folder, about["n_tokens"])
    if (folder / "adapter_config.json").is_file():
        backbone = load_backbone(replace(config, lora_r=0))
        backbone.network.load_adapter(str(folder), adapter_name="default", is_trainable=True)
    else:
        network = Idefics2ForConditionalGeneration.from_pretrained(folder)
        backbone = Idefics2Backbone(network, AutoProcessor.from_pretrained(folder, backend="pil"))
    return backbone, config, tokens


def load_weights(folder: Path, backbone: Idefics2Backbone) -> Tensor:
    """Put a folder's weights into a backbone of the same shape; returns its preference tokens."""
    adapter = folder / "adapter_model.safetensors"
    if adapter.is_file():
        state = {name.removeprefix(PEFT_PREFIX): value for name, value in load_file(adapter).items()}
        set_peft_model_state_dict(backbone.network, state)
    else:
        backbone.network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return _tokens(folder, read_about(folder)["n_tokens"])


def expect(folder: Path, what: str, got: str | int, expected: str | int | None) -> None:
    """ValueError where something was expected of a folder, and is not so."""
    if expected is not None and got != expected:
        raise ValueError(
            f"{folder} was trained with {what} {got!r}; expected {expected!r}: use another checkpoint."
        )


def _tokens(folder: Path, count: int) -> Tensor:
    if not count:
        return torch.zeros(0)
    try:
        vectors = load_file(folder / TOKENS)["vectors"]
    except (OSError, SafetensorError, KeyError) as fault:
        raise ValueError(
            f"{folder / TOKENS} could not be read; expected {count} preference tokens: save the model again."
        ) from fault
    if len(vectors) != count:
        raise ValueError(
            f"{folder / TOKENS} holds {len(vectors)} preference tokens; expected the {count} that {ABOUT} names: "
            "the folder mixes two models, save it again."
        )
    return vectors
