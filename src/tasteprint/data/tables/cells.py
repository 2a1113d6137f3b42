"""Records of a text in the CSV format, a few thousand at a time, each with the line that it begins on.

Enters: a `Place`, its encoding and separator. Leaves: rows of cells as they are written. Does not know: headers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, cast

from tasteprint.data.tables.encodings import LONGEST_LINE, open_text
from tasteprint.data.tables.places import Place

ROWS, BYTES = 16384, 8 << 20
"""A chunk ends behind so many rows, or so many bytes of the file."""


class Form(NamedTuple):
    """How cells are separated: by one character, and perhaps the spaces behind it."""

    encoding: str
    delimiter: str
    spaced: bool = False


class Chunk(NamedTuple):
    """Rows that are not empty lines, and the lines that they begin on, from 1."""

    rows: list[list[str]]
    lines: list[int]


def read_chunks(place: Place, form: Form, size: int = ROWS) -> Iterator[Chunk]:
    """Read all records, quoted by `"` alone. ValueError, with the line, for a quote that stands wrong or never ends."""
    with open_text(place, form.encoding) as text:
        reader = csv.reader(text, delimiter=form.delimiter, skipinitialspace=form.spaced, strict=True)
        tell, begin = cast(BinaryIO, text.buffer).tell, 1
        while True:
            chunk, start = Chunk([], []), tell()
            try:
                with _cells_of_any_length():
                    for cells in reader:
                        if cells:
                            chunk.rows.append(cells)
                            chunk.lines.append(begin)
                        begin = reader.line_num + 1
                        if len(chunk.rows) >= size or tell() - start > BYTES:
                            break
            except csv.Error as error:
                if chunk.rows:
                    yield chunk
                raise ValueError(f"line {begin} of {place.name!r} {_fault(error)}") from error
            if not chunk.rows:
                return
            yield chunk


def _fault(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "begins a quoted cell that never ends; expected a second quote: add it, or double the first."
    if "field larger" in str(error):
        return f"has a cell of more than {LONGEST_LINE:,} letters; expected a shorter one: end the quote before it."
    return (
        "has letters behind a closing quote; expected quotes inside a cell to be doubled: correct this row."
    )


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)
