"""In which letters a text is written, decided over the whole of it.

Enters: a `Place`. Leaves: the name of its encoding, and what else must be known of all of a text before it is read.
Does not know: tables.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tasteprint.data.tables.places import Place

BLOCK = 1 << 20

LONGEST_LINE = 64 * BLOCK
"""Characters; a table has no longer line, and a packed file that unpacks to one is refused unread."""

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Beginnings that name the encoding, the longer before the shorter that it begins with."""

GUESSES = ("utf-8", "cp1252", "latin-1")
"""Tried in this order where nothing names one; the last reads anything."""


class Scan(NamedTuple):
    """What one pass over a text found."""

    encoding: str
    spaced_quotes: bool
    """Whether a quote stands behind a space anywhere."""


def scan(place: Place, longest: int | None = None) -> Scan:
    """Decode a whole text to find its encoding.

    ValueError where it is not in the one that it or the user names, and for a line of more than `longest` letters.
    """
    named = place.said.encoding or _marked(place)
    for encoding in (named,) if named else GUESSES:
        try:
            "".encode(encoding)  # refuses what is no encoding of text
            return Scan(encoding, _decode_all(place, encoding, longest))
        except UnicodeError as error:
            fault = error
        except LookupError as error:
            raise ValueError(
                f"encoding is {encoding!r}; expected one that Python knows, as utf-8 or cp932: correct the mapping."
            ) from error
    raise ValueError(
        f"{place.name!r} is not in {named}, which {'was named' if place.said.encoding else 'its beginning says'}; "
        "expected one encoding throughout: save it again as UTF-8."
    ) from fault


def guess_note(place: Place, encoding: str) -> tuple[str, ...]:
    """What the user should know of an encoding that was guessed."""
    guessed = encoding in GUESSES[1:] and not place.said.encoding
    return (f"{place.name} is no UTF-8 and is read as {encoding}",) if guessed else ()


def _marked(place: Place) -> str:
    with place.open() as file:
        head = file.read(4096)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    return _by_zeros(head)


def _by_zeros(head: bytes) -> str:
    """UTF-16 or UTF-32 without a mark: most of its letters leave the same bytes zero."""
    zeros = [head[start::4].count(0) > len(head) // 6 for start in range(4)]
    forms = {"utf-32-le": "0111", "utf-32-be": "1110", "utf-16-le": "0101", "utf-16-be": "1010"}
    shape = "".join("01"[zero] for zero in zeros)
    return next((encoding for encoding, form in forms.items() if form == shape), "")


def _decode_all(place: Place, encoding: str, longest: int | None) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    quotes, since, last, total = False, 0, "", 0
    with place.open() as file:
        while block := file.read(BLOCK):
            total += len(block)
            place.refuse_bomb(total)
            text = decoder.decode(block)
            quotes = quotes or ('"' in text and ' "' in last + text)
            last = text[-1:]
            end = max(text.rfind("\n"), text.rfind("\r"))
            since = since + len(text) if end < 0 else len(text) - end
            if longest and since > longest:
                raise ValueError(
                    f"{place.name!r} has a line of more than {longest:,} letters; expected a table: name another."
                )
        decoder.decode(b"", True)
    return quotes


@contextmanager
def open_text(place: Place, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The text from its beginning, its line ends as they are."""
    with place.open() as file, io.TextIOWrapper(file, encoding, newline="") as text:
        yield text
