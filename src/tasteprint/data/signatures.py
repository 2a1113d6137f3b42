"""What a file is: by its first bytes, never by its name alone.

Enters: the first bytes of a file, its suffix. Leaves: the name of a picture format, or words for what is none.
Does not know: how a picture is decoded.
"""

from __future__ import annotations

import io

File = io.BufferedReader | io.BytesIO
"""An open file, or bytes like one."""

HEAD = 512
"""So many first bytes tell what a file is."""

_RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f"
)
_PLAIN = ".apng .avif .bmp .dib .gif .heic .heif .hif .jfif .jpe .jpeg .jpg .mpo .png .tif .tiff .webp"
_BESIDE = ".aae .cos .dop .json .on1 .pp3 .thm .xmp"

RAW_SUFFIXES = frozenset(_RAW.split())
"""Names of cameras' RAW files."""

PICTURE_SUFFIXES = RAW_SUFFIXES | frozenset(_PLAIN.split())
"""File names worth opening, in lower case with the dot; what a file is, its bytes say."""

SIDECAR_SUFFIXES = frozenset(_BESIDE.split())
"""Files that programs and telephones write beside a picture: edits, ratings, tiny previews."""

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\0", "RAW"),
    (b"FOVb", "RAW"),
    (b"\0MRM", "RAW"),
    (b"II\x1a\0\0\0HEAPCCDR", "RAW"),
    (b"II*\0\x10\0\0\0CR", "RAW"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript drawing"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a zip archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document or a thumbnail database"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"\0\0\x01\0", "an icon"),
    (b"\0\5\x16\7", "a file that macOS wrote beside another"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\0\0\x01\xba", "a video"),
    (b"ID3", "a sound recording"),
    (b"OggS", "a sound recording"),
    (b"fLaC", "a sound recording"),
    (b"version https://git-lfs", "a Git LFS pointer, whose picture was not fetched"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF = frozenset((b"avif", b"avis"))


def format_of(head: bytes) -> str | None:
    """Name the picture format of a file that begins so: PIL's names, HEIF or RAW; None for what is none of them."""
    if head[:4] == b"RIFF":
        return "WEBP" if head[8:12] == b"WEBP" else None
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    return next((name for start, name in _STARTS if head.startswith(start)), None)


def other_kind(head: bytes) -> str | None:
    """Say in words what a file is that is no picture we open; None where its first bytes do not tell."""
    if not head:
        return "empty"
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "a video"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<?xml"):
        return "an SVG drawing" if b"<svg" in text else "an XML document"
    lists = ((start, words) for start, words in _OTHERS if head.startswith(start) or text.startswith(start))
    return next((words for _, words in lists), None)


def _of_brands(head: bytes) -> str | None:
    # A box: its length, "ftyp", the major brand, a version, then the compatible brands.
    brands = {head[at : at + 4] for at in (8, *range(16, min(int.from_bytes(head[:4]), len(head)), 4))}
    if head[8:12] == b"crx ":
        return "RAW"
    if brands & _AVIF and head[8:12] not in _HEIC:
        return "AVIF"
    return "HEIF" if brands & _HEIC else None
