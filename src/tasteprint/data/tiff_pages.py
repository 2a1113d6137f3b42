"""Which page of a TIFF is the picture, and what Pillow reads wrongly there.

Enters: an opened TIFF. Leaves: the same, at its first full page. Does not know: RAW files' contents.
"""

from __future__ import annotations

from typing import Any

from PIL import TiffImagePlugin

TiffImage = TiffImagePlugin.TiffImageFile

MAX_THUMBNAIL_PAGES = 8
"""So many pages are passed over in search of one that is no thumbnail."""

_SUBFILE_TYPE, _BITS, _MAKE, _PLANAR, _SUB_IFDS, _DNG_VERSION = 254, 258, 271, 284, 330, 50_706


def is_raw(image: TiffImage) -> bool:
    """Whether the page is a camera's: a DNG, or a thumbnail before the sensor's own data."""
    tags = image.tag_v2
    return _DNG_VERSION in tags or (is_thumbnail(image) and (_SUB_IFDS in tags or _MAKE in tags))


def is_thumbnail(image: TiffImage) -> bool:
    """Whether the page says of itself that it is a reduced copy of another."""
    return bool(image.tag_v2.get(_SUBFILE_TYPE, 0) & 1)


def to_full_page(image: TiffImage) -> tuple[str, ...]:
    """Go to the first page that is no thumbnail (the first of all if there is none); give notes."""
    for page in range(MAX_THUMBNAIL_PAGES):
        try:
            image.seek(page)
        except EOFError:
            image.seek(0)
            break
        if not is_thumbnail(image):
            break
    mend_planes(image)
    return ("the first page of several",) if image.is_animated and not image.tell() else ()


def mend_planes(image: TiffImage) -> None:
    """Have planes of 16 bits read as such: Pillow takes each for 8 bits where it is not compressed."""
    bits = image.tag_v2.get(_BITS, ())
    if image.tag_v2.get(_PLANAR) == 2 and set(bits) == {16}:
        order = "L" if image.tag_v2.prefix == b"II" else "B"
        image.tile = [_of_sixteen_bits(tile, order) for tile in image.tile]


def _of_sixteen_bits(tile: Any, order: str) -> Any:
    mode, *others = tile.args
    return tile if len(mode) > 1 else tile._replace(args=(f"{mode};16{order}", *others))
