"""Figures as people read them: a table for the terminal, the same table in Markdown.

Enters: figures. Leaves: a rich table, or text. Does not know: how the figures were measured, nor what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from tasteprint.evaluate.results import Figure
from tasteprint.evaluate.words import meaning

HEAD = ("figure", "what it says", "value", "95 % interval", "people")


def table(figures: Sequence[Figure], title: str = "") -> Table:
    """Give the figures as a table for the terminal."""
    made = Table(title=title or None)
    for column in HEAD:
        made.add_column(column, justify="right" if column in ("value", "people") else "left")
    for row in _rows(figures):
        made.add_row(*row)
    return made


def markdown(figures: Sequence[Figure]) -> str:
    """Give the figures as a Markdown table, ended by a newline."""
    lines = [HEAD, ("---", "---", "---:", "---", "---:"), *_rows(figures)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    return [
        (f.name, meaning(f.name), f"{f.value:.3f}", f"{f.low:.3f} to {f.high:.3f}", str(f.n)) for f in figures
    ]
