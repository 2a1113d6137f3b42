"""A file's first picture, opened but not decoded, at the scale that is needed.

Enters: an open file, its suffix, the side that is needed. Leaves: a lazy PIL image that knows its scale, and notes.
Does not know: colours, paths.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from PIL import Image, JpegImagePlugin, UnidentifiedImageError, features

from tasteprint.data.faults import ImageError, decoding_fault, needs_extra, too_large
from tasteprint.data.png_chunks import readable_png
from tasteprint.data.raw_files import raw_picture
from tasteprint.data.signatures import HEAD, RAW_SUFFIXES, File, format_of, other_kind
from tasteprint.data.tiff_pages import TiffImage, is_raw, mend_planes, to_full_page

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF", "RAW")
"""What is opened; PIL's other readers (EPS, PSD, ...) are never handed untrusted bytes."""

MAX_BYTES = 1 << 30
"""Some readers take a whole file into memory; 150 megapixels of 16 bits take 900 MB."""

MAX_SEGMENTS = 1000
"""So many segments of a JPEG are passed over in search of its first scan."""

CODEC_GAP = 1.5
"""A decoder that can (JPEG's) gives a picture at least so many times as large as needed: it costs what it gives."""

GAP = 3
"""What was decoded whole is kept so many times as large as needed: what scales it down then sees all that matters."""


@dataclass(frozen=True)
class Opened:
    """A lazy picture of `size` in the file, of which `image` decodes one of `scale` pixels a side.

    `streamed` where decoding needs memory for the pixels of `image` only, not for those of the file.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    scale: int = 1
    streamed: bool = False
    orientation: int | None = None
    notes: tuple[str, ...] = ()


def open_container(file: File, name: str, suffix: str = "", side: int | None = None) -> Opened:
    """Open the first picture in a file. ImageError for what is none, whatever PIL raises for what is damaged."""
    if file.seek(0, os.SEEK_END) > MAX_BYTES:
        raise ImageError(
            "image too large", f"{name} has more than {MAX_BYTES:,} bytes; expected fewer: make it smaller."
        )
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    kind = format_of(head)
    if kind in ("TIFF", None) and head and suffix in RAW_SUFFIXES:
        kind = "RAW"
    if kind is None:
        raise _no_picture(name, head)
    return _OPENERS.get(kind, _by_pil)(file, name, kind, side)


def of_pil(image: Image.Image) -> Opened:
    """Take what the caller opened with PIL, perhaps lazily, at the frame where it stands."""
    if isinstance(image, TiffImage):
        mend_planes(image)
    return Opened(image, image.format or "", image.size)


def reduction(size: tuple[int, int], side: int | None, gap: float = GAP) -> int:
    """By how much a picture of this size can be reduced and still be `gap` times as large as needed."""
    return max(1, int(min(size) / (side * gap))) if side else 1


def _by_pil(file: File, name: str, kind: str, side: int | None) -> Opened:
    try:
        image = Image.open(file, formats=(kind,))
    except Image.DecompressionBombError as error:
        raise too_large(name, "too many") from error
    except UnidentifiedImageError as error:
        raise _unidentified(name, kind, error) from error
    moving = kind != "TIFF" and getattr(image, "is_animated", False)
    return Opened(image, kind, image.size, notes=("the first frame of several",) if moving else ())


def _unidentified(name: str, kind: str, error: Exception) -> ImageError:
    if kind == "AVIF" and not features.check("avif"):
        sentence = (
            f"{name} is an AVIF picture, which this Pillow was built without; expected Pillow's own wheel"
        )
        return ImageError("unsupported image", f"{sentence}: pip install --force-reinstall pillow.")
    if kind == "TIFF":
        sentence = f"{name} is a TIFF file of an unknown kind, or damaged; expected 8 or 16 bits a channel"
        return ImageError("unsupported image", f"{sentence}: export it as PNG or JPEG.")
    return decoding_fault(name, error)


def _png(file: File, name: str, kind: str, side: int | None) -> Opened:
    readable, notes = readable_png(file)
    opened = _by_pil(readable, name, kind, side)
    frames = getattr(opened.image, "n_frames", 1) - getattr(opened.image, "default_image", False)
    return replace(opened, notes=notes if frames == 1 else (*opened.notes, *notes))


def _jpeg(file: File, name: str, kind: str, side: int | None) -> Opened:
    # A telephone's MPO is a JPEG followed by previews: its first picture is the photograph.
    streamed = _one_scan(file)
    file.seek(0)
    return _drafted(Opened(JpegImagePlugin.jpeg_factory(file), kind, (0, 0), streamed=streamed), side)


def _drafted(opened: Opened, side: int | None) -> Opened:
    image, size = opened.image, opened.image.size
    scale = next((scale for scale in (8, 4, 2) if scale <= reduction(size, side, CODEC_GAP)), 1)
    if scale > 1:
        image.draft(None, (size[0] // scale, size[1] // scale))
    return replace(opened, size=size, scale=scale)


def _one_scan(file: File) -> bool:
    """Whether a JPEG is sequential and has one scan: others are held whole while they are decoded."""
    at, components = 2, 0
    for _ in range(MAX_SEGMENTS):
        file.seek(at)
        head = file.read(10)
        if len(head) < 10 or head[0] != 0xFF:
            return False
        if head[1] == 0xDA:  # the first scan: of how many components?
            return head[4] == components
        if head[1] in (0xC0, 0xC1):  # the frame of a sequential one
            components = head[9]
        at += 1 if head[1] == 0xFF else 2 + int.from_bytes(head[2:4])
    return False


def _heif(file: File, name: str, kind: str, side: int | None) -> Opened:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise needs_extra(name, "a HEIC picture") from error
    image = HeifImageFile(file)
    if side:
        times = reduction(image.size, side, CODEC_GAP)
        image.draft(None, (image.width // times, image.height // times))
    return Opened(
        image, kind, image.size, notes=("the main one of several pictures",) if image.is_animated else ()
    )


def _raw(file: File, name: str, kind: str, side: int | None) -> Opened:
    found = raw_picture(file, name, side)
    opened = Opened(found.image, kind, found.image.size, orientation=found.orientation, notes=found.notes)
    return _drafted(opened, side) if found.image.format == "JPEG" else opened


def _tiff(file: File, name: str, kind: str, side: int | None) -> Opened:
    opened = _by_pil(file, name, kind, side)
    assert isinstance(opened.image, TiffImage)
    if is_raw(opened.image):
        file.seek(0)
        return _raw(file, name, "RAW", side)
    notes = to_full_page(opened.image)
    return replace(opened, size=opened.image.size, notes=notes)


_OPENERS = {"JPEG": _jpeg, "PNG": _png, "HEIF": _heif, "RAW": _raw, "TIFF": _tiff}


def _no_picture(name: str, head: bytes) -> ImageError:
    kind = other_kind(head)
    sentence = f"{name} is {kind or 'not an image'}; expected one of {', '.join(FORMATS)}: leave it out."
    return ImageError("not an image", sentence)
