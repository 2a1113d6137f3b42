"""What the paper's authors and ViPer's have published, opened as the in-context model that it is.

Enters: a folder with PEFT's adapter, perhaps with LUP's preference tokens. Leaves: a backbone with the adapter, its
settings, tokens. Does not know: our own folders. No pickle is opened but by torch's reader of tensors, which is told
one class that does nothing.
"""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor

from tasteprint.checksums import read_object
from tasteprint.config import ModelConfig
from tasteprint.foreign import ADAPTER, ADAPTER_SETTINGS, POOL_MODULE, POOL_TENSORS
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.conversation import template_named
from tasteprint.incontext.opening import load_backbone
from tasteprint.tensor_files import read_tensors, require_finite

LUP, VIPER = "lup-eval", "viper"
"""The templates in which the two are evaluated by their authors."""

SQUARE = 512
"""Pixels a side to which LUP squashes every picture; ViPer leaves them as they are."""

PREFIX = "base_model.model."
"""What PEFT writes before a name."""


class PromptPool:
    """Stands for LUP's `prompt_pool.PromptPool` when its module is read: holds what is in it, and does nothing."""


def load_published(
    folder: Path, name: str, template: str | None = None
) -> tuple[Idefics2Backbone, ModelConfig, Tensor]:
    """Open LUP's stage 1 or 2, or ViPer's proxy.

    The files do not say whose they are: ViPer's, where the last part of `name` has "viper" in it. Another `template`
    may be named. LUP's pictures are squashed to 512 pixels a side, ViPer's keep their proportions. ValueError for what
    is missing, damaged, more than tensors, or does not fit the backbone that the adapter names.
    """
    config = _settings(folder, name, template)
    tokens = _tokens(folder)
    backbone = load_backbone(config)
    if len(tokens) and tokens.shape[1] != backbone.width:
        raise ValueError(
            f"the preference tokens in {folder} are {tokens.shape[1]} numbers wide; expected {backbone.width}, as "
            f"{config.backbone} has: take those that were trained with it."
        )
    _fill(backbone, folder, config)
    return backbone, config, tokens


def _settings(folder: Path, name: str, template: str | None) -> ModelConfig:
    """Derive ours from PEFT's. LUP and ViPer adapt the same modules, and leave the vision tower as it is."""
    for file in (ADAPTER_SETTINGS, ADAPTER):
        if not (folder / file).is_file():
            raise ValueError(
                f"folder {str(folder)!r} has no {file}; expected an adapter as PEFT writes it, in safetensors: fetch "
                "it into the same folder."
            )
    said = read_object(folder / ADAPTER_SETTINGS)
    base, rank, alpha = (said.get(key) for key in ("base_model_name_or_path", "r", "lora_alpha"))
    other = [key for key in ("use_dora", "use_rslora", "modules_to_save") if said.get(key)]
    if not isinstance(base, str) or type(rank) is not int or type(alpha) is not int or other or rank < 1:
        raise ValueError(
            f"{folder / ADAPTER_SETTINGS} has base {base!r}, r {rank!r}, lora_alpha {alpha!r}, and sets "
            f"{', '.join(other) or 'nothing else'}; expected plain LoRA on a named backbone: use PEFT for others."
        )
    viper = "viper" in Path(name).name.lower() or template == VIPER
    chosen = template_named(template or (VIPER if viper else LUP)).name
    return ModelConfig(
        backbone=base,
        template=chosen,
        image_size=0 if viper else SQUARE,
        lora_r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        lora_vision=False,
    )


def _fill(backbone: Idefics2Backbone, folder: Path, config: ModelConfig) -> None:
    """Put the adapter's weights in; every one of them must have its place, and every place its weight."""
    _, tensors = read_tensors(folder / ADAPTER)
    state = {name.removeprefix(PREFIX): value for name, value in tensors.items()}
    places = {name: value.shape for name, value in get_peft_model_state_dict(backbone.network).items()}
    got = {name: value.shape for name, value in state.items()}
    if wrong := sorted(name for name in places.keys() | got.keys() if places.get(name) != got.get(name)):
        raise ValueError(
            f"the adapter in {folder} does not fit {config.backbone} in {len(wrong)} weights, such as {wrong[0]}; "
            "expected one that was trained on it: correct base_model_name_or_path in adapter_config.json."
        )
    set_peft_model_state_dict(backbone.network, state)


def _tokens(folder: Path) -> Tensor:
    """LUP's preference tokens (L_p, d), if they are there."""
    if (folder / POOL_TENSORS).is_file():
        tokens = _opened(folder / POOL_TENSORS).get("prompt")
    elif (folder / POOL_MODULE).is_file():
        with torch.serialization.safe_globals([(PromptPool, "prompt_pool.PromptPool")]):
            module = _opened(folder / POOL_MODULE)
        parameters = vars(module).get("_parameters") if isinstance(module, PromptPool) else None
        tokens = parameters.get("prompt") if isinstance(parameters, dict) else None
    else:
        return torch.zeros(0)
    if not isinstance(tokens, Tensor) or tokens.dim() != 2 or not tokens.is_floating_point():
        shape = tuple(tokens.shape) if isinstance(tokens, Tensor) else type(tokens).__name__
        raise ValueError(
            f"the preference tokens in {folder} are {shape}; expected (tokens, width), as LUP writes them now; an "
            "early edition chose among several such sets: train stage 2 anew."
        )
    require_finite(f"the preference tokens in {folder}", {"prompt": tokens})
    return tokens.detach().float()


def _opened(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, EOFError, UnpicklingError) as fault:
        raise ValueError(
            f"{path} could not be read ({type(fault).__name__}); expected the tensors of LUP's preference tokens and "
            "nothing that could be run: fetch it from its authors again."
        ) from fault
