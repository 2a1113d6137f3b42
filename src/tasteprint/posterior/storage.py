"""A posterior's print on disk: one safetensors file, read back only by the posterior that made it.

Enters: a print, or a path and a fingerprint. Leaves: a file, or what it holds. Does not know: how beliefs are made.
Nothing here unpickles. The belief follows from what was said, so that alone is kept:

    shared, features   (images,), (images, d): the images as the posterior reads them
    metadata           format, fingerprint, user, the images' names and the opinions as JSON

A taste posterior on disk or on the Hub: safetensors and JSON only.

Enters: an encoder, settings and what was learned, or a name. Leaves: a folder, or the same parts read back.
Does not know: people, prints. Nothing here unpickles.

    tasteprint.json         settings, the encoder by name and fingerprint, a sketch of the images learned from, the
                            raters' images of an estimated prior
    posterior.safetensors   the utility map, the prior, the cuts

Which images a posterior learned from, remembered in two kilobytes.

Enters: image names. Leaves: a sketch of them, and whether others' names are among them. Does not know: pixels.
The names' smallest hashes are kept (Broder 1997): of a set that shares a hundredth of its images with the sketch's own,
two or three are found on average.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.files import write_tensors
from tasteprint.incontext.storage import ABOUT, FORMAT, find, read_about
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import Opinion, images_of
from tasteprint.types import Rating, Vote
from tasteprint.vision.encoder import ImageEncoder

PRINT_FORMAT = "tasteprint-taste-1"


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
        "format": PRINT_FORMAT,
        "fingerprint": fingerprint,
        "user": user_id,
        "names": json.dumps(names),
        "said": json.dumps([asdict(one) for one in said], default=datetime.isoformat),
    }
    write_tensors(path, tensors, about)


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
    if about.get("format") != PRINT_FORMAT or not {"fingerprint", "user", "names", "said"} <= set(about):
        raise ValueError(
            f"{path} is not a print of format {PRINT_FORMAT}; expected a file that `TastePrint.save` wrote."
        )
    return about, tensors


def _opinion(row: dict[str, Any]) -> Opinion:
    if "stars" in row:
        return Rating(**row)
    created_at = row.pop("created_at")
    return Vote(created_at=None if created_at is None else datetime.fromisoformat(created_at), **row)


KIND = "posterior"
LEARNED = "posterior.safetensors"


def save(
    folder: Path,
    encoder: ImageEncoder,
    config: PosteriorConfig,
    learner: LearnedPrior | EmpiricalBayesPrior,
    learned_from: Sequence[int],
) -> None:
    """Write everything that `load` needs but the encoder's weights, which its name leads to."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in learner.state_dict().items()}, folder / LEARNED)
    about = {
        "format": FORMAT,
        "kind": KIND,
        "posterior": asdict(config),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint},
        "learned_from": " ".join(f"{part:x}" for part in learned_from),
        "images": learner.names if isinstance(learner, EmpiricalBayesPrior) else None,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def load(
    name: str | Path,
) -> tuple[ImageEncoder, PosteriorConfig, LearnedPrior | EmpiricalBayesPrior, tuple[int, ...]]:
    """Read a folder or a Hub repository back; ValueError where it is not what was said or its encoder has changed."""
    folder = find(name)
    about = read_about(folder)
    if about.get("kind") != KIND:
        raise ValueError(f"{folder} holds no taste posterior; expected one: open it as a `PreferenceModel`.")
    config = PosteriorConfig(**about["posterior"])
    encoder = ImageEncoder.from_pretrained(about["encoder"]["name"])
    if encoder.fingerprint != about["encoder"]["fingerprint"]:
        raise ValueError(
            f"{folder} learned from another state of encoder {encoder.name!r}; expected the same weights and "
            "preparation of pictures: open the encoder that it had, or learn again."
        )
    learned_from = tuple(int(part, 16) for part in about.get("learned_from", "").split())
    return encoder, config, _learned(folder, encoder, config, about.get("images")), learned_from


def _learned(
    folder: Path, encoder: ImageEncoder, config: PosteriorConfig, names: Sequence[str] | None
) -> LearnedPrior | EmpiricalBayesPrior:
    learner = LearnedPrior(torch.zeros(2, encoder.width), config)
    try:
        if names is not None:
            return EmpiricalBayesPrior.from_state(load_file(folder / LEARNED), names, encoder.width)
        learner.load_state_dict(load_file(folder / LEARNED))
    except (OSError, SafetensorError, RuntimeError, KeyError) as fault:
        raise ValueError(
            f"{folder / LEARNED} could not be read; expected weights of the shape that {ABOUT} names: save it again."
        ) from fault
    return learner.eval().requires_grad_(False)


KEPT = 256


def sketch(names: Iterable[str]) -> tuple[int, ...]:
    """The 256 smallest hashes of names, rising; of fewer names all."""
    return tuple(nsmallest(KEPT, {_hash(name) for name in names}))


def some_are_in(names: Iterable[str], known: Iterable[int]) -> bool:
    """Whether any of these names is in a sketch."""
    known = frozenset(known)
    return any(_hash(name) in known for name in names)


def _hash(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:6])
