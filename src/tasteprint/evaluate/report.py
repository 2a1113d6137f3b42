"""Figures as people read them: a table for the terminal, the same table in Markdown.

Enters: figures. Leaves: a rich table, or text. Does not know: how the figures were measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from tasteprint.evaluate.results import Figure

HEAD = ("figure", "what it says", "value", "95 % interval", "people")

MEANING = {
    "accuracy.own": "pairs foreseen, the person's own history",
    "accuracy.no_history": "the same model without history",
    "accuracy.other_history": "the same model with another person's history",
    "accuracy.population": "what other people preferred, no model",
    "accuracy.own_only": "an untrained model taught this person alone",
    "accuracy.logistic": "a logistic regression a person, on image features",
    "accuracy.tastes": "shared tastes on image features, the person's mixture",
    "top1": "a liked image before three disliked ones",
    "top2": "a liked image among the first two of four",
    "top3": "a liked image among the first three of four",
    "bound.oracle": "the person's true taste, known",
    "bound.average": "the best guess without any vote",
    "calibration.ece": "calibration error of the pair's probability (0 is best)",
}


def meaning(name: str) -> str:
    """Say a figure's name in words; empty for a name that says enough."""
    if name in MEANING:
        return MEANING[name]
    kind, _, count = name.rpartition(".")
    if not count.isdigit():
        return ""
    votes = f"{count} vote{'' if count == '1' else 's'} of history"
    known = {
        "accuracy": votes,
        "bound.bayes": f"the best that {votes} allow",
        "own_minus_other": f"own minus another's, {votes}: the personal part",
    }
    return known.get(kind, "")


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
