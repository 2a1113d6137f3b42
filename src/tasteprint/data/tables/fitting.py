"""Which tables of a log have the columns that are wanted, and which only lie beside them.

Enters: tables, names of columns. Leaves: those that have them all, and sentences on the others. Does not know: formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from tasteprint.data.tables.table import Table

SHOWN = 30
"""Columns that a sentence names."""


def fit(
    tables: Sequence[Table], wanted: Sequence[str], remedy: str
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """Read each table so that it has the wanted columns, and leave out those that have not.

    ValueError, which names the columns that there are, where none has; where a table that has not looks like a shard of
    one that has; and for tables of several kinds.
    """
    read = [table.seeking(wanted) for table in tables]
    missing = {table: [column for column in wanted if not table.has(column)] for table in read}
    kept = tuple(table for table in read if not missing[table])
    over = [table for table in read if missing[table]]
    if not kept:
        _refuse(min(over, key=lambda table: len(missing[table])), missing, remedy)
    if len(kinds := sorted({table.kind for table in kept})) > 1:
        raise ValueError(f"the log mixes {' and '.join(kinds)}; expected files of one kind: name one file.")
    for table in over:
        _refuse_shard(table, kept[0], missing[table][0])
    return kept, tuple(
        f"{table.name} has no column {missing[table][0]!r} and is passed over" for table in over
    )


def _refuse(table: Table, missing: dict[Table, list[str]], remedy: str) -> NoReturn:
    beside = ", ".join(table.columns[:SHOWN]) + ", …" * (len(table.columns) > SHOWN)
    raise ValueError(
        f"log {table.name!r} has no column {missing[table][0]!r}; expected it beside {beside or 'others'}: {remedy}."
    )


def _refuse_shard(table: Table, whole: Table, missing: str) -> None:
    """A table as wide as one that fits has lost its header, or has a name misspelt."""
    if (table.kind, len(table.columns)) == (whole.kind, len(whole.columns)):
        raise ValueError(
            f"log {table.name!r} has as many columns as {whole.name!r} and none of the name {missing!r}; "
            "expected the same header: correct it, or name the other file alone."
        )
