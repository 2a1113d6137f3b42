"""What is computed once for each state of a model: the name of its weights, and the keys and values of [P_v ; bos].

Enters: modules. Leaves: a fingerprint of weights; a `State` that is made anew when a weight has changed.
Does not know: votes, images, prints.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.incontext.packing import pack
from tasteprint.incontext.reading import read_on
from tasteprint.types import History

if TYPE_CHECKING:
    from tasteprint.incontext.network import InContextModel


Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class State:
    """One state of a model's weights. `shared` is what every person's sequence begins with.

    `tensors` keeps the weights that were stamped alive, so that no new one can take an old one's address.
    """

    stamp: Stamp
    tensors: tuple[Tensor, ...]
    fingerprint: str
    shared: Float[Tensor, "layers 2 heads begin width"]


_LATEST: WeakKeyDictionary[nn.Module, State] = WeakKeyDictionary()


def state_of(model: InContextModel) -> State:
    """Give the state a model is in, computed once a state; puts the model in evaluation mode when it computes.

    A step of an optimiser, loaded weights and other tokens are noticed by torch's count of in-place changes to
    each weight, at about a microsecond a weight. Writing through `.data` is not counted: use `torch.no_grad()`.
    """
    tensors = (*model.parameters(), *model.buffers())
    stamp = tuple((id(tensor), tensor.data_ptr(), _changes(tensor)) for tensor in tensors)
    latest = _LATEST.get(model)
    if latest is None or latest.stamp != stamp:
        model.eval()
        latest = _LATEST[model] = State(stamp, tensors, fingerprint(model), _shared(model))
    return latest


def identity(model: InContextModel) -> tuple[str, str]:
    """Give what a print must share with the model that it is used with: fingerprint and name of the template."""
    return state_of(model).fingerprint, model.encoder.template.name


def fingerprint(*parts: nn.Module) -> str:
    """Name a state of weights: SHA-256 over every tensor's name, shape and up to 64 of its values, evenly spread.

    Training changes nearly every value, so a step is noticed; an 8B model is named in well under a minute.
    """
    digest = hashlib.sha256()
    for part in parts:
        for name, value in part.state_dict().items():
            flat = value.detach().reshape(-1)
            picked = flat[:: max(1, len(flat) // 64)].float().cpu().numpy()
            digest.update(f"{name}{tuple(value.shape)}".encode() + picked.tobytes())
    return digest.hexdigest()


def _changes(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


@torch.no_grad()
def _shared(model: InContextModel) -> Float[Tensor, "layers 2 heads begin width"]:
    text: Any = model.backbone.network.config.text_config
    width = text.head_dim or text.hidden_size // text.num_attention_heads
    nothing = torch.zeros(text.num_hidden_layers, 2, 1, text.num_key_value_heads, 0, width)
    begin = pack(History(""), [], model.encoder, len(model.tokens))
    nothing = nothing.to(model.device, model.backbone.network.dtype)
    return read_on(model, nothing, [0], [begin]).keys_after(0)[:, :, 0] if begin.ids else nothing[:, :, 0]
