"""Any pixels to sRGB, by the picture's own colour profile.

Enters: a loaded PIL image of any mode. Leaves: RGB of 8 bits, perhaps reduced, and notes. Does not know: files.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from tasteprint.data.depth import Flatten, bands, flattening
from tasteprint.data.profiles import profile_of

MAX_PROFILE_BYTES = 4 << 20
"""Profiles for print take up to 3 MB; what is larger is not applied."""

IDENTITY = 2
"""A profile that moves no colour by more than so many of 255 is sRGB itself: its pixels stay as they are."""

_CHANNELS = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_AVERAGED = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")


def to_srgb(image: Image.Image, factor: int = 1) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert to RGB with the profile applied and transparency laid on white, averaging factor x factor pixels.

    The size is divided by the factor and rounded up. A profile that is damaged, too large or of other channels is
    left out, and a note says so. Where there is nothing to do, the same image comes back.
    """
    flat, notes = flattening(image)
    profile, more = _usable(profile_of(image), flat(image.crop((0, 0, 1, 1))).mode)
    if image.mode == "RGB" and profile is None and not image.has_transparency_data:
        return (image.reduce(factor) if factor > 1 else image), more
    return _in_bands(image, factor, lambda part: _coloured(flat(part), profile)), (*notes, *more)


def _in_bands(image: Image.Image, factor: int, convert: Flatten) -> Image.Image:
    # Where averaging is meaningful in the picture's own mode, it comes first: there are fewer pixels to convert.
    early = image.mode in _AVERAGED and "transparency" not in image.info
    whole = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top, part in bands(image, factor):
        small = convert(part.reduce(factor)) if early else convert(part).reduce(factor)
        whole.paste(small, (0, top // factor))
    return whole


def _coloured(flat: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is None:
        return flat.convert("RGB")
    mode, transform = _transform(profile)
    return transform.apply(flat if flat.mode == mode else flat.convert(mode))


def _usable(profile: object, mode: str) -> tuple[bytes | None, tuple[str, ...]]:
    if not isinstance(profile, bytes) or not profile or mode == "LAB":
        return None, ()
    if len(profile) > MAX_PROFILE_BYTES:
        return None, (f"its colour profile of {len(profile):,} bytes is too large and was not applied",)
    try:
        channels, _ = _transform(profile)
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError, ImportError):
        return None, ("its colour profile is damaged and was not applied",)
    if mode != channels and (mode, channels) != ("L", "RGB"):
        return None, (f"its colour profile is for {channels}, its pixels are {mode}: it was not applied",)
    return (None if _is_srgb(profile) else profile), ()


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform]:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = _CHANNELS[source.profile.xcolor_space.strip()]
    srgb = ImageCms.createProfile("sRGB")
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return mode, ImageCms.buildTransform(source, srgb, mode, "RGB", intent, flags)


@lru_cache(maxsize=8)
def _is_srgb(profile: bytes) -> bool:
    mode, transform = _transform(profile)
    if mode != "RGB":
        return False
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    moved = np.asarray(transform.apply(Image.fromarray(cube))).astype(int) - cube
    return bool(np.abs(moved).max() <= IDENTITY)
