"""Pixels of 16 and 32 bits to 8, and transparency to white.

Enters: a loaded PIL image of any mode. Leaves: the same pixels in a mode of 8 bits a channel, without transparency.
Does not know: files, colour profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Shaped
from PIL import Image

Flatten = Callable[[Image.Image], Image.Image]

BAND_PIXELS = 4_000_000
"""So many pixels are converted at once, so that a panorama needs the memory of its own pixels and little more."""

DEEP = ("I", "F")
"""Beginnings of PIL's modes of 16 and 32 bits: I, I;16, I;16B, ..., F."""

WHITES = (1, 255, 65_535, 4_294_967_295)
"""What white may be in 32-bit pixels: the first that is no less than every pixel."""

_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # TIFF's tags


def bands(image: Image.Image, rows: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Give the image from top to bottom in parts of some BAND_PIXELS: where each begins, a multiple of `rows`."""
    height = max(1, BAND_PIXELS // image.width // rows) * rows
    for top in range(0, image.height, height):
        yield top, image.crop((0, top, image.width, min(top + height, image.height)))


def flattening(image: Image.Image) -> tuple[Flatten, tuple[str, ...]]:
    """Give what turns the image, or a part of it, to L, RGB, CMYK or LAB; and notes.

    16 bits are scaled to 8, not clipped. 32-bit pixels are scaled by the first of WHITES that holds them all, with
    black at 0; where some are negative or larger still, from their least to their greatest.
    """
    if not image.mode.startswith(DEEP):
        return _eight_bits, ()
    if image.mode.startswith("I;16"):
        return _of_sixteen(image), ()
    black, white = _range(image)
    note = f"32-bit pixels: {black:g} is shown black, {white:g} white"
    return lambda part: _scaled(np.asarray(part), black, white), (note,)


def _eight_bits(image: Image.Image) -> Image.Image:
    plain = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        image = image.convert("LA") if image.mode == "La" else image
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert(plain)
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert(plain)


def _of_sixteen(image: Image.Image) -> Flatten:
    # PIL reads 16-bit TIFFs whose zero is white as if it were black, and leaves 12 bits in the lower part.
    tags = getattr(image, "tag_v2", {})
    greatest = 4095.0 if tuple(tags.get(_BITS, ())) == (12,) else 65_535.0
    black, white = (greatest, 0.0) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else (0.0, greatest)
    clear = image.info.get("transparency")

    def flat(part: Image.Image) -> Image.Image:
        numbers = np.asarray(part)
        grey = _scaled(numbers, black, white)
        if isinstance(clear, int):
            grey.paste(255, mask=Image.fromarray(numbers == clear))
        return grey

    return flat


def _scaled(numbers: Shaped[np.ndarray, "h w"], black: float, white: float) -> Image.Image:
    shares = (np.nan_to_num(numbers.astype(np.float64), nan=black) - black) / ((white - black) or 1)
    return Image.fromarray(np.rint(shares.clip(0, 1) * 255).astype(np.uint8))


def _range(image: Image.Image) -> tuple[float, float]:
    """Black and white of 32-bit pixels; what is not finite does not count."""
    least, greatest = np.inf, -np.inf
    for _, part in bands(image):
        numbers = np.asarray(part)
        finite = numbers[np.isfinite(numbers)]
        if finite.size:
            least, greatest = min(least, float(finite.min())), max(greatest, float(finite.max()))
    if least < 0 or greatest > WHITES[-1]:
        return least, greatest
    return 0.0, float(next(white for white in WHITES if greatest <= white))
