"""Records of a text in the CSV format, a few thousand at a time, each with the line that it begins on.

Enters: a `Place`, its encoding and separator. Leaves: rows of cells as they are written. Does not know: headers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from tasteprint.data.tables.encodings import LONGEST_LINE, open_text
from tasteprint.data.tables.places import Place

ROWS, LEAST_ROWS, LETTERS = 512, 16, 4 << 20
"""A chunk has so many rows, which stay in the processor's cache; fewer where they would have more letters."""


class Form(NamedTuple):
    """How cells are separated: by one character, and perhaps the spaces behind it."""

    encoding: str
    delimiter: str
    spaced: bool = False


class Chunk(NamedTuple):
    """Rows that are not empty lines, and the lines that they begin on, from 1."""

    rows: list[list[str]]
    lines: list[int]


class RecordError(ValueError):
    """A record that is not written as CSV is."""


def read_chunks(place: Place, form: Form) -> Iterator[Chunk]:
    """Read all records, quoted by `"` alone. RecordError, with the line, for a quote that is wrong or never ends."""
    with open_text(place, form.encoding) as text:
        reader = csv.reader(text, delimiter=form.delimiter, skipinitialspace=form.spaced, strict=True)
        begin, size = 1, LEAST_ROWS
        while True:
            chunk, before = Chunk([], []), begin
            try:
                with _cells_of_any_length():
                    for cells in islice(reader, size):
                        if cells:
                            chunk.rows.append(cells)
                            chunk.lines.append(begin)
                        begin = reader.line_num + 1
            except csv.Error as error:
                yield chunk
                raise RecordError(f"line {begin} of {place.name!r} {_fault(error)}") from error
            if begin == before:
                return
            yield chunk
            size = min(ROWS, max(LEAST_ROWS, size * LETTERS // (1 + _letters(chunk.rows))))


def _letters(rows: list[list[str]]) -> int:
    """How many letters the cells have, by every sixteenth row."""
    return LEAST_ROWS * sum(len(cell) for row in rows[::LEAST_ROWS] for cell in row)


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
