"""Stars of pictures and of the sidecars beside them: Lightroom's, darktable's, digiKam's, Bridge's, the Explorer's.

Enters: pictures' paths. Leaves: items; the packets that say something of a picture. Does not know: XML, databases.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from tasteprint.data.containers import open_container
from tasteprint.data.signatures import HEAD, RAW_SUFFIXES, File, format_of
from tasteprint.library.folder import find_pictures
from tasteprint.likes.found import UNRATED, Item, rated
from tasteprint.likes.places import Moved
from tasteprint.likes.xmp import MOST, Packet, read_packet

FORETOLD = "stars that tasteprint wrote"
NO_SIDECAR, NO_PICTURE = "sidecars that could not be read", "pictures whose inside could not be read"

UNSAID = ("", "0", "0.0")
DARKTABLES_REJECT = "6"
"""What old versions of darktable wrote for a reject."""

XMP_TAG, BYTES = 700, (1, 7)
"""Of a TIFF's first directory, and the types that its value may have."""


def read_xmp(place: str, moved: Moved) -> Iterator[Item]:
    """Read the stars of every picture of a folder, file or pattern.

    Of the sidecars a.ext.xmp and a.xmp and the picture itself, the first that has a rating counts. Stars that
    tasteprint wrote and nobody changed are no opinion. ValueError where there is no picture.
    """
    names = lru_cache(maxsize=64)(names_in)
    for path in find_pictures([place]).paths:
        packets = list(packets_of(path, names(path.parent)))
        yield from (Item(silent=packet) for packet in packets if isinstance(packet, str))
        yield _item(path, [packet for packet in packets if not isinstance(packet, str)])


def packets_of(path: Path, names: Collection[str]) -> Iterator[Packet | str]:
    """Give what each sidecar and the picture itself say; in words where one cannot be read."""
    for sidecar in sidecars_of(path, names):
        try:
            yield read_packet(bounded(sidecar))
        except (OSError, ValueError):
            yield NO_SIDECAR
    try:
        inside = packet_inside(path)
        if inside:
            yield read_packet(inside)
    except (OSError, ValueError):
        yield NO_PICTURE


def says_something(packet: Packet) -> bool:
    """Whether a packet has a rating that a person gave, 0 not being one."""
    return packet.rating not in UNSAID and not packet.foretold


def names_in(folder: Path) -> frozenset[str]:
    """The names in a folder; none where it cannot be read."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names, not paths
    except OSError:
        return frozenset()


def sidecars_of(path: Path, names: Collection[str]) -> list[Path]:
    """Give the sidecars of a picture that are there: a.ext.xmp, then a.xmp.

    Where a camera wrote a.raw and a.jpg, a.xmp is the RAW file's.
    """
    own = [path.name]
    if path.suffix.lower() in RAW_SUFFIXES or not same_stem(path, names, RAW_SUFFIXES):
        own.append(path.stem)
    return [
        path.with_name(f"{one}{end}") for one in own for end in (".xmp", ".XMP") if f"{one}{end}" in names
    ]


def same_stem(path: Path, names: Collection[str], suffixes: Collection[str]) -> int:
    """How many pictures of some suffixes have the same name but for the suffix, this one included."""
    both = {spelt for suffix in suffixes for spelt in (suffix, suffix.upper())}
    return sum(f"{path.stem}{suffix}" in names for suffix in both)


def bounded(path: Path) -> bytes:
    """Read a file of no more bytes than a packet may have, and one more; OSError for what is no file, as a pipe."""
    if not path.is_file():
        raise OSError(f"{str(path)!r} is no file; expected one.")
    with path.open("rb") as file:
        return file.read(MOST + 1)


def packet_inside(path: Path) -> bytes | None:
    """Give the XMP in a picture: JPEG, PNG, WebP, HEIC, AVIF, TIFF, DNG and the RAW files that are built like TIFF.

    None where there is none, or the file is no picture. ValueError where the file is damaged.
    """
    with path.open("rb") as file:
        kind = format_of(file.read(HEAD))
        if kind is None:
            return None
        if kind in ("TIFF", "RAW"):
            return _of_tiff(file)
        file.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                info = open_container(file, f"image file {str(path)!r}").image.info
        except Exception as fault:  # readers raise many things on broken headers
            raise ValueError(str(fault)) from fault
    found = info.get("xmp") or info.get("XML:com.adobe.xmp")
    return found.encode() if isinstance(found, str) else found


def _of_tiff(file: File) -> bytes | None:
    file.seek(0)
    head = file.read(8)
    if len(head) < 8 or head[:2] not in (b"II", b"MM"):
        return None
    order = "<" if head[:2] == b"II" else ">"
    file.seek(struct.unpack(f"{order}I", head[4:])[0])
    count = int.from_bytes(file.read(2), "little" if order == "<" else "big")
    fields = file.read(12 * count)
    for tag, kind, size, at in struct.iter_unpack(f"{order}HHII", fields[: len(fields) // 12 * 12]):
        if tag == XMP_TAG and kind in BYTES:
            file.seek(at)
            return file.read(min(size, MOST + 1))
    return None


def _item(path: Path, packets: list[Packet]) -> Item:
    for packet in packets:
        if says_something(packet):
            return rated(path, -1 if packet.rating == DARKTABLES_REJECT else packet.rating)
    return Item(silent=FORETOLD if any(packet.foretold for packet in packets) else UNRATED)
