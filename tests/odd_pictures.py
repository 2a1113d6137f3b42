"""Pictures as cameras, printers and scanners write them, in small: every byte is made here."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tasteprint.data.profiles import DISPLAY_P3, matrix_profile

SHORT, LONG, RATIONAL, SRATIONAL, ASCII, BYTE = 3, 4, 5, 10, 2, 1
_FORMS = {BYTE: "B", ASCII: "s", SHORT: "H", LONG: "I", RATIONAL: "II", SRATIONAL: "ii"}


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Red grows to the right, green downwards, blue to the left; one red patch tells left from right."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // (width - 1), y * 255 // (height - 1), 255 - x * 255 // (width - 1)], -1)
    pixels[height // 4 : height // 2, width // 8 : width // 4] = (220, 40, 40)
    return Image.fromarray(pixels.astype(np.uint8))


def detailed(width: int, height: int, seed: int = 0) -> Image.Image:
    """Noise of every size, as in a photograph of leaves."""
    rng, total = np.random.default_rng(seed), np.zeros((height, width, 3))
    for step in (2, 4, 8, 16, 32, 64):
        noise = rng.integers(0, 256, (height // step + 2, width // step + 2, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))
    total = (total - total.mean()) / total.std() * 50 + 120
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(chunk: bytes, image: Image.Image, late: bool = False) -> bytes:
    """A PNG with one more chunk, behind its header or before its end."""
    file = io.BytesIO()
    image.save(file, "PNG")
    data = file.getvalue()
    at = len(data) - 12 if late else 33
    return data[:at] + chunk + data[at:]


def png_of_sixteen_bits(pixels: np.ndarray, colour_type: int, extra: bytes = b"") -> bytes:
    """Pixels (h, w, c) of 16 bits as a PNG: grey 0, RGB 2, grey and alpha 4."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = (
        png_chunk(b"IHDR", head) + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


Page = dict[int, tuple]


def tiff(pages: list[Page], hidden: Page | None = None) -> bytes:
    """A little-endian TIFF: a page is tag to (type, *numbers), its strips under 273 as bytes.

    `hidden` hangs on the first page as its SubIFD.
    """
    data = bytearray(b"II*\0\0\0\0\0")
    if hidden:
        pages = [pages[0] | {330: (LONG, _append_page(data, hidden))}, *pages[1:]]
    link = 4
    for page in pages:
        start = _append_page(data, page)
        struct.pack_into("<I", data, link, start)
        link = len(data) - 4
    return bytes(data)


def _append_page(data: bytearray, page: Page) -> int:
    """Write the strips, then what is longer than four bytes, then the page; give where it begins."""
    _, *strips = page[273]
    offsets = [_append(data, strip) for strip in strips]
    page = page | {273: (LONG, *offsets), 279: (LONG, *map(len, strips))}
    entries = b"".join(_entry(data, tag, *page[tag]) for tag in sorted(page))
    return _append(data, struct.pack("<H", len(page)) + entries + bytes(4))


def _append(data: bytearray, more: bytes) -> int:
    data += bytes(len(data) % 2)
    start = len(data)
    data += more
    return start


def _entry(data: bytearray, tag: int, kind: int, *values: object) -> bytes:
    form = _FORMS[kind]
    packed = values[0] if kind == ASCII else struct.pack(f"<{len(values)}{form[0]}", *values)
    count = len(packed) if kind == ASCII else len(values) // len(form)
    if len(packed) > 4:
        packed = struct.pack("<I", _append(data, packed))
    return struct.pack("<HHI4s", tag, kind, count, packed)


def sixteen_bit_tiff(pixels: np.ndarray, photometric: int = 2, planar: int = 1) -> bytes:
    """Pixels (h, w, c) of 16 bits as an uncompressed TIFF."""
    height, width, channels = pixels.shape
    little = pixels.astype("<u2")
    strips = [little.tobytes()] if planar == 1 else [little[..., c].tobytes() for c in range(channels)]
    return tiff(
        [
            {
                256: (LONG, width),
                257: (LONG, height),
                258: (SHORT, *[16] * channels),
                259: (SHORT, 1),
                262: (SHORT, photometric),
                273: (LONG, *strips),
                277: (SHORT, channels),
                278: (LONG, height),
                284: (SHORT, planar),
            }
        ]
    )


def dng(preview: Image.Image | None, orientation: int = 1, width: int = 640, height: int = 480) -> bytes:
    """A camera's DNG: a preview as JPEG, or a tiny one of plain pixels; behind it the sensor's grey data."""
    first = {
        254: (LONG, 1),
        271: (ASCII, b"House\0"),
        272: (ASCII, b"Camera\0"),
        274: (SHORT, orientation),
        50706: (BYTE, 1, 4, 0, 0),
        50708: (ASCII, b"House Camera\0"),
        50721: (SRATIONAL, *[n for v in (1, 0, 0, 0, 1, 0, 0, 0, 1) for n in (v, 1)]),
        50728: (RATIONAL, 1, 1, 1, 1, 1, 1),
        50778: (SHORT, 21),
    }
    shown = preview or Image.new("RGB", (16, 12), "red")
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=95)
    strip = file.getvalue() if preview else shown.tobytes()
    first |= {
        256: (LONG, shown.width),
        257: (LONG, shown.height),
        258: (SHORT, 8, 8, 8),
        259: (SHORT, 7 if preview else 1),
        262: (SHORT, 6 if preview else 2),
        273: (LONG, strip),
        277: (SHORT, 3),
        278: (LONG, shown.height),
        284: (SHORT, 1),
    }
    sensor = np.full((height, width), 30_000, "<u2").tobytes()
    raw = {
        254: (LONG, 0),
        256: (LONG, width),
        257: (LONG, height),
        258: (SHORT, 16),
        259: (SHORT, 1),
        262: (SHORT, 32803),
        273: (LONG, sensor),
        277: (SHORT, 1),
        278: (LONG, height),
        284: (SHORT, 1),
        33421: (SHORT, 2, 2),
        33422: (BYTE, 0, 1, 1, 2),
        50714: (LONG, 0),
        50717: (LONG, 65535),
    }
    return tiff([first], raw)


def wide_gamut_profile() -> bytes:
    """Display P3."""
    return matrix_profile(DISPLAY_P3)


def printing_profile() -> bytes:
    """A CMYK profile by a table of two steps a channel: lightness falls with each ink, cyan is bluish."""
    inks = np.stack(np.meshgrid(*[(0, 1)] * 4, indexing="ij"), -1).reshape(-1, 4)
    lightness = 100 * np.prod(1 - inks * (0.4, 0.5, 0.1, 1.0), 1)
    a, b = inks @ (-30, 70, 0, 0), inks @ (-40, 0, 90, 0)
    clear = 1 - inks[:, 3]
    grid = np.stack([lightness * 2.55, a * clear + 128, b * clear + 128], 1).clip(0, 255).astype(np.uint8)
    line = bytes(range(256))
    unit = struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + unit + line * 4 + grid.tobytes() + line * 3
    return icc_profile(b"CMYK", {b"A2B0": table})


def grey_profile(gamma: float) -> bytes:
    """Grey whose light is its number to this power."""
    return icc_profile(b"GRAY", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))})


def icc_profile(space: bytes, tables: dict[bytes, bytes]) -> bytes:
    """A profile of version 2 from a colour space to Lab (inks) or XYZ (light), white as paper under D50."""
    inks = space == b"CMYK"
    white = struct.pack(">iii", 63190, 65536, 54061)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 6) + b"House\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        **tables,
    }
    body, entries, at = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        entries += struct.pack(">4sII", name, at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    kind, between = (b"prtr", b"Lab ") if inks else (b"mntr", b"XYZ ")
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, kind, space, between)
    head += bytes(12) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body
