"""A person's tables, in whichever format and dialect their program saved them.

Enters: a file, and the columns that it may have. Leaves: its rows, each with its line, cells as text.
Does not know: what the columns mean. Opens no pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tasteprint.data.tables.csv_table import CsvTable
from tasteprint.data.tables.kinds import kind_of
from tasteprint.data.tables.places import Place
from tasteprint.data.tables.table import LINE, Table


class SheetRow(NamedTuple):
    """A row of a table: the line that it begins on, counted from 1, and its cells by column."""

    line: int
    cells: Mapping[str, str]


def read_sheet(
    path: Path, kind: str, forms: Sequence[Sequence[str]], beside: Sequence[str] = ()
) -> tuple[SheetRow, ...]:
    """Read the rows that are not blank: the columns of the first of `forms` that there is, and those `beside`.

    `kind` says what the file is for. Any table is read that `data build` reads; columns go by name, whatever their
    capitals and the spaces around. ValueError for what is absent or no table, for a file without rows or without any
    of the forms, and for a row of more cells than columns.
    """
    if not path.is_file():
        raise ValueError(f"{kind} {str(path)!r} is not there; expected a table with {columns_of(forms)}.")
    table = kind_of(path, str(path), kind, CsvTable)(Place(path))
    tables = [] if table.is_empty else [table.seeking(form) for form in forms]
    for form, table in zip(forms, tables, strict=False):
        if all(map(table.has, form)):
            return _rows(table, [*form, *filter(table.has, beside)], path, kind)
    found = ", ".join(filter(None, tables[0].columns if tables else ()))
    raise ValueError(
        f"{kind} {str(path)!r} has {found[:200] or 'no row'}; expected the {columns_of(forms)}: rename them."
    )


def _rows(table: Table, columns: Sequence[str], path: Path, kind: str) -> tuple[SheetRow, ...]:
    rows = []
    for batch in table.batches(columns, ()):
        read = batch.to_pydict()
        lines, cells = read.pop(LINE), [[cell or "" for cell in read[column]] for column in columns]
        for line, *row in zip(lines, *cells, strict=True):
            if any(map(str.strip, row)):
                rows.append(SheetRow(line, dict(zip(columns, row, strict=True))))
    if not rows:
        known = ", ".join(filter(None, table.columns))
        raise ValueError(f"{kind} {str(path)!r} has no row; expected at least one under {known}: fill it in.")
    return tuple(rows)


def columns_of(forms: Sequence[Sequence[str]]) -> str:
    """Forms in words: "columns liked and disliked, or first, second and preferred"."""
    return "columns " + ", or ".join(" and ".join([", ".join(form[:-1]), form[-1]]) for form in forms)


def row_fault(path: Path, kind: str, row: SheetRow, got: str, remedy: str) -> ValueError:
    """A sentence about one row: `got` says what it has and what was expected, `remedy` what to do."""
    return ValueError(f"line {row.line} of {kind} {str(path)!r} {got}: {remedy}.")
