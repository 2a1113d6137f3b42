"""Which mapping that comes with the package a log is read by: the one whose columns it has.

Enters: a log, and how each mapping is to be changed. Leaves: `Fit`s, or the one. Does not know: cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from tasteprint.data.logs import Log, find_log
from tasteprint.data.look.column_names import better_and_worse, image_pairs, named_as
from tasteprint.data.mapping import Mapping, bundled_mappings, load_mapping
from tasteprint.data.tables.fitting import SHOWN
from tasteprint.data.tables.names import has_all
from tasteprint.data.tables.source import UNSAID
from tasteprint.data.tables.sqlite_table import SqliteTable
from tasteprint.data.tables.table import Table

Change = Callable[[Mapping], Mapping]
"""What the command line changes of a mapping; ValueError where that cannot be changed."""

SIDES = ("image_0", "image_1")


@dataclass(frozen=True, slots=True)
class Fit:
    """A bundled mapping whose columns a log has; `named` are roles whose columns were found by their names."""

    name: str
    mapping: Mapping
    named: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What a sentence says of it: votes, or votes with image_0 = left and image_1 = right."""
        columns = " and ".join(f"{role} = {self.mapping.columns[role]}" for role in self.named)
        return f"{self.name}{f' with {columns}' if columns else ''}"


def one_fit(source: str | Path, change: Change = lambda mapping: mapping) -> Fit:
    """Give the bundled mapping that a log fits. ValueError where none does, or several do."""
    log = find_log(source)
    found = fits(source, log, change)
    if len(found) > 1:
        names = " and ".join(fit.name for fit in found)
        raise ValueError(
            f"log {str(source)!r} fits the mappings {names}; expected one: name it with --mapping."
        )
    if not found:
        raise ValueError(
            f"log {str(source)!r} fits no bundled mapping ({_nearest(log, change)}); expected a mapping that says what "
            "its columns mean: let `tasteprint data look LOG --out mapping.toml` write one, and give --mapping "
            "mapping.toml."
        )
    return found[0]


def fits(source: str | Path, log: Log, change: Change = lambda mapping: mapping) -> list[Fit]:
    """Give the bundled mappings that a log fits. Of two, the one that needs more columns than the other counts.

    Two columns of images may have any names that tell the two apart, if no mapping fits with its own.
    """
    found = [fit for one in _candidates(change) if (fit := _fit(source, log, one))]
    found = [fit for fit in found if not fit.named] or found
    needed = {fit.name: set(fit.mapping.needed) for fit in found}
    return [fit for fit in found if not any(needed[fit.name] < other for other in needed.values())]


class _Candidate(NamedTuple):
    """A bundled mapping as changed; `same` are the roles that it takes itself for the same in every row."""

    name: str
    mapping: Mapping
    same: tuple[str, ...]

    def contradicted(self, columns: Sequence[str]) -> str:
        """A role of which the log says itself what this takes for the same everywhere, if there is one."""
        return next((role for role in self.same if named_as(role, columns)), "")


def _candidates(change: Change) -> list[_Candidate]:
    """The bundled mappings that can be so changed. ValueError, as of the first, where none can."""
    found, faults = [], []
    for name in bundled_mappings():
        own = load_mapping(name)
        try:
            mapping = change(own)
        except ValueError as fault:
            faults.append(fault)  # a role that this kind of log has not, or a change that is none
            continue
        same = [role for role, value in own.constants.items() if mapping.constants.get(role) == value]
        found.append(_Candidate(name, mapping, tuple(same)))
    if not found:
        raise faults[0]
    return found


def _fit(source: str | Path, log: Log, one: _Candidate) -> Fit | None:
    for table in _opened(source, log, one.mapping):
        columns = _columns(table, one.mapping.needed)
        if one.contradicted(columns):
            continue
        if has_all(columns, one.mapping.needed):
            return Fit(one.name, one.mapping)
        if named := _with_images_named(one.mapping, columns):
            return Fit(one.name, named, SIDES)
    return None


def _opened(source: str | Path, log: Log, mapping: Mapping) -> Sequence[Table]:
    """The log's tables as the mapping says that they are written; none where they cannot be."""
    said = mapping.source
    if said == UNSAID:
        return log.tables
    if said.query or said.table:
        return find_log(source, said).tables if isinstance(log.tables[0], SqliteTable) else ()
    names = "".join(column for table in log.tables for column in _columns(table, ()))
    return find_log(source, said).tables if said.delimiter in names else ()


def _columns(table: Table, wanted: Sequence[str]) -> Sequence[str]:
    if not isinstance(table, SqliteTable):
        return table.columns
    try:
        return table.seeking(wanted).columns
    except ValueError:
        return ()  # of several tables none has these, or the query asks for others


def _with_images_named(mapping: Mapping, columns: Sequence[str]) -> Mapping | None:
    """The mapping with the one pair of columns that are called like two images, if it lacks nothing else."""
    if mapping.kind != "votes" or "label" not in mapping.columns or mapping.images.place == "bytes":
        return None
    own = [mapping.columns.get(role, "") for role in SIDES]
    lacking = [column for column in mapping.needed if not has_all(columns, [column])]
    pairs = image_pairs(columns)
    if not set(lacking) <= {*own} or len(pairs) != 1 or better_and_worse(columns):
        return None
    return replace(mapping, columns=mapping.columns | dict(zip(SIDES, pairs[0], strict=True)))


def _nearest(log: Log, change: Change) -> str:
    """In words, what a log has, and what it lacks of the mapping of which it has most."""
    columns = log.columns
    beside = f"its columns are {', '.join(columns[:SHOWN])}{', …' * (len(columns) > SHOWN)}"
    share, lacking, one = min((_lacking(one, columns) for one in _candidates(change)), key=itemgetter(0))
    if not lacking:
        return f"{beside}; the mapping {one.name} takes the {one.contradicted(columns)} for the same in every row"
    if share > 0.5:
        return beside
    return f"{beside}; the mapping {one.name} needs {' and '.join(map(repr, lacking))} too"


def _lacking(one: _Candidate, columns: Sequence[str]) -> tuple[float, list[str], _Candidate]:
    """The share of the needed columns that a log lacks, and which."""
    lacking = [column for column in one.mapping.needed if not has_all(columns, [column])]
    return len(lacking) / len(one.mapping.needed), lacking, one
