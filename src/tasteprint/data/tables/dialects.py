"""How the cells of a CSV are separated, and which of its rows is the header.

Enters: a `Place`, the columns that it should have. Leaves: a `Dialect`. Does not know: rows behind the header, except
whether they fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from tasteprint.data.tables.cells import Form, RecordError, read_chunks
from tasteprint.data.tables.encodings import LONGEST_LINE, Scan, open_text, scan
from tasteprint.data.tables.names import has_all, place_of
from tasteprint.data.tables.places import Place

DELIMITERS = (",", ";", "\t", "|")

SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""The first line of a CSV by which Excel is told the separator."""

ABOVE = 20
"""Lines among which the header is sought: an export may begin with a title."""


class Dialect(NamedTuple):
    """How a CSV is read: the form of its cells, its header, the number of rows down to it, and of titles among them."""

    form: Form
    header: tuple[str, ...]
    skipped: int
    titles: int


def decide(place: Place, wanted: Sequence[str]) -> Dialect:
    """Find the separator and the header that give the wanted columns; of several ways, the one that fits every row.

    ValueError for a text in no encoding, and where there is no row.
    """
    found = scan(place, LONGEST_LINE)
    ways = [way for delimiter in _delimiters(place, found) if (way := _way(place, found, delimiter, wanted))]
    if not ways:
        for _ in read_chunks(place, Form(found.encoding, DELIMITERS[0])):
            pass  # it says what is wrong
        raise ValueError(f"{place.name!r} has no row; expected a table with a header: choose another file.")
    best = max(_merit(way, wanted) for way in ways)
    ways = [way for way in ways if _merit(way, wanted) == best]
    return ways[0] if len(ways) == 1 else max(ways, key=lambda way: _fitting(place, way))


def _delimiters(place: Place, found: Scan) -> Sequence[str]:
    if place.said.delimiter:
        return (place.said.delimiter,)
    with open_text(place, found.encoding) as text:
        named = SEPARATOR_LINE.fullmatch(text.readline(64))
    return (named[1],) if named else DELIMITERS


def _way(place: Place, found: Scan, delimiter: str, wanted: Sequence[str]) -> Dialect | None:
    """How the file looks under one separator; None where there is no row."""
    form = Form(found.encoding, delimiter)
    rows = list(islice(_rows(place, form), ABOVE))
    if _perhaps_spaced(rows, found, wanted) and _spaces_separate(place, form):
        form = form._replace(spaced=True)
        rows = list(islice(_rows(place, form), ABOVE))
    if not rows:
        return None
    row = _header(rows, wanted)
    above = sum(not SEPARATOR_LINE.fullmatch("".join(cells) + delimiter) for cells in rows[:row])
    return Dialect(form, tuple(rows[row]), row + 1, above)


def _perhaps_spaced(rows: Sequence[Sequence[str]], found: Scan, wanted: Sequence[str]) -> bool:
    header = rows[_header(rows, wanted)] if rows else []
    return len(header) > 1 and (found.spaced_quotes or all(cell.startswith(" ") for cell in header[1:]))


def _rows(place: Place, form: Form) -> Iterator[list[str]]:
    """The rows that can be read."""
    try:
        for chunk in read_chunks(place, form):
            yield from chunk.rows
    except RecordError:
        return  # said with its line when the table is read


def _header(rows: Sequence[Sequence[str]], wanted: Sequence[str]) -> int:
    """The first row with all wanted columns; else the first of several cells; else the first."""
    for place, row in enumerate(rows):
        if wanted and has_all(row, wanted):
            return place
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    return next((place for place, count in enumerate(filled) if count > 1), 0)


def _merit(way: Dialect, wanted: Sequence[str]) -> tuple[int, int]:
    columns = [column for column in way.header if column.strip()]
    return sum(place_of(way.header, column) is not None for column in wanted), len(columns)


def _fitting(place: Place, way: Dialect) -> int:
    """The number of rows before the first that has not a cell for each column; one more than all where all have."""
    seen = 0
    try:
        for chunk in read_chunks(place, way.form):
            for cells in chunk.rows:
                if seen >= way.skipped and len(cells) != len(way.header):
                    return seen
                seen += 1
    except RecordError:
        return seen
    return seen + 1


def _spaces_separate(place: Place, form: Form) -> bool:
    """Whether spaces belong to the separators: one stands behind each of the file, or somewhere before a quote."""
    mark = re.escape(form.delimiter)
    quoted = re.compile(rf'(^|{mark})( *)"(?:[^"]|"")*"(?= *(?:{mark}|[\r\n]|$))')
    everywhere = True
    for record in _raw_records(place, form):
        if any(found[1] and found[2] for found in quoted.finditer(record)):
            return True
        bare = quoted.sub(r"\1\2x", record)
        everywhere = everywhere and bare.count(form.delimiter) == bare.count(form.delimiter + " ")
    return everywhere


def _raw_records(place: Place, form: Form) -> Iterator[str]:
    """Lines, those of one record together: as long as a quote is open."""
    with open_text(place, form.encoding) as text:
        held, quotes, letters = [], 0, 0
        for line in text:
            held.append(line)
            quotes, letters = quotes + line.count('"'), letters + len(line)
            if quotes % 2 == 0 or letters > LONGEST_LINE:
                yield "".join(held)
                held, quotes, letters = [], 0, 0
    yield "".join(held)
