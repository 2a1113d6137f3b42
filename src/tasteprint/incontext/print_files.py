"""An in-context print on disk: one safetensors file, read back only by the model that made it.

Enters: a model, a history and what was read of it, or a path. Leaves: a file, or what it holds. Does not know: scoring.
Nothing here unpickles.

    keys      (layers, 2, heads, places, width), without the places that all people share
    scales    (layers, 2, heads, 1, width), where the keys are int8
    metadata  format, fingerprint, template, dtype, and the history as JSON
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tasteprint.files import write_tensors
from tasteprint.incontext.frozen import FrozenNetwork, Int8Keys, Past
from tasteprint.incontext.packing import pack
from tasteprint.types import History, Vote

FORMAT = "tasteprint-print-1"


def write_print_file(path: Path, model: FrozenNetwork, history: History, past: Past) -> None:
    """Write a person's own keys and values and what they belong to, replacing the file in one step."""
    own = past.own
    tensors = {"keys": own} if isinstance(own, Tensor) else {"keys": own.rounded, "scales": own.scales}
    about = {
        "format": FORMAT,
        "fingerprint": model.fingerprint,
        "template": model.template,
        "dtype": str(past.shared.dtype).removeprefix("torch."),
        "history": json.dumps(_as_json(history), default=datetime.isoformat),
    }
    write_tensors(path, tensors, about)


def read_print_file(path: Path, model: FrozenNetwork) -> tuple[History, Past]:
    """Read both back. ValueError where the file is damaged, no print, another model's or of another template."""
    about, tensors = _opened(path)
    if about["fingerprint"] != model.fingerprint:
        raise ValueError(
            f"{path} was made by another model; expected this one's print: make it again with `print_of`."
        )
    if about["template"] != model.template:
        raise ValueError(
            f"{path} was made with template {about['template']!r}; expected {model.template!r}, which the model "
            "speaks: make it again with `print_of`."
        )
    history, shared = _history(path, about["history"]), model.beginning
    network = model.network
    places = len(pack(history, [], network.encoder, len(network.tokens)).ids) - shared.shape[-2]
    own = _own(path, tensors, (*shared.shape[:-2], places, shared.shape[-1]), shared)
    return history, Past(shared, own)


def _as_json(history: History) -> dict[str, Any]:
    return {"user_id": history.user_id, "votes": [asdict(vote) for vote in history.votes]}


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
        said = json.loads(text)
        return History(said["user_id"], tuple(_vote(**vote) for vote in said["votes"]))
    except (ValueError, TypeError, KeyError) as fault:
        raise ValueError(
            f"{path} names no readable history; expected a file that `Tasteprint.save` wrote."
        ) from fault


def _vote(created_at: str | None, **parts: Any) -> Vote:
    return Vote(created_at=None if created_at is None else datetime.fromisoformat(created_at), **parts)


def _own(
    path: Path, tensors: dict[str, Tensor], expected: tuple[int, ...], like: Tensor
) -> Tensor | Int8Keys:
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
