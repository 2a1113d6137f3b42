"""Hostile-proof decoding: whatever claims to be a picture becomes plain RGB, or one sentence.

Enters: a path, bytes or a PIL image. Leaves: a PIL image in mode RGB, upright, 8 bits a channel.
Does not know: the store, votes, models.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""What PIL may try; its other readers (EPS, PSD, ...) are never handed untrusted bytes."""

MAX_PIXELS = 64_000_000
"""Read from the header before any pixel is decoded; a 64 Mpx RGB image takes 192 MB."""


class ImageError(ValueError):
    """An image that cannot be used; `kind` names the fault in a few words, for counting."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def open_image(source: str | Path | bytes | Image.Image) -> Image.Image:
    """Decode one still image to RGB.

    CMYK is converted, 16-bit is scaled to 8 (not clipped), transparency is laid on white, and the EXIF
    rotation is applied. Raises ImageError (a ValueError) for what is missing, truncated, not an image, of
    another format than FORMATS, animated, or larger than MAX_PIXELS.
    """
    name = _name(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what PIL warns of in a hostile file is decided on here
        image = source if isinstance(source, Image.Image) else _opened(source, name)
        _check_header(image, name)
        return _decoded(image, name)


def refuse_missing(path: str | Path) -> None:
    """Raise ImageError unless the path, whatever characters it holds, is a file."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises on names that are too long
        sentence = f"image file {str(path)!r} is not there; expected a file: correct the path or the folder."
        raise ImageError("image missing", sentence)


def image_format(data: bytes) -> str:
    """PIL's name, in lower case, of the format of bytes that `open_image` accepted."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return "jpeg" if image.format == "MPO" else str(image.format).lower()


def _name(source: str | Path | bytes | Image.Image) -> str:
    if isinstance(source, bytes):
        return f"an image of {len(source):,} bytes"
    return "an image in memory" if isinstance(source, Image.Image) else f"image file {str(source)!r}"


def _opened(source: str | Path | bytes, name: str) -> Image.Image:
    if not isinstance(source, bytes):
        refuse_missing(source)
    try:
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise ImageError(
            "not an image", f"{name} is not an image; expected one of {known}: leave it out."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name, "far more") from error
    except Exception as error:  # PIL's readers raise many things on broken headers
        raise _damaged(name, error) from error


def _check_header(image: Image.Image, name: str) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise _too_large(name, f"{image.width:,} x {image.height:,}")
    # A telephone's MPO is a JPEG followed by previews: its first picture is the photograph.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise ImageError(
            "animated image", f"{name} has more than one frame; expected a still image: export one frame."
        )


def _decoded(image: Image.Image, name: str) -> Image.Image:
    try:
        image.load()
        return _rgb(ImageOps.exif_transpose(image), name)
    except ImageError:
        raise
    except Exception as error:  # truncated data surfaces as OSError, SyntaxError, struct.error, EOFError, ...
        raise _damaged(name, error) from error


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError(
            "unsupported image", f"{name} has 32-bit pixels; expected 8 or 16 bits: convert it to PNG."
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _too_large(name: str, size: str) -> ImageError:
    limit = f"{MAX_PIXELS:,}"
    return ImageError(
        "image too large", f"{name} has {size} pixels; expected at most {limit}: make it smaller."
    )


def _damaged(name: str, error: Exception) -> ImageError:
    return ImageError(
        "image truncated",
        f"{name} is truncated or damaged ({type(error).__name__}); expected a whole image: fetch it again.",
    )
