"""A rating put into a sidecar, everything else of which stays byte for byte.

Enters: the bytes of a sidecar, or none. Leaves: the bytes of another. Does not know: files, how stars are found.
"""

from __future__ import annotations

from itertools import count

from tasteprint.likes.xmp import OURS, RDF, SPACES, XMP, Packet, read_packet

NEW = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about=""/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()
"""A packet that says nothing yet."""

UTF_8 = ("utf-8", "utf8", "us-ascii")


def with_stars(old: bytes | None, stars: int) -> bytes:
    """Give a sidecar with 1 to 5 stars that say of themselves that tasteprint wrote them; no `old` makes a new one.

    The caller looks whether there is a person's rating. ValueError where the packet is of a form that cannot be changed
    safely: not in UTF-8, without a description, with a rating of no text.
    """
    text = NEW if old is None else old
    packet = read_packet(text)
    if packet.encoding not in UTF_8 or packet.opening is None:
        raise ValueError("is no description in UTF-8; expected one")
    text.decode()
    new = _changed(text, packet, str(stars).encode())
    after = read_packet(new)
    if (after.rating, after.foretold, after.rest) != (str(stars), True, packet.rest):
        raise ValueError("cannot be changed safely; expected a rating as photo programs write it")
    return new


def _changed(text: bytes, packet: Packet, stars: bytes) -> bytes:
    """Replace each rating that is there, and add those that are not to the first description."""
    changes = [(span, stars) for spans in packet.spans.values() for span in spans]
    missing = [space for space in (XMP, OURS) if not packet.spans[space]]
    assert packet.opening is not None
    added = b"".join(_attribute(packet, space, stars) for space in missing)
    if added:
        changes.append(((packet.opening, packet.opening), added))
    for (start, end), new in sorted(changes, reverse=True):
        if end < start:  # an element that is empty
            raise ValueError("has a rating without text; expected a number")
        text = text[:start] + new + text[end:]
    return text


def _attribute(packet: Packet, space: str, stars: bytes) -> bytes:
    """An attribute under the prefix that its namespace has there, or under a new one that is free."""
    known = next((prefix for prefix, uri in packet.prefixes.items() if prefix and uri == space), None)
    if known is not None:
        return f' {known}:Rating="'.encode() + stars + b'"'
    customary = next(prefix for prefix, uri in SPACES.items() if uri == space)
    names = (customary if not number else f"{customary}{number}" for number in count())
    free = next(name for name in names if name not in packet.prefixes)
    return f' xmlns:{free}="{space}" {free}:Rating="'.encode() + stars + b'"'
