"""A taste posterior and its prints on disk: safetensors and JSON only, nothing here unpickles.

Enters: the parts of a posterior or of a print; or a path, and the fingerprint expected. Leaves: files, or the parts
read back. Does not know: how a prior is fitted, how a print is made.

A posterior is a folder. Of the images that it was fitted on, it keeps the 256 smallest hashes of their names (Broder
1997): of a set that shares a hundredth of its images with them, two or three are found on average.

    tasteprint.json         settings, the encoder by name and fingerprint, those hashes, the names that a prior knows
    posterior.safetensors   the utility map, the prior, the cuts

A print is one file, and what it says of the person follows from the opinions, so these alone are kept:

    shared, features        (images,), (images, d): the images as the posterior reads them
    metadata                format, fingerprint, user, the images' names and the opinions as JSON
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
from safetensors.torch import load_file
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.files import write_tensors
from tasteprint.hub import ABOUT, find_model, read_about, write_about
from tasteprint.posterior.alone import AlonePrior
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import images_of
from tasteprint.posterior.utilities import FittedPrior
from tasteprint.posterior.verdict import ScoringEncoder
from tasteprint.types import Opinion, Passed, Rating, Scorer, Vote
from tasteprint.vision.encoder import ImageEncoder

KIND = "posterior"
TENSORS = "posterior.safetensors"
HASHES = 256
PRINT_FORMAT = "tasteprint-taste-1"


def save_posterior(
    folder: Path,
    encoder: ImageEncoder,
    config: PosteriorConfig,
    fitted: FittedPrior,
    fitted_on: Sequence[int],
) -> None:
    """Write everything that `load_posterior` needs but the encoder's weights, which its name leads to."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / TENSORS, fitted.state_dict())
    about = {
        "kind": KIND,
        "posterior": asdict(config),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint},
        "scorer": {"prompt": encoder.prompt} if isinstance(encoder, ScoringEncoder) else None,
        "learned_from": " ".join(f"{part:x}" for part in fitted_on),
        "images": fitted.names,
    }
    write_about(folder, about)


def load_posterior(
    name: str | Path, scorer: Scorer | None = None
) -> tuple[ImageEncoder, PosteriorConfig, FittedPrior, tuple[int, ...]]:
    """Read a folder or a Hub repository back; ValueError where it is damaged or its encoder or scorer has changed."""
    folder = find_model(name)
    about = read_about(folder)
    if about.get("kind") != KIND:
        raise ValueError(f"{folder} holds no taste posterior; expected one: open it as an `InContextModel`.")
    config = PosteriorConfig(**about["posterior"])
    encoder = ImageEncoder.from_pretrained(about["encoder"]["name"])
    if (judged := about.get("scorer")) is not None:
        if scorer is None:
            raise ValueError(
                f"{folder} was made with a scorer's verdicts; expected that scorer beside it: give "
                "from_pretrained(..., scorer=...)."
            )
        encoder = ScoringEncoder.of(encoder, scorer, judged["prompt"])
    if encoder.fingerprint != about["encoder"]["fingerprint"]:
        raise ValueError(
            f"{folder} learned from another state of encoder {encoder.name!r} or of its scorer; expected the same "
            "weights and preparation of pictures: open those that it had, or learn again."
        )
    fitted_on = tuple(int(part, 16) for part in about.get("learned_from", "").split())
    return encoder, config, _fitted(folder, encoder.width, config, about.get("images")), fitted_on


def _fitted(folder: Path, width: int, config: PosteriorConfig, names: Sequence[str] | None) -> FittedPrior:
    try:
        state = load_file(folder / TENSORS)
        if config.prior == "alone":
            return AlonePrior.from_state(state, width)
        if names is None:
            return LearnedPrior.from_state(state, config, width)
        return EmpiricalBayesPrior.from_state(state, names, width)
    except (OSError, SafetensorError, RuntimeError, KeyError) as fault:
        raise ValueError(
            f"{folder / TENSORS} could not be read; expected weights of the shape that {ABOUT} names: save it again."
        ) from fault


def smallest_hashes(names: Iterable[str]) -> tuple[int, ...]:
    """The 256 smallest 48-bit hashes of names, rising; of fewer names all."""
    return tuple(nsmallest(HASHES, {_hash(name) for name in names}))


def overlaps(names: Iterable[str], hashes: Iterable[int]) -> bool:
    """Whether the hash of any of these names is among the hashes."""
    known = frozenset(hashes)
    return any(_hash(name) in known for name in names)


def _hash(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:6])


def write_print(
    path: Path,
    fingerprint: str,
    user_id: str,
    opinions: tuple[Opinion, ...],
    names: tuple[str, ...],
    tensors: dict[str, Tensor],
) -> None:
    """Write what a print is made of, replacing the file in one step."""
    about = {
        "format": PRINT_FORMAT,
        "fingerprint": fingerprint,
        "user": user_id,
        "names": json.dumps(names),
        "said": json.dumps([asdict(opinion) for opinion in opinions], default=datetime.isoformat),
    }
    write_tensors(path, tensors, about)


def read_print(
    path: Path, fingerprint: str, features: int
) -> tuple[str, tuple[Opinion, ...], tuple[str, ...], dict[str, Tensor]]:
    """Read user, opinions, image names and tensors. ValueError for a damaged file, no print, or another posterior's."""
    about, tensors = _opened(path)
    if about["fingerprint"] != fingerprint:
        raise ValueError(
            f"{path} was made by another posterior; expected this one's print: make it again with `print_of`."
        )
    try:
        names = tuple(json.loads(about["names"]))
        opinions = tuple(_opinion(row) for row in json.loads(about["said"]))
    except (ValueError, TypeError, KeyError) as fault:
        raise ValueError(f"{path} names no readable opinions; expected a file that `save` wrote.") from fault
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    expected = {"shared": (len(names),), "features": (len(names), features)}
    if shapes != expected or not set(images_of(opinions)) <= set(names):
        raise ValueError(
            f"{path} holds {shapes} for {len(names)} images; expected {features} features of every image that its "
            "opinions name: save it again."
        )
    return about["user"], opinions, names, tensors


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
            f"{path} is not a print of format {PRINT_FORMAT}; expected a file that `PosteriorPrint.save` wrote."
        )
    return about, tensors


def _opinion(row: dict[str, Any]) -> Opinion:
    if "stars" in row:
        return Rating(**row)
    if "image" in row:
        return Passed(**row)
    created_at = row.pop("created_at")
    return Vote(created_at=None if created_at is None else datetime.fromisoformat(created_at), **row)
