"""Names of columns as people write them: capitals and spaces do not count where no other column could be meant.

Enters: the columns of a table, the name of one. Leaves: its place. Does not know: files.
"""

from __future__ import annotations

from collections.abc import Sequence


def fold(name: str) -> str:
    """A name in small letters, without the spaces around it, of each run of spaces inside it one."""
    return " ".join(name.split()).casefold()


def place_of(columns: Sequence[str], name: str) -> int | None:
    """Where a column stands; None where none is of this name, exactly or folded.

    ValueError where several are and nothing tells which is meant.
    """
    for form in (str, fold):
        found = [place for place, column in enumerate(columns) if form(column) == form(name)]
        if len(found) > 1:
            raise ValueError(f"has {len(found)} columns {name!r}; expected one: rename the others")
        if found:
            return found[0]
    return None


def has_all(columns: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether each wanted column is among the columns, however often."""
    known = {form(column) for column in columns for form in (str, fold)}
    return all(name in known or fold(name) in known for name in wanted)
