"""Tables as spreadsheets save them: whichever encoding, separator, spacing and capitals a person's program chose.

Enters: a CSV file, and the columns that it may have. Leaves: its rows, each with its line, cells as text.
Does not know: what the columns mean. Opens no pickle.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

from tasteprint.data.tables.files import refuse_pickle

SEPARATORS = (",", ";", "\t")

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
"""Spreadsheets in their programs' own formats."""

ENCODINGS = ("utf-8", "cp1252", "latin-1")
"""Tried in this order where no mark at the beginning names one; the last reads anything."""

MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class SheetRow(NamedTuple):
    """A row of a table: the line that it begins on, counted from 1, and its cells by column."""

    line: int
    cells: Mapping[str, str]


def read_sheet(path: Path, kind: str, forms: Sequence[Sequence[str]]) -> tuple[SheetRow, ...]:
    """Read the rows of a CSV that are not blank; columns by name, in small letters, without the spaces around.

    `kind` says what the file is for, `forms` are the sets of columns of which it must have one. UTF-8, UTF-16 and
    Latin-1 are read, separated by `,`, `;` or a tab. ValueError for a file that is absent, a pickle or a workbook, that
    has no row or none of the forms, and for a row of more cells than columns.
    """
    refuse_no_sheet(path, kind, forms)
    text = _decoded(path.read_bytes())
    separator, columns = _header(text, path, kind, forms)
    rows = tuple(_rows(text, separator, columns, path, kind))
    if not rows:
        known = ", ".join(filter(None, columns))
        raise ValueError(f"{kind} {str(path)!r} has no row; expected at least one under {known}: fill it in.")
    return rows


def refuse_no_sheet(path: Path, kind: str, forms: Sequence[Sequence[str]]) -> None:
    """ValueError for what is not there, and for formats that are not text."""
    if not path.is_file():
        raise ValueError(f"{kind} {str(path)!r} is not there; expected a CSV with {columns_of(forms)}.")
    if path.suffix.lower() in WORKBOOKS:
        raise ValueError(
            f"{kind} {str(path)!r} is a workbook; expected a CSV with {columns_of(forms)}: save it as CSV."
        )
    refuse_pickle(path)


def columns_of(forms: Sequence[Sequence[str]]) -> str:
    """Forms in words: "columns liked and disliked, or first, second and preferred"."""
    return "columns " + ", or ".join(" and ".join([", ".join(form[:-1]), form[-1]]) for form in forms)


def row_fault(path: Path, kind: str, row: SheetRow, got: str, remedy: str) -> ValueError:
    """A sentence about one row: `got` says what it has and what was expected, `remedy` what to do."""
    return ValueError(f"line {row.line} of {kind} {str(path)!r} {got}: {remedy}.")


def _decoded(data: bytes) -> str:
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    for encoding in ENCODINGS[:-1]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode(ENCODINGS[-1])


def _header(text: str, path: Path, kind: str, forms: Sequence[Sequence[str]]) -> tuple[str, tuple[str, ...]]:
    """The separator under which the first line names one of the forms, and the columns' names."""
    read = {separator: _names(text, separator) for separator in SEPARATORS}
    for separator, names in read.items():
        if any(set(form) <= set(names) for form in forms):
            return separator, names
    most = max(map(len, read.values()))
    found = ", ".join(filter(None, next(names for names in read.values() if len(names) == most)))
    raise ValueError(
        f"{kind} {str(path)!r} has {found[:200] or 'no row'}; expected the {columns_of(forms)}: rename them."
    )


def _names(text: str, separator: str) -> tuple[str, ...]:
    first = next((cells for _, cells in _parsed(text, separator) if any(cells)), [])
    return tuple(" ".join(cell.split()).casefold() for cell in first)


def _rows(text: str, separator: str, columns: tuple[str, ...], path: Path, kind: str) -> Iterator[SheetRow]:
    filled = ((line, cells) for line, cells in _parsed(text, separator) if any(map(str.strip, cells)))
    next(filled, None)  # the header
    for line, cells in filled:
        row = SheetRow(line, dict(zip(columns, chain(cells, repeat("")), strict=False)))
        if any(map(str.strip, cells[len(columns) :])):
            raise row_fault(
                path,
                kind,
                row,
                f"has {len(cells)} cells; expected {len(columns)}",
                "quote a cell that holds a comma",
            )
        yield row


def _parsed(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Every row with the line that it begins on."""
    with _cells_of_any_length(len(text)):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        rows, line = [], 1
        for cells in reader:
            rows.append((line, cells))
            line = reader.line_num + 1
        return rows


@contextmanager
def _cells_of_any_length(longest: int) -> Iterator[None]:
    before = csv.field_size_limit(max(longest, 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
