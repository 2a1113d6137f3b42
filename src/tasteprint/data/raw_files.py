"""Cameras' RAW files, by the preview that the camera put in; developed where there is none.

Enters: an open RAW file, the side that is needed. Leaves: a lazy PIL image, the way up, notes. Does not know: colours.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tasteprint.data.faults import MAX_PIXELS, ImageError, decoding_fault, needs_extra, too_large
from tasteprint.data.signatures import File

PREVIEW_SIDE = 320
"""A preview whose shorter side is smaller is a thumbnail, often with black bars, unless the sensor has no more."""

_ORIENTATIONS = {3: 3, 5: 8, 6: 6}
"""LibRaw's turns as EXIF's: by half, left, right."""


@dataclass(frozen=True)
class RawPicture:
    """A RAW file's picture; `orientation` is EXIF's, None where the picture's own EXIF data say it."""

    image: Image.Image
    orientation: int | None
    notes: tuple[str, ...]


def raw_picture(file: File, name: str, side: int | None) -> RawPicture:
    """Give the embedded preview if its shorter side has at least `side` and 320 pixels, else develop at half size.

    ImageError for what LibRaw cannot read, or where rawpy is not installed.
    """
    try:
        import rawpy
    except ImportError as error:
        raise needs_extra(name, "a camera's RAW file") from error
    try:
        with rawpy.imread(file) as raw:
            return _preview(rawpy, raw, max(side or 0, PREVIEW_SIDE)) or _developed(raw, name)
    except (rawpy.LibRawUnsufficientMemoryError, MemoryError) as error:
        raise decoding_fault(name, MemoryError()) from error
    except rawpy.LibRawError as error:
        why = f"a camera's RAW file that LibRaw cannot read ({type(error).__name__})"
        sentence = f"{name} is {why}; expected a whole one of a known camera: export a JPEG."
        raise ImageError("unsupported image", sentence) from error


def _preview(rawpy: Any, raw: Any, side: int) -> RawPicture | None:
    try:
        thumb = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    own = thumb.format == rawpy.ThumbFormat.JPEG
    image = Image.open(io.BytesIO(thumb.data), formats=("JPEG",)) if own else Image.fromarray(thumb.data)
    if min(image.size) < min(side, raw.sizes.width, raw.sizes.height):
        return None
    notes = (f"the camera's preview of {image.width} x {image.height} pixels",)
    return RawPicture(image, _orientation(image, raw.sizes), notes)


def _orientation(image: Image.Image, sizes: Any) -> int | None:
    # Cameras turn the preview, or mark it, or leave it as the sensor saw it. LibRaw marks what is not marked, even
    # what is turned already.
    if (image.width > image.height) != (sizes.width > sizes.height):
        return 1
    return None if 0x0112 in image.getexif() else _ORIENTATIONS.get(sizes.flip, 1)


def _developed(raw: Any, name: str) -> RawPicture:
    sizes = raw.sizes
    if sizes.raw_width * sizes.raw_height > MAX_PIXELS:
        raise too_large(name, f"{sizes.raw_width:,} x {sizes.raw_height:,}")
    pixels = raw.postprocess(half_size=True, use_camera_wb=True)
    return RawPicture(Image.fromarray(pixels), 1, ("developed at half size: its preview is too small",))
