"""Weights of CLIPs under the names that OpenAI's code and open_clip give them, under transformers' names.

Enters: tensors by name. Leaves: the same by the names of `CLIPModel` or `CLIPVisionModelWithProjection`. Does not know:
files, scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

_LAYER = re.compile(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)")
_IN_LAYER = {
    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}  # fmt: skip
_ALONE = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
_TRANSPOSED = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}


def as_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename all that is known; the rest (a buffer of masks) is left out. Projections lie the other way round."""
    return {new: value for name, tensor in state.items() for new, value in _renamed(name, tensor)}


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if name in _TRANSPOSED:
        yield _TRANSPOSED[name], tensor.T.contiguous()
    elif name in _ALONE:
        yield _ALONE[name], tensor
    elif found := _LAYER.fullmatch(name):
        tower = "vision_model" if found[1] else "text_model"
        yield from _in_layer(f"{tower}.encoder.layers.{found[2]}", found[3], tensor)


def _in_layer(layer: str, name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    part, _, kind = name.rpartition(".")
    if name in ("attn.in_proj_weight", "attn.in_proj_bias"):
        kind = name.removeprefix("attn.in_proj_")
        for letter, third in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{layer}.self_attn.{letter}_proj.{kind}", third.contiguous()
    elif part in _IN_LAYER:
        yield f"{layer}.{_IN_LAYER[part]}.{kind}", tensor
