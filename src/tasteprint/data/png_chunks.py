"""A PNG without the texts and profiles that Pillow refuses whole pictures for.

Enters: an open PNG. Leaves: an open PNG of the same pixels, and notes. Does not know: pixels.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from tasteprint.data.signatures import File

MAX_COMPRESSED = 1 << 20
"""Pillow refuses a picture whose compressed profile or text becomes larger than this."""

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_KEPT = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""The texts that may say which way up a picture is."""

Chunk = tuple[bytes, int, int]


def readable_png(file: File) -> tuple[File, tuple[str, ...]]:
    """Leave out texts (prompts, workflows) and a profile that is damaged or too large; the file itself if none is."""
    left_out = [chunk for chunk in text_chunks(file) if _refused(file, *chunk)]
    file.seek(0)
    if not left_out:
        return file, ()
    data, kept, at = file.read(), [], 0
    for _, start, end in left_out:
        kept.append(data[at:start])
        at = end
    profile = any(kind == b"iCCP" for kind, _, _ in left_out)
    notes = ("its colour profile is damaged or too large and was not applied",) if profile else ()
    return io.BytesIO(b"".join((*kept, data[at:]))), notes


def text_chunks(file: File) -> Iterator[Chunk]:
    """Kind, begin and end of every text and profile of a PNG, whose contents are not read."""
    at = 8
    while len(head := _read(file, at, 8)) == 8:
        end = at + 12 + int.from_bytes(head[:4])
        if head[4:] in _TEXTS or head[4:] == b"iCCP":
            yield head[4:], at, end
        if head[4:] == b"IEND":
            return
        at = end


def _refused(file: File, kind: bytes, start: int, end: int) -> bool:
    content = _read(file, start + 8, min(end - start - 12, 2 * MAX_COMPRESSED))
    if kind in _TEXTS:
        return len(content) > MAX_COMPRESSED or not content.startswith(_KEPT)
    _, _, packed = content.partition(b"\0")
    try:
        unpacking = zlib.decompressobj()
        unpacking.decompress(packed[1:], MAX_COMPRESSED)
    except zlib.error:
        return True
    return packed[:1] != b"\0" or bool(unpacking.unconsumed_tail)


def _read(file: File, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
