"""A preference model on disk or on the Hub: safetensors and JSON only, adapter weights in PEFT's own format.

Enters: a backbone, its settings and its tokens. Leaves: a folder, and the same parts read back.
Does not know: `InContextModel`, which is put together next door. Nothing here unpickles.

    tasteprint.json                  what the weights belong to
    preference_tokens.safetensors    `vectors` (L_p, d), where there are any
    config.json, model.safetensors   the whole network, where it was built here
    adapter_*.{json,safetensors}     or only what was learned on top of a named backbone
    tokenizer*, preprocessor*, ...   the processor
    checksums.json                   of all of these
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor
from transformers import AutoProcessor, Idefics2Config, Idefics2ForConditionalGeneration

from tasteprint.checksums import read_object, require_unchanged
from tasteprint.config import ModelConfig
from tasteprint.hub import ABOUT, find_model, read_about, said_in, written_model
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.opening import load_backbone
from tasteprint.loading import library_faults
from tasteprint.tensor_files import read_tensors, require_finite, require_fit, write_tensors

PEFT_PREFIX = "base_model.model."
ADAPTER = "adapter_model.safetensors"
WHOLE = "model.safetensors"
CONFIG = "config.json"
TOKENS = "preference_tokens.safetensors"


def save(
    folder: Path,
    backbone: Idefics2Backbone,
    config: ModelConfig,
    tokens: Tensor,
    half: bool = False,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write everything that `load` needs into a folder; in half precision if asked, read back in full.

    `more` goes into the folder's record. ValueError for weights that are not finite.
    """
    network = backbone.network
    require_finite("the model to be saved", dict(network.named_parameters()))
    whole = half and not config.lora_r
    about = {"model": asdict(config), "n_tokens": len(tokens), "base": backbone.base, **(more or {})}
    state = {name: value.half() for name, value in network.state_dict().items()} if whole else None
    with written_model(folder, about) as part:
        network.save_pretrained(part, state_dict=state)
        backbone.processor.save_pretrained(part)
        if len(tokens):
            write_tensors(part / TOKENS, {"vectors": tokens.half() if half else tokens})
    if not len(tokens):
        (folder / TOKENS).unlink(missing_ok=True)


def load(
    name: str | Path, template: str | None = None, n_tokens: int | None = None
) -> tuple[Idefics2Backbone, ModelConfig, Tensor, dict[str, Any]]:
    """Read a folder or a Hub repository back, and its record.

    ValueError where it is not what was said or what was expected.
    """
    folder = find_model(name)
    about = read_about(folder)
    config = ModelConfig(**said_in(about, folder, "model", dict))
    expect(folder, "template", config.template, template)
    expect(folder, "n_tokens", said_in(about, folder, "n_tokens", int), n_tokens)
    if config.lora_r:
        backbone = load_backbone(config)
        _load_adapter(folder, backbone)
    else:
        backbone = _whole(folder)
    return backbone, config, _tokens(folder, about["n_tokens"], backbone.width), about


def load_weights(folder: Path, backbone: Idefics2Backbone) -> Tensor:
    """Put a folder's weights into a backbone of the same shape; returns its preference tokens."""
    require_unchanged(folder)
    if (folder / ADAPTER).is_file():
        _load_adapter(folder, backbone)
    else:
        state, network = read_tensors(folder / WHOLE)[1], backbone.network
        require_fit(str(folder / WHOLE), state, network.state_dict())
        network.load_state_dict(state)
    return _tokens(folder, said_in(read_about(folder), folder, "n_tokens", int), backbone.width)


def _whole(folder: Path) -> Idefics2Backbone:
    """Open a network of our own making, and make sure that the library drew nothing of it at random."""
    for path in {*folder.glob("*.json"), folder / CONFIG}:
        read_object(path)
    _, state = read_tensors(folder / WHOLE)
    parts = "the weights, config.json and processor that were saved together"
    with library_faults(f"model {str(folder)!r}", parts), torch.device("meta"):
        shape = Idefics2ForConditionalGeneration(Idefics2Config.from_pretrained(folder))
    require_fit(
        str(folder / WHOLE), state, shape.state_dict()
    )  # before memory is taken for what a config asks
    with library_faults(f"model {str(folder)!r}", parts):
        network = Idefics2ForConditionalGeneration.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        )
        processor = AutoProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    return Idefics2Backbone(network, processor)


def _load_adapter(folder: Path, backbone: Idefics2Backbone) -> None:
    """Put a saved adapter on the backbone that it was learned on, and on no other."""
    base = read_about(folder).get("base")
    if base != backbone.base:
        raise ValueError(
            f"{folder} was learned on another state of its backbone; expected the weights that it was learned on: open "
            "it with that backbone, or learn again."
        )
    found = {
        name.removeprefix(PEFT_PREFIX): value for name, value in read_tensors(folder / ADAPTER)[1].items()
    }
    require_fit(str(folder / ADAPTER), found, get_peft_model_state_dict(backbone.network))
    set_peft_model_state_dict(backbone.network, found)


def expect(folder: Path, what: str, got: str | int, expected: str | int | None) -> None:
    """ValueError where something was expected of a folder, and is not so."""
    if expected is not None and got != expected:
        raise ValueError(
            f"{folder} was trained with {what} {got!r}; expected {expected!r}: use another checkpoint."
        )


def _tokens(folder: Path, count: int, width: int) -> Tensor:
    if not count:
        return torch.zeros(0)
    _, found = read_tensors(folder / TOKENS, f"{count} preference tokens")
    vectors = found.get("vectors", torch.zeros(0))
    if len(vectors) != count:
        raise ValueError(
            f"{folder / TOKENS} holds {len(vectors)} preference tokens; expected the {count} that {ABOUT} names: "
            "the folder mixes two models, save it again."
        )
    require_fit(str(folder / TOKENS), found, {"vectors": torch.zeros(count, width)})
    return vectors
