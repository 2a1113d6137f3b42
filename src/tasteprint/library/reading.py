"""One picture file to its SHA-256 and its pixels, no larger than an encoder needs.

Enters: a path, the least side that is needed, contents whose pixels are not. Leaves: the file as it was, its SHA-256,
and pixels, or one sentence of what is wrong. Does not know: encoders, the cache, other pictures.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from tasteprint.data.decode import ImageError, open_image

MAX_BYTES = 512_000_000
"""A file is read whole before it is decoded, so that what is hashed is what is decoded."""


@dataclass(frozen=True)
class ReadRequest:
    """A file to read: both sides of the pixels shall have at least `side` pixels where the picture has them.

    `place` tells requests apart; `known` are contents whose pixels are not needed, SHA-256 in hexadecimal.
    """

    place: int
    path: str
    side: int
    known: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Reading:
    """What a file was: size in bytes, time of change in nanoseconds, SHA-256 in hexadecimal; and its pixels, RGB.

    `fault` says in one sentence why there is nothing; without one, no pixels means that the content is known.
    """

    size: int = 0
    modified: int = 0
    content: str = ""
    pixels: UInt8[np.ndarray, "h w 3"] | None = None
    fault: str = ""


def read_picture(request: ReadRequest) -> Reading:
    """Read, hash and decode one file; whatever is wrong with it is the reading's `fault`."""
    try:
        data, about = _read(request.path)
        content = hashlib.sha256(data).hexdigest()
        pixels = None if content in request.known else _pixels(data, request.side)
        return Reading(about.st_size, about.st_mtime_ns, content, pixels)
    except ImageError as fault:
        return Reading(fault=str(fault))
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        return Reading(
            fault=f"{request.path!r} could not be read ({why}); expected a whole file: look at it."
        )
    except MemoryError:
        return Reading(
            fault=f"{request.path!r} takes more memory than there is; expected less: make it smaller."
        )


def _read(path: str) -> tuple[bytes, os.stat_result]:
    with Path(path).open("rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("not a file")
        if about.st_size > MAX_BYTES:
            raise ValueError(f"{about.st_size:,} bytes, more than {MAX_BYTES:,}")
        data = file.read(about.st_size + 1)
        if len(data) != about.st_size or os.fstat(file.fileno()).st_mtime_ns != about.st_mtime_ns:
            raise ValueError("it changed while it was read")
    return data, about


def _pixels(data: bytes, side: int) -> np.ndarray:
    """What `open_image` gives, decoded no larger than needed where the format can."""
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (side, side))
    picture = open_image(image)
    factor = min(picture.size) // side
    return np.asarray(picture.reduce(factor) if factor > 1 else picture)
