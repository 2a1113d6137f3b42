"""The first cells of each column of a table, whatever it is nested in.

Enters: a `Table`. Leaves: its columns with their first cells. Does not know: what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasteprint.data.tables.parquet_table import ParquetTable
from tasteprint.data.tables.table import Table

CELLS, COLUMNS = 500, 300
"""Cells of a column, and columns of a table, that are looked at."""

Cells = dict[str, list[str | None]]


def first_cells(table: Table) -> Cells:
    """Read up to `CELLS` cells of each of the first `COLUMNS` columns; none of columns of bytes.

    Of lists each element is a cell, so columns of lists have others beside each other than plain ones; lists that are
    all of two are two columns, `a[0]` and `a[1]`. ValueError for a row that cannot be read.
    """
    columns = [name for name in table.columns if _is_name(name) and table.columns.count(name) == 1][:COLUMNS]
    text = [column for column in columns if not _holds_bytes(table, column)]
    flat = [column for column in text if "[" not in column]
    cells: Cells = {column: [] for column in columns}
    for row in _rows(table, flat):
        for column, cell in zip(flat, row, strict=True):
            cells[column].append(cell)
    for column in text:
        if "[" in column:
            cells[column] = _of_lists(table, column)
    return {name: read for column in columns for name, read in _apart(table, column, cells[column]).items()}


def _is_name(column: str) -> bool:
    """Whether a column can be called so in any text; half a letter cannot."""
    return bool(column.strip()) and not any("\ud800" <= letter <= "\udfff" for letter in column)


def _of_lists(table: Table, column: str) -> list[str | None]:
    try:
        return [cell for (cell,) in _rows(table, [column])]
    except ValueError:
        return []  # what is a list in one row is none in another; only mapping it would be a fault


def _apart(table: Table, column: str, read: list[str | None]) -> Cells:
    """A column as it is, or the two of a list that always has two."""
    name = column.removesuffix("[]")
    if name == column or "[" in name:
        return {column: read}
    first, second, third = zip(*_rows(table, [f"{name}[{place}]" for place in range(3)]), strict=True)
    if None in first or None in second or any(cell is not None for cell in third):
        return {column: read}
    return {f"{name}[0]": list(first), f"{name}[1]": list(second)}


def _holds_bytes(table: Table, column: str) -> bool:
    return isinstance(table, ParquetTable) and table.has_bytes(column)


def _rows(table: Table, columns: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    left = CELLS if columns else 0
    for batch in table.batches(columns, ()) if columns else ():
        yield from zip(*(batch[column].to_pylist()[:left] for column in columns), strict=True)
        left -= batch.num_rows
        if left <= 0:
            return
