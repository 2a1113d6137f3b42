"""One picture file to its SHA-256 and its pixels, no larger than an encoder needs.

Enters: a path, the least side that is needed, contents whose pixels are not. Leaves: the file as it was, its SHA-256,
and pixels, or one sentence of what is wrong. Does not know: encoders, the cache, other pictures.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from tasteprint.data.decode import ImageError, decode


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

    `fault` says in one sentence why there is nothing; without one, no pixels means that the content is known. `notes`
    say what of the file the pixels do not show.
    """

    size: int = 0
    modified: int = 0
    content: str = ""
    pixels: UInt8[np.ndarray, "h w 3"] | None = None
    fault: str = ""
    notes: tuple[str, ...] = ()


def read_picture(request: ReadRequest) -> Reading:
    """Read, hash and decode one file; whatever is wrong with it is the reading's `fault`."""
    try:
        return _read(request)
    except ImageError as fault:
        return Reading(fault=str(fault))
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        return Reading(
            fault=f"{request.path!r} could not be read ({why}); expected a whole file: look at it."
        )
    except MemoryError:
        return Reading(
            fault=f"{request.path!r} takes more memory than there is; expected less: end other programs."
        )


def _read(request: ReadRequest) -> Reading:
    with Path(request.path).open("rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise ValueError("it is not a file")
        content = hashlib.file_digest(file, "sha256").hexdigest()
    reading = Reading(before.st_size, before.st_mtime_ns, content)
    if content in request.known:
        return reading
    decoded = decode(request.path, request.side)
    after = Path(request.path).stat()
    if (after.st_ino, after.st_size, after.st_mtime_ns) != (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    ):
        raise ValueError("it changed while it was read")
    return replace(reading, pixels=np.asarray(decoded.image), notes=decoded.notes)
