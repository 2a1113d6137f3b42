"""A log looked at: its first cells, and the mapping that it has, fits or may be given.

Enters: a log, perhaps a mapping. Leaves: a `LookedAt`. Does not know: what the mapping gives, how it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasteprint.data.logs import Log, find_log
from tasteprint.data.look.cell_words import said_of_labels, sides
from tasteprint.data.look.first_cells import Cells, first_cells
from tasteprint.data.look.fits import fits
from tasteprint.data.look.guess import guess_mapping
from tasteprint.data.mapping import Mapping
from tasteprint.data.tables.names import has_all
from tasteprint.data.tables.table import Table

NAMED = "the one that you named"


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a log holds, and a mapping for it.

    `columns` are all, `cells` the first of some; `mapping` is None where none could be guessed. `how` says in a
    sentence where it comes from, `why` for which reason a column was taken for a role; `certain` is a mapping that was
    given, or whose columns are all there.
    """

    name: str
    kind: str
    columns: Sequence[str]
    cells: Cells
    mapping: Mapping | None
    how: str
    why: dict[str, str] = field(default_factory=dict)
    certain: bool = False


def look_at_log(source: str | Path, mapping: Mapping | None = None) -> LookedAt:
    """Look at the first rows of a log. ValueError for what is no table, or cannot be read."""
    if mapping is not None:
        return _looked(source, mapping, NAMED, certain=True)
    log = find_log(source)
    found = fits(source, log)
    if found:
        fit, others = found[0], [other.name for other in found[1:]]
        beside = f"; {' and '.join(others)} would fit too" if others else ""
        how = f"{fit.name}, which comes with tasteprint: the log has its columns{beside}"
        why = dict.fromkeys(fit.named, "by its name one of two images")
        return _looked(source, fit.mapping, how, why, certain=not (others or why))
    table = _widest(log)
    cells = first_cells(table)
    guess = guess_mapping(cells)
    how = "guessed: correct what is wrong" if guess.mapping else f"none could be guessed: {guess.lacking}"
    return LookedAt(table.name, table.kind, table.columns, cells, guess.mapping, how, guess.why)


def _looked(
    source: str | Path, mapping: Mapping, how: str, why: dict[str, str] | None = None, certain: bool = False
) -> LookedAt:
    tables = [table.seeking(mapping.needed) for table in find_log(source, mapping.source).tables]
    fitting = [table for table in tables if has_all(table.columns, mapping.needed)]
    table = (fitting or tables)[0]
    cells = first_cells(table)
    look = LookedAt(table.name, table.kind, table.columns, cells, mapping, how, why or {}, certain)
    return look if how == NAMED else _with_words(look, mapping)


def _with_words(look: LookedAt, mapping: Mapping) -> LookedAt:
    """The same, with what the words of the label mean, where a mapping of numbers meets words."""
    labels = sides(look.cells.get(mapping.columns.get("label", ""), ()))
    if mapping.kind != "votes" or mapping.labels or not labels:
        return look
    why = look.why | {"label": said_of_labels(labels)}
    return replace(look, mapping=replace(mapping, labels=labels), why=why, certain=False)


def _widest(log: Log) -> Table:
    """The table of most columns: what stands beside a log, as a list of its images, has few."""
    return max(log.tables, key=lambda table: len(table.columns))
