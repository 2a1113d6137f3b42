"""Which colour profile a picture has: its own, or one that its camera only names.

Enters: a PIL image. Leaves: an ICC profile as bytes. Does not know: pixels.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from PIL import ExifTags, Image, ImageCms

_P3_PRIMARIES = 12
"""ITU-T H.273's number of Display P3's primaries, by which telephones' HEIC files name it."""

_ADOBE_RGB = "R03"
"""DCF's word for Adobe RGB, by which cameras name it in EXIF's table of interoperability."""

Primaries = tuple[tuple[float, float, float], ...]

DISPLAY_P3: Primaries = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
ADOBE_RGB: Primaries = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
"""Red, green and blue as XYZ under D50; Adobe RGB (1998), annex C."""

ADOBE_GAMMA = 563 / 256


def profile_of(image: Image.Image) -> object:
    """Give a picture's ICC profile: what it carries, of whatever kind, or what its metadata name; None for neither."""
    own = image.info.get("icc_profile")
    if own:
        return own
    named = image.info.get("nclx_profile")
    if isinstance(named, dict) and named.get("color_primaries") == _P3_PRIMARIES:
        return matrix_profile(DISPLAY_P3)
    return matrix_profile(ADOBE_RGB, ADOBE_GAMMA) if _names_adobe(image) else None


@lru_cache
def matrix_profile(primaries: Primaries, gamma: float | None = None) -> bytes:
    """Write a profile of these primaries, with sRGB's tone curve or a power: LittleCMS's sRGB profile, changed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for place in range(132, 132 + 12 * count, 12):
        name, offset, _ = struct.unpack_from(">4sII", profile, place)
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            numbers = (round(value * 65536) for value in primaries[b"rgb".index(name[0])])
            struct.pack_into(">iii", profile, offset + 8, *numbers)
        if gamma and name in (b"rTRC", b"gTRC", b"bTRC"):
            struct.pack_into(">4s4xIH", profile, offset, b"curv", 1, round(gamma * 256))
    return bytes(profile)


def _names_adobe(image: Image.Image) -> bool:
    try:
        return str(image.getexif().get_ifd(ExifTags.IFD.Interop).get(1, "")).startswith(_ADOBE_RGB)
    except MemoryError:
        raise
    except Exception:  # broken EXIF data name nothing
        return False
