"""Paths into nested rows: `a.b`, `a[0]`, and `a[].b`, which makes a row of each element of a list.

Enters: rows as dicts and lists, and paths. Leaves: flat rows. Does not know: formats.

A key that is the whole path, or a part of it with its dots, wins over going into it. Lists below the same `[]` go
together; different lists of one row go side by side if they are equally long. What stands higher is repeated; an empty
list leaves its row, with nothing in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from tasteprint.data.tables.names import fold, place_of


class _Absent:
    """What a row lacks, unlike null."""


ABSENT: Final = _Absent()

_INDEX = re.compile(r"\[([0-9]{1,9})\]")


class _Goal(NamedTuple):
    """A column on its way: which it is, the value reached, the path still to go."""

    column: int
    value: Any
    path: str


def unroll(row: Mapping[str, Any], columns: Sequence[str]) -> list[list[Any]]:
    """The flat rows of a nested one, a value or ABSENT for each column.

    ValueError, without the row, for lists of unequal length and for `[]` behind what is no list.
    """
    found = _expand([_Goal(number, row, column) for number, column in enumerate(columns)], columns)
    return [[values.get(number, ABSENT) for number in range(len(columns))] for values in found]


def key_of(keys: Mapping[str, Any], path: str) -> tuple[str, str] | None:
    """The key with which a path begins, the longest that there is, and the rest of the path."""
    for head, rest in splits(path):
        if head in keys:
            return head, rest
    folded = {fold(key) for key in keys}
    for head, rest in splits(path):
        if fold(head) in folded:
            names = tuple(keys)
            return names[place_of(names, head) or 0], rest
    return None


@lru_cache(1024)
def splits(path: str) -> tuple[tuple[str, str], ...]:
    """Each way to cut a path into a key and the rest, the longest key first."""
    path = path.removeprefix(".")
    ends = [len(path), *(at for at in range(len(path) - 1, 0, -1) if path[at] in ".[")]
    return tuple((path[:end], path[end:]) for end in ends)


def _expand(goals: Sequence[_Goal], columns: Sequence[str]) -> list[dict[int, Any]]:
    settled: dict[int, Any] = {}
    lists: dict[str, tuple[list[Any], list[_Goal]]] = {}
    for goal in goals:
        value, path = _descend(goal.value, goal.path)
        if not path:
            settled[goal.column] = value
        else:
            whole = columns[goal.column]
            place = whole[: len(whole) - len(path)]
            if not isinstance(value, list):
                raise ValueError(f"has no list at {place!r}; expected one: correct the path")
            lists.setdefault(place, (value, []))[1].append(goal._replace(path=path.removeprefix("[]")))
    return [{**settled, **below} for below in _side_by_side(lists, columns)]


def _side_by_side(
    lists: Mapping[str, tuple[list[Any], list[_Goal]]], columns: Sequence[str]
) -> list[dict[int, Any]]:
    lengths = {place: len(values) for place, (values, _) in lists.items()}
    if len(set(lengths.values())) > 1:
        found = " and ".join(f"{count} at {place + '[]'!r}" for place, count in lengths.items())
        raise ValueError(
            f"has lists of unequal length, {found}; expected one length: map lists that go together"
        )
    if not any(lengths.values()):
        return [{}]
    rows = []
    for number in range(max(lengths.values())):
        below = [goal._replace(value=values[number]) for values, goals in lists.values() for goal in goals]
        rows.extend(_expand(below, columns))
    return rows


def _descend(value: Any, path: str) -> tuple[Any, str]:
    """Go along a path to its end, or to a list that is to be unrolled; ABSENT where it leads nowhere."""
    while path and not (path.startswith("[]") and value is not None):
        index = _INDEX.match(path)
        if isinstance(value, dict) and (found := key_of(value, path)):
            value, path = value[found[0]], found[1]
        elif isinstance(value, list) and index and int(index[1]) < len(value):
            value, path = value[int(index[1])], path[index.end() :]
        else:
            return ABSENT, ""
    return value, path


def leaves(value: Any, path: str = "") -> list[str]:
    """The paths of all that a value holds."""
    if isinstance(value, dict) and (value or not path):
        return [
            leaf for key, below in value.items() for leaf in leaves(below, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, list) and value:
        return list(dict.fromkeys(leaf for below in value for leaf in leaves(below, f"{path}[]")))
    return [path]
