"""XMP: the rating in a packet, and whether it was tasteprint that wrote it.

Enters: the bytes of a packet or a sidecar, hostile until proven otherwise. Leaves: a `Packet`. Does not know: files.
No document type is read, so that there are no entities and nothing is fetched.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
OURS = "urn:tasteprint:xmp/1.0/"
"""Beside a rating that was foretold stands the same one under this name: whoever changes the first makes it theirs."""

SPACES = {"xmp": XMP, "tasteprint": OURS}
"""The customary prefix of each namespace of ours in an XMP packet."""

MOST = 16 << 20
"""Bytes of a packet."""

MOST_ELEMENTS = 500_000
"""Which take two seconds; the longest history of edits has some ten thousand."""

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DEEPEST = 3
"""Elements from the root to a description of the picture itself: x:xmpmeta, rdf:RDF, rdf:Description."""

Span = tuple[int, int]

_NAME = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


@dataclass
class Packet:
    """What a packet says: ratings by namespace, and where their text stands (spans of bytes).

    `opening`: where a description's attributes begin, and the prefixes known there; None without a description.
    `rest` is a digest of everything else in it.
    """

    ratings: dict[str, list[str]] = field(default_factory=lambda: {XMP: [], OURS: []})
    spans: dict[str, list[Span]] = field(default_factory=lambda: {XMP: [], OURS: []})
    opening: int | None = None
    prefixes: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    rest: str = ""

    @property
    def rating(self) -> str:
        """The rating as it stands; "" for none, "several" where they differ."""
        said = set(self.ratings[XMP])
        return "several" if len(said) > 1 else next(iter(said), "")

    @property
    def foretold(self) -> bool:
        """Whether the rating is one that tasteprint wrote and nobody changed."""
        return bool(self.ratings[OURS]) and set(self.ratings[OURS]) == set(self.ratings[XMP])


def read_packet(data: bytes) -> Packet:
    """Read a packet of at most 16 MB. ValueError in words for what is larger, has a document type, or is no XML."""
    if len(data) > MOST:
        raise ValueError(f"has {len(data):,} bytes; expected at most {MOST:,}")
    reading = _Reading(data)
    try:
        reading.parser.Parse(data if data[:2] in UTF_16 else data.rstrip(b"\0"), True)
    except expat.ExpatError as fault:
        raise ValueError(f"is no XML ({fault}); expected XMP") from fault
    reading.packet.rest = reading.digest.hexdigest()
    return reading.packet


class _Reading:
    """One pass over a packet."""

    def __init__(self, data: bytes) -> None:
        self.data, self.packet, self.digest = data, Packet(), hashlib.sha256()
        self.path: list[str] = []
        self.known: dict[str, list[str]] = {}
        self.text: list[str] = []
        self.inner = self.elements = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.XmlDeclHandler = self._declared
        self.parser.StartNamespaceDeclHandler = lambda prefix, uri: self.known.setdefault(
            prefix or "", []
        ).append(uri)
        self.parser.EndNamespaceDeclHandler = lambda prefix: self.known[prefix or ""].pop()
        self.parser.StartElementHandler = self._begun
        self.parser.EndElementHandler = self._ended
        self.parser.CharacterDataHandler = self._said
        self.parser.buffer_text = True

    def _refuse(self, *_: Any) -> None:
        raise ValueError("has a document type; expected XMP, which has none")

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        self.packet.encoding = (encoding or "utf-8").lower()

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        self.elements += 1
        if self.elements > MOST_ELEMENTS:
            raise ValueError(f"has more than {MOST_ELEMENTS:,} elements; expected a description of a picture")
        if self._describes(self.path):
            self._described(attributes)
            attributes = {key: value for key, value in attributes.items() if key not in _RATINGS}
        if self._is_rating():
            self.text, self.inner = [], self._end_of_tag()
        else:
            self.digest.update(repr((name, sorted(attributes.items()))).encode("utf-8", "backslashreplace"))

    def _described(self, attributes: Mapping[str, str]) -> None:
        prefixes = {prefix: uris[-1] for prefix, uris in self.known.items() if uris}
        start = self.parser.CurrentByteIndex
        named = _NAME.match(self.data, start)
        at = named.end() if named else start
        if self.packet.opening is None and named:
            self.packet.opening, self.packet.prefixes = at, prefixes
        for key, space in _RATINGS.items():
            if key in attributes:
                self.packet.ratings[space].append(attributes[key].strip())
        while found := _ATTRIBUTE.match(self.data, at):
            prefix, _, local = found[1].decode("utf-8", "replace").partition(":")
            space = prefixes.get(prefix, "")
            if local == "Rating" and space in self.packet.spans:
                self.packet.spans[space].append(found.span(2 if found[2] is not None else 3))
            at = found.end()

    def _ended(self, name: str) -> None:
        if self._is_rating():
            space = _RATINGS[name]
            self.packet.ratings[space].append("".join(self.text).strip())
            self.packet.spans[space].append((self.inner, self.parser.CurrentByteIndex))
        self.path.pop()

    def _said(self, text: str) -> None:
        self.text.append(text)
        if not self._is_rating():
            self.text.clear()
            self.digest.update(text.encode("utf-8", "backslashreplace"))

    def _is_rating(self) -> bool:
        short = len(self.path) <= DEEPEST + 1
        return short and self.path[-1] in _RATINGS and self._describes(self.path[:-1])

    def _end_of_tag(self) -> int:
        return self.data.find(b">", self.parser.CurrentByteIndex) + 1

    @staticmethod
    def _describes(path: list[str]) -> bool:
        """Whether the innermost element describes the picture itself, and no part or source of it."""
        return len(path) <= DEEPEST and path[-2:] == [f"{RDF} RDF", f"{RDF} Description"]


_RATINGS = {f"{space} Rating": space for space in SPACES.values()}
"""Names as the parser gives them."""
