"""Hostile-proof decoding: whatever claims to be a picture becomes plain RGB, or one sentence.

Enters: a path, bytes or a PIL image. Leaves: a PIL image in mode RGB, upright, sRGB, 8 bits a channel, and notes.
Does not know: the store, votes, models.
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from tasteprint.data.colour import to_srgb
from tasteprint.data.containers import FORMATS, Opened, of_pil, open_container, reduction
from tasteprint.data.faults import MAX_PIXELS, ImageError, decoding_fault, too_large
from tasteprint.data.signatures import PICTURE_SUFFIXES, SIDECAR_SUFFIXES, File

__all__ = ["FORMATS", "PICTURE_SUFFIXES", "SIDECAR_SUFFIXES", "Decoded", "ImageError", "decode", "open_image"]

MAX_STREAMED_PIXELS = 1_000_000_000
"""A JPEG of which only a small copy is asked for is decoded at that size, line by line."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes EXIF's orientations."""


@dataclass(frozen=True)
class Decoded:
    """A picture, and in short sentences what of its file it does not show or how it was read."""

    image: Image.Image
    notes: tuple[str, ...] = ()


def open_image(source: str | Path | bytes | Image.Image, side: int | None = None) -> Image.Image:
    """Decode one picture to RGB; see `decode`."""
    return decode(source, side).image


def decode(source: str | Path | bytes | Image.Image, side: int | None = None) -> Decoded:
    """Decode the first picture of a file, of bytes, or what PIL has opened, to RGB.

    The colour profile is applied (to sRGB), CMYK is converted, 16-bit is scaled to 8 (not clipped), transparency is
    laid on white, and the EXIF rotation is applied. 32-bit pixels are scaled by `depth.flattening`, which a note says.

    With `side`, a large picture comes smaller, but its shorter side never below 1.5 x `side` (JPEG) or 3 x `side`
    (all others); nothing is enlarged. Scaled down to `side` from there, a photograph differs from one
    scaled down from all its pixels by less than 1 of 255 on average (JPEG; 0.4 all others).

    Raises ImageError (a ValueError) for what is missing, truncated, not an image, of another format than FORMATS, or
    larger than MAX_PIXELS (a JPEG of one scan, with `side`: MAX_STREAMED_PIXELS), or where memory is too short.
    """
    name = _name(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what PIL warns of in a hostile file is decided on here
        if isinstance(source, Image.Image):
            decoded = _decoded(of_pil(source), name, side)
        else:
            decoded = _of_file(source, name, side)
    image = decoded.image.copy() if decoded.image is source else decoded.image
    image.info = {}  # what it said of turns and profiles is done
    return Decoded(image, decoded.notes)


def refuse_missing(path: str | Path) -> None:
    """Raise ImageError unless the path, whatever characters it holds, is a file."""
    # Not pathlib's, which raises on names that are too long.
    if os.path.isfile(path):  # noqa: PTH113
        return
    why = "is not there; expected a file: correct the path or the folder"
    if os.path.isdir(path):  # noqa: PTH112
        why = "is a folder; expected a file: name the pictures in it"
    elif os.path.lexists(path) and os.path.exists(path):  # noqa: PTH110
        why = (
            "is a pipe, a device or a socket, which is not read; expected a file: copy what it gives into one"
        )
    raise ImageError("image missing", f"image file {str(path)!r} {why}.")


def image_format(data: bytes) -> str:
    """PIL's name, in lower case, of the format of bytes that `open_image` accepted; or "raw"."""
    return open_container(io.BytesIO(data), "an image").format.lower()


def _name(source: str | Path | bytes | Image.Image) -> str:
    if isinstance(source, bytes):
        return f"an image of {len(source):,} bytes"
    return "an image in memory" if isinstance(source, Image.Image) else f"image file {str(source)!r}"


def _of_file(source: str | Path | bytes, name: str, side: int | None) -> Decoded:
    suffix = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    try:
        with _file(source, name) as file:
            return _decoded(open_container(file, name, suffix, side), name, side)
    except ImageError:
        raise
    except Exception as error:  # readers raise many things on broken headers
        raise decoding_fault(name, error) from error


def _file(source: str | Path | bytes, name: str) -> File:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    refuse_missing(source)
    try:
        return Path(source).open("rb")
    except OSError as error:
        why = error.strerror or type(error).__name__
        sentence = (
            f"{name} cannot be read ({why}); expected a file that you may read: correct its permissions."
        )
        raise ImageError("image unreadable", sentence) from error


def _decoded(opened: Opened, name: str, side: int | None) -> Decoded:
    _check_size(opened, name)
    try:
        opened.image.load()
        factor = reduction(opened.image.size, side)
        image, notes = to_srgb(opened.image, factor)
        image = _turned(_aligned(image, opened, factor), opened.orientation or _orientation(opened.image))
        return Decoded(image, (*opened.notes, *notes))
    except ImageError:
        raise
    except Exception as error:  # truncated data surfaces as OSError, SyntaxError, struct.error, EOFError, ...
        raise decoding_fault(name, error, opened.image.width * opened.image.height) from error


def _check_size(opened: Opened, name: str) -> None:
    (width, height), decoded = opened.size, opened.image.size
    limit = MAX_STREAMED_PIXELS if opened.streamed else MAX_PIXELS
    if width * height > limit or decoded[0] * decoded[1] > MAX_PIXELS:
        raise too_large(name, f"{width:,} x {height:,}")


def _aligned(image: Image.Image, opened: Opened, factor: int) -> Image.Image:
    """Mend that the last column and row of a reduced picture stand for fewer pixels than the others."""
    width, height = (number / opened.scale / factor for number in opened.size)
    if image.size == (width, height):
        return image
    return image.resize((round(width), round(height)), Image.Resampling.BICUBIC, box=(0, 0, width, height))


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:  # broken EXIF data are no reason to refuse a picture
        return 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
