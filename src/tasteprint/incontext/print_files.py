"""Keys and values in eight bits a number, and what that costs in accuracy.

Enters: a tensor of keys and values, or prints. Leaves: the same in int8 with scales; the largest change of a score.
Does not know: models, files.

A print on disk: one safetensors file, read back only by the model that made it.

Enters: what a print holds, or a path and a model. Leaves: a file, or what it holds. Does not know: scoring.
Nothing here unpickles.

    keys      (layers, 2, heads, places, width), without the places that all people share
    scales    (layers, 2, heads, 1, width), where the keys are int8
    metadata  format, fingerprint, template, dtype, and the history as JSON
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from jaxtyping import Int8 as Bytes
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tasteprint.files import write_tensors
from tasteprint.incontext.packing import pack
from tasteprint.incontext.states import identity, state_of
from tasteprint.types import History, Vote

if TYPE_CHECKING:
    from tasteprint.incontext.network import InContextModel
    from tasteprint.incontext.prints import InContextPrint


@dataclass(frozen=True, slots=True)
class Int8:
    """Rounded keys and values. A scale for each layer, key or value, head and channel, over all places.

    The channels of a head differ in size by far more than the places of a channel do (keys have a few large
    channels), so each has its own scale: largest absolute value / 127. An error is at most half a scale.
    """

    rounded: Bytes[Tensor, "layers 2 heads length width"]
    scales: Float[Tensor, "layers 2 heads 1 width"]

    @classmethod
    def of(cls, dense: Float[Tensor, "layers 2 heads length width"]) -> Int8:
        """Round to the nearest of 255 steps; a channel of zeros stays zero."""
        largest = dense.abs().float().amax(dim=-2, keepdim=True)
        scales = largest.clamp(min=torch.finfo(torch.float32).tiny) / 127
        return cls((dense / scales).round().to(torch.int8), scales)

    def dense(self) -> Float[Tensor, "layers 2 heads length width"]:
        """Give the numbers back, in float32."""
        return self.rounded * self.scales

    @property
    def shape(self) -> torch.Size:
        """Shape of the keys and values."""
        return self.rounded.shape

    @property
    def nbytes(self) -> int:
        """Bytes in memory, scales included."""
        return self.rounded.nbytes + self.scales.nbytes


def rounding_loss(taste: InContextPrint, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> float:
    """Measure by how much, at most, the margins of these pictures change when the print is rounded to int8."""
    exact = taste.score_pictures(pictures, prompts)
    return (taste.quantized().score_pictures(pictures, prompts) - exact).abs().max().item()


FORMAT = "tasteprint-print-1"


def write_print(path: Path, about: dict[str, str], history: History, own: Tensor | Int8) -> None:
    """Write a person's own keys and values and what they belong to, replacing the file in one step."""
    told = json.dumps(asdict(history), default=datetime.isoformat)
    tensors = {"keys": own} if isinstance(own, Tensor) else {"keys": own.rounded, "scales": own.scales}
    write_tensors(path, tensors, {"format": FORMAT, **about, "history": told})


def read_print(path: Path, model: InContextModel) -> tuple[History, Tensor | Int8]:
    """Read both back. ValueError where the file is damaged, no print, another model's or of another template."""
    about, tensors = _opened(path)
    fingerprint, template = identity(model)
    if about["fingerprint"] != fingerprint:
        raise ValueError(
            f"{path} was made by another model; expected this one's print: make it again with `print_of`."
        )
    if about["template"] != template:
        raise ValueError(
            f"{path} was made with template {about['template']!r}; expected {template!r}, which the model speaks: "
            "make it again with `print_of`."
        )
    history, shared = _history(path, about["history"]), state_of(model).shared
    places = len(pack(history, [], model.encoder, len(model.tokens)).ids) - shared.shape[-2]
    return history, _own(path, tensors, (*shared.shape[:-2], places, shared.shape[-1]), shared)


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as fault:
        raise ValueError(
            f"{path} could not be read; expected a print that `save` wrote, whole: save it again."
        ) from fault
    if about.get("format") != FORMAT or not {"fingerprint", "template", "history"} <= set(about):
        raise ValueError(
            f"{path} is not a print of format {FORMAT}; expected a file that `Tasteprint.save` wrote."
        )
    return about, tensors


def _history(path: Path, text: str) -> History:
    try:
        told = json.loads(text)
        return History(told["user_id"], tuple(_vote(**vote) for vote in told["votes"]))
    except (ValueError, TypeError, KeyError) as fault:
        raise ValueError(
            f"{path} names no readable history; expected a file that `Tasteprint.save` wrote."
        ) from fault


def _vote(created_at: str | None, **told: Any) -> Vote:
    return Vote(created_at=None if created_at is None else datetime.fromisoformat(created_at), **told)


def _own(path: Path, tensors: dict[str, Tensor], expected: tuple[int, ...], like: Tensor) -> Tensor | Int8:
    keys, scales = tensors.get("keys"), tensors.get("scales")
    kind = like.dtype if scales is None else torch.int8
    if keys is None or keys.shape != expected or keys.dtype != kind:
        got = "no keys" if keys is None else f"keys of shape {tuple(keys.shape)} in {keys.dtype}"
        raise ValueError(
            f"{path} holds {got}; expected {expected} in {kind}, as its history says: save it again."
        )
    if scales is None:
        return keys.to(like.device)
    if scales.shape != (*expected[:-2], 1, expected[-1]):
        raise ValueError(
            f"{path} holds scales of shape {tuple(scales.shape)}; expected one a channel: save it again."
        )
    return Int8(keys.to(like.device), scales.to(like.device))
