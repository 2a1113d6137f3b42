"""A taste posterior on disk or on the Hub: safetensors and JSON only.

Enters: an encoder, settings and what was learned, or a name. Leaves: a folder, or the same parts read back.
Does not know: people, prints. Nothing here unpickles.

    tasteprint.json         settings, the encoder by name and fingerprint, a sketch of the images learned from, the
                            raters' images of an estimated prior
    posterior.safetensors   the utility map, the prior, the cuts
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tasteprint.config import PosteriorConfig
from tasteprint.model.embeddings import ImageEncoder
from tasteprint.model.storage import ABOUT, FORMAT, find, read_about
from tasteprint.taste.few import Estimate
from tasteprint.taste.learning import Learner

KIND = "posterior"
LEARNED = "posterior.safetensors"


def save(
    folder: Path,
    encoder: ImageEncoder,
    config: PosteriorConfig,
    learner: Learner | Estimate,
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
        "images": learner.names if isinstance(learner, Estimate) else None,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def load(name: str | Path) -> tuple[ImageEncoder, PosteriorConfig, Learner | Estimate, tuple[int, ...]]:
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
) -> Learner | Estimate:
    learner = Learner(torch.zeros(2, encoder.width), config)
    try:
        if names is not None:
            return Estimate.from_state(load_file(folder / LEARNED), names, encoder.width)
        learner.load_state_dict(load_file(folder / LEARNED))
    except (OSError, SafetensorError, RuntimeError, KeyError) as fault:
        raise ValueError(
            f"{folder / LEARNED} could not be read; expected weights of the shape that {ABOUT} names: save it again."
        ) from fault
    return learner.eval().requires_grad_(False)
