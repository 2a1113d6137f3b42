"""A taste posterior and its prints on disk: safetensors and JSON only, nothing here unpickles.

Enters: the parts of a posterior or of a print; or a path, and the fingerprint expected. Leaves: files, or the parts
read back. Does not know: how a prior is fitted, how a print is made.

A posterior is a folder. Of the images that it was fitted on, it keeps the 256 smallest hashes of their names (Broder
1997): of a set that shares a hundredth of its images with them, two or three are found on average.

    tasteprint.json         settings, the encoder by name and fingerprint, those hashes, the names that a prior knows
    posterior.safetensors   the utility map, the prior, the cuts
    checksums.json          of both

A print is one file, and what it says of the person follows from the opinions, so these alone are kept:

    shared, features        (images,), (images, d): the images as the posterior reads them
    metadata                format, fingerprint, checksum; user, the images' names and the opinions as JSON
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.hub import ABOUT, find_model, read_about, said_in, written_model
from tasteprint.learned_range import LearnedRange
from tasteprint.posterior.alone import AlonePrior
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import images_of
from tasteprint.posterior.utilities import FittedPrior
from tasteprint.posterior.verdict import ScoringEncoder
from tasteprint.said import said_as_json, said_from_json
from tasteprint.tensor_files import SEAL, read_tensors, require_finite, write_tensors
from tasteprint.types import Opinion, Scorer
from tasteprint.vision.encoder import ImageEncoder

KIND = "posterior"
TENSORS = "posterior.safetensors"
HASHES = 256
PRINT_FORMAT = "tasteprint-taste-2"


def save_posterior(
    folder: Path,
    encoder: ImageEncoder,
    config: PosteriorConfig,
    fitted: FittedPrior,
    fitted_on: Sequence[int],
    learned: LearnedRange,
) -> None:
    """Write everything that `load_posterior` needs but the encoder's weights, which its name leads to."""
    about = {
        "kind": KIND,
        "posterior": asdict(config),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint},
        "scorer": {"prompt": encoder.prompt} if isinstance(encoder, ScoringEncoder) else None,
        "learned_from": " ".join(f"{part:x}" for part in fitted_on),
        "images": fitted.names,
        "range": learned.as_record(),
    }
    with written_model(folder, about) as part:
        write_tensors(part / TENSORS, fitted.state_dict())


def load_posterior(
    name: str | Path, scorer: Scorer | None = None
) -> tuple[ImageEncoder, PosteriorConfig, FittedPrior, tuple[int, ...], LearnedRange]:
    """Read a folder or a Hub repository back; ValueError where it is damaged or its encoder or scorer has changed."""
    folder = find_model(name)
    about = read_about(folder)
    if about.get("kind") != KIND:
        raise ValueError(f"{folder} holds no taste posterior; expected one: open it as an `InContextModel`.")
    config = PosteriorConfig(**said_in(about, folder, "posterior", dict))
    encoder = _encoder(folder, about, scorer)
    fitted_on = _hashes(folder, said_in(about, folder, "learned_from", str))
    names = said_in(about, folder, "images", list) if about.get("images") is not None else None
    fitted = _fitted(folder, encoder.width, config, names)
    return encoder, config, fitted, fitted_on, LearnedRange.from_record(about.get("range"))


def _encoder(folder: Path, about: dict[str, Any], scorer: Scorer | None) -> ImageEncoder:
    """The encoder as it was; with the scorer whose verdicts it gave, which a folder does not keep."""
    said = said_in(about, folder, "encoder", dict)
    encoder = ImageEncoder.from_pretrained(said_in(said, folder, "name", str))
    if about.get("scorer") is not None:
        if scorer is None:
            raise ValueError(
                f"{folder} was made with a scorer's verdicts; expected that scorer beside it: give "
                "from_pretrained(..., scorer=...)."
            )
        judged = said_in(about, folder, "scorer", dict)
        encoder = ScoringEncoder.of(encoder, scorer, said_in(judged, folder, "prompt", str))
    if encoder.fingerprint != said.get("fingerprint"):
        raise ValueError(
            f"{folder} learned from another state of encoder {encoder.name!r} or of its scorer; expected the same "
            "weights and preparation of pictures: open those that it had, or learn again."
        )
    return encoder


def _hashes(folder: Path, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part, 16) for part in text.split())
    except ValueError as fault:
        raise ValueError(
            f"{folder / ABOUT} has hashes in learned_from that are no numbers; expected hexadecimal ones: save it "
            "again."
        ) from fault


def _fitted(folder: Path, width: int, config: PosteriorConfig, names: Sequence[str] | None) -> FittedPrior:
    _, state = read_tensors(folder / TENSORS, f"weights of the shape that {ABOUT} names")
    try:
        if not all(value.is_floating_point() for value in state.values()):
            raise TypeError("its numbers are not all floats")
        if config.prior == "alone":
            fitted: FittedPrior = AlonePrior.from_state(state, width)
        elif names is None:
            fitted = LearnedPrior.from_state(state, config, width)
        else:
            fitted = EmpiricalBayesPrior.from_state(state, names, width)
        fitted.float()  # whatever torch's default type is
        trial = fitted.utilities(torch.zeros(1, width, dtype=torch.float32))
    except (RuntimeError, TypeError, KeyError, IndexError) as fault:
        raise ValueError(
            f"{folder / TENSORS} does not fit; expected weights of the shape that {ABOUT} names: save it again."
        ) from fault
    prior = fitted.prior
    found = {"utilities": torch.cat([part.flatten() for part in trial]), "shares": prior.log_weights}
    require_finite(str(folder / TENSORS), found | {"means": prior.means, "spread": prior.spread})
    return fitted


def smallest_hashes(names: Iterable[str]) -> tuple[int, ...]:
    """The 256 smallest 48-bit hashes of names, rising; of fewer names all."""
    return tuple(nsmallest(HASHES, {_hash(name) for name in names}))


def overlaps(names: Iterable[str], hashes: Iterable[int]) -> bool:
    """Whether the hash of any of these names is among the hashes."""
    known = frozenset(hashes)
    return any(_hash(name) in known for name in names)


def _hash(name: str) -> int:
    return int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest()[:6])


def print_parts(
    fingerprint: str, user_id: object, opinions: tuple[Opinion, ...], names: tuple[str, ...]
) -> dict[str, str]:
    """What a print's file says beside its tensors."""
    said = said_as_json(user_id, opinions, names=names)
    return {"format": PRINT_FORMAT, "fingerprint": fingerprint, "said": said}


def read_print(
    source: Path | bytes, fingerprint: str, features: int
) -> tuple[Any, tuple[Opinion, ...], tuple[str, ...], dict[str, Tensor]]:
    """Read user, opinions, image names and tensors of a file or its bytes.

    ValueError where they are damaged, no print, or another posterior's.
    """
    where = "a print in memory" if isinstance(source, bytes) else str(source)
    about, tensors = read_tensors(source, "a print that `save` wrote")
    if about.get("format") != PRINT_FORMAT or not {"fingerprint", "said", SEAL} <= set(about):
        raise ValueError(
            f"{where} is not a print of format {PRINT_FORMAT}; expected a file that `PosteriorPrint.save` wrote."
        )
    if about["fingerprint"] != fingerprint:
        raise ValueError(
            f"{where} was made by another posterior; expected this one's print: make it again with `print_of`."
        )
    user, opinions, more = said_from_json(about["said"], where)
    names = tuple(map(str, more.get("names", ())))
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()}
    expected = {"shared": ((len(names),), torch.float32), "features": ((len(names), features), torch.float32)}
    if shapes != expected or not set(images_of(opinions)) <= set(names):
        raise ValueError(
            f"{where} holds {shapes} for {len(names)} images; expected {features} features of every image that its "
            "opinions name: save it again."
        )
    return user, opinions, names, tensors
