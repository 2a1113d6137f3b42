"""A posterior's print on disk: one safetensors file, read back only by the posterior that made it.

Enters: a print, or a path and a fingerprint. Leaves: a file, or what it holds. Does not know: how beliefs are made.
Nothing here unpickles. The belief follows from what was said, so that alone is kept:

    shared, features   (images,), (images, d): the images as the posterior reads them
    metadata           format, fingerprint, user, the images' names and the opinions as JSON
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tasteprint.taste.opinions import Opinion, images_of
from tasteprint.types import Rating, Vote

FORMAT = "tasteprint-taste-1"


def write_print(
    path: Path,
    fingerprint: str,
    user_id: str,
    said: tuple[Opinion, ...],
    names: tuple[str, ...],
    tensors: dict[str, Tensor],
) -> None:
    """Write what a print is made of, replacing the file in one step."""
    about = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "user": user_id,
        "names": json.dumps(names),
        "said": json.dumps([asdict(one) for one in said], default=datetime.isoformat),
    }
    part = path.with_name(path.name + ".part")
    save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, part, about)
    part.replace(path)


def read_print(
    path: Path, fingerprint: str, features: int
) -> tuple[str, tuple[Opinion, ...], tuple[str, ...], dict[str, Tensor]]:
    """Read it back. ValueError where the file is damaged, no such print, or another posterior's."""
    about, tensors = _opened(path)
    if about["fingerprint"] != fingerprint:
        raise ValueError(
            f"{path} was made by another posterior; expected this one's print: make it again with `print_of`."
        )
    try:
        names, said = (
            tuple(json.loads(about["names"])),
            tuple(_opinion(row) for row in json.loads(about["said"])),
        )
    except (ValueError, TypeError, KeyError) as fault:
        raise ValueError(f"{path} names no readable opinions; expected a file that `save` wrote.") from fault
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    if shapes != {"shared": (len(names),), "features": (len(names), features)} or set(images_of(said)) - set(
        names
    ):
        raise ValueError(
            f"{path} holds {shapes} for {len(names)} images; expected {features} features of every image that its "
            "opinions name: save it again."
        )
    return about["user"], said, names, tensors


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name).to(torch.float32) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as fault:
        raise ValueError(
            f"{path} could not be read; expected a print that `save` wrote, whole: save it again."
        ) from fault
    if about.get("format") != FORMAT or not {"fingerprint", "user", "names", "said"} <= set(about):
        raise ValueError(
            f"{path} is not a print of format {FORMAT}; expected a file that `TastePrint.save` wrote."
        )
    return about, tensors


def _opinion(row: dict[str, Any]) -> Opinion:
    if "stars" in row:
        return Rating(**row)
    created_at = row.pop("created_at")
    return Vote(created_at=None if created_at is None else datetime.fromisoformat(created_at), **row)
