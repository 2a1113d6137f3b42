"""An in-context print on disk: one safetensors file, read back only by the model that made it.

Enters: a model, a history and what was read of it; or a file or its bytes. Leaves: bytes, or what they hold.
Does not know: scoring. Nothing here unpickles.

    keys      (layers, 2, heads, places, width), without the places that all people share
    scales    (layers, 2, heads, 1, width), where the keys are int8
    metadata  format, fingerprint, checksum, template, dtype, and the history as JSON
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from tasteprint.incontext.frozen import FrozenNetwork, Int8Keys, Past
from tasteprint.incontext.packing import pack
from tasteprint.said import said_as_json, said_from_json
from tasteprint.tensor_files import SEAL, read_tensors, tensors_as_bytes
from tasteprint.types import History, Vote

FORMAT = "tasteprint-print-2"


def print_as_bytes(model: FrozenNetwork, history: History, past: Past) -> bytes:
    """Give a person's own keys and values and what they belong to, as safetensors."""
    own = past.own
    tensors = {"keys": own} if isinstance(own, Tensor) else {"keys": own.rounded, "scales": own.scales}
    about = {
        "format": FORMAT,
        "fingerprint": model.fingerprint,
        "template": model.template,
        "dtype": str(past.shared.dtype).removeprefix("torch."),
        "history": said_as_json(history.user_id, history.votes),
    }
    return tensors_as_bytes(f"the print of {history.user_id!r}", tensors, about)


def read_print_file(source: Path | bytes, model: FrozenNetwork) -> tuple[History, Past]:
    """Read both back. ValueError where the file is damaged, no print, another model's or of another template."""
    path = "a print in memory" if isinstance(source, bytes) else str(source)
    about, tensors = read_tensors(source, "a print that `save` wrote")
    if about.get("format") != FORMAT or not {"fingerprint", "template", "history", SEAL} <= set(about):
        raise ValueError(
            f"{path} is not a print of format {FORMAT}; expected a file that `InContextPrint.save` wrote."
        )
    if about["fingerprint"] != model.fingerprint:
        raise ValueError(
            f"{path} was made by another model; expected this one's print: make it again with `print_of`."
        )
    if about["template"] != model.template:
        raise ValueError(
            f"{path} was made with template {about['template']!r}; expected {model.template!r}, which the model "
            "speaks: make it again with `print_of`."
        )
    user, opinions, _ = said_from_json(about["history"], path)
    history = History(user, tuple(vote for vote in opinions if isinstance(vote, Vote)))
    shared, network = model.beginning, model.network
    places = len(pack(history, [], network.encoder, len(network.tokens)).ids) - shared.shape[-2]
    own = _own(path, tensors, (*shared.shape[:-2], places, shared.shape[-1]), shared)
    return history, Past(shared, own)


def _own(path: str, tensors: dict[str, Tensor], expected: tuple[int, ...], like: Tensor) -> Tensor | Int8Keys:
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
    return Int8Keys(keys.to(like.device), scales.to(like.device))
