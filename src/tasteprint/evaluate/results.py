"""Measured figures as data, in words and in tables: what a command that measures writes and prints.

Enters: figures by name. Leaves: a small JSON file with what is needed to measure them again, a table for the terminal,
the same in Markdown, a phrase for each name. Does not know: how figures are measured, pages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table

from tasteprint.files import write_json
from tasteprint.provenance import code_digest, commit, hardware, version

MEANING = {
    "accuracy.own": "pairs predicted right, the person's own history",
    "accuracy.posterior": "the taste posterior, the same votes",
    "accuracy.no_history": "the same model without history",
    "accuracy.other_history": "the same model with another person's history",
    "accuracy.population": "what other people preferred, no model",
    "accuracy.own_only": "an untrained model trained on this person alone",
    "accuracy.logistic": "a logistic regression a person, on image features",
    "accuracy.tastes": "shared tastes on image features, the person's mixture",
    "accuracy.here.own": "the in-context model after learning on from such people, the same votes",
    "accuracy.here.posterior": "a taste posterior after a short learning, the same votes",
    "accuracy.unrated.other_history": "images that no other person rated, another person's history",
    "top1": "a liked image before three disliked ones",
    "top2": "a liked image among the first two of four",
    "top3": "a liked image among the first three of four",
    "bound.oracle": "the person's true taste, known",
    "bound.average": "the best guess without any vote",
    "calibration.ece": "calibration error of the pair's probability (0 is best)",
    "order.flips": "answers that change when the history is reshuffled",
    "ask.votes_to_match_8": "chosen votes that tell as much as 8 random ones",
    "prior.estimated": "whether the prior was estimated (1) or learned (0)",
    "train.seconds": "seconds of training",
}

BY_VOTES = {
    "accuracy": "{votes} of history",
    "accuracy.posterior": "the taste posterior, {votes} of history",
    "accuracy.population": "what other people preferred, beside {votes} of history",
    "accuracy.other_history": "the same model with {votes} of another person",
    "accuracy.unrated": "images that no other person rated, {votes} of history",
    "bound.bayes": "the best that {votes} of history allow",
    "bound.centroid": "liked minus disliked attributes, {votes}",
    "own_minus_other": "own minus another's, {votes} of history: the personal part",
    "own_minus_other.unrated": "own minus another's, images that no other person rated, {votes} of history",
    "own_minus_no_history": "own minus no history, {votes}: what they add",
    "own_minus_no_history.unrated": "own minus no history, images that no other person rated, {votes}",
    "own_minus_population": "own, {votes} of history, minus what other people preferred",
    "headroom": "the share of the way from the average person to the best, {votes}",
}
"""The same for names that end in a number of votes."""

POOLED = ".pooled"
"""Ends the name of a figure over all people of several splits together."""

COMPARED = {
    "bound.oracle": (
        "the true taste",
        "The ceiling: the true taste of a simulated person, known exactly. Not 100 %, because people do not "
        "always choose alike.",
    ),
    "bound.bayes": (
        "the best possible",
        "What an ideal observer would reach that knows how tastes are spread over people and sees the same "
        "votes.",
    ),
    "accuracy.own": (
        "own history",
        "The {model}, given this person’s own earlier votes.",
    ),
    "accuracy.posterior": (
        "the taste posterior",
        "The other model, which needs no language model: people share a few tastes, and the same votes decide how "
        "probable each is for this person.",
    ),
    "accuracy.tastes": (
        "a mix of known tastes",
        "A simpler rival: a few typical tastes, mixed so that they fit this person’s votes best.",
    ),
    "accuracy.population": (
        "the majority",
        "What other people preferred, the same for everyone. A model that only learned what everybody likes "
        "would stop here.",
    ),
    "bound.centroid": (
        "likes minus dislikes",
        "Counting, by someone who knows what is in every picture: nearer to what this person took, further "
        "from what they left.",
    ),
    "bound.average": (
        "the average person",
        "The best guess of someone who knows everything about people in general and nothing about this "
        "person.",
    ),
    "accuracy.no_history": (
        "no history",
        "The {model}, given no votes at all: what it expects everybody to like.",
    ),
    "accuracy.other_history": (
        "another person’s history",
        "The {model}, given somebody else’s votes. If this were as good as the person’s own, nothing "
        "personal would have been learned.",
    ),
    "accuracy.own_only": (
        "own votes only",
        "An untrained copy of the {model}, trained on this person’s few votes and nothing from other people.",
    ),
    "accuracy.logistic": (
        "simple statistics",
        "A logistic regression on features of the pictures, fitted to this person’s votes alone.",
    ),
}
"""What is compared, from the ceiling down: a label and a sentence each; `{model}` stands for the model's name."""


def meaning(name: str) -> str:
    """Give a phrase for a figure's name; empty for a name that needs none."""
    if name in MEANING:
        return MEANING[name]
    if name.endswith(POOLED):
        phrase = meaning(name.removesuffix(POOLED))
        return phrase and f"{phrase}; all splits' people together"
    kind, _, count = name.rpartition(".")
    if not count.isdigit() or kind not in BY_VOTES:
        return ""
    return BY_VOTES[kind].format(votes=f"{count} vote{'' if count == '1' else 's'}")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `low` and `high` are its 95 % interval or its spread, `n` how many people or repeats."""

    name: str
    value: float
    low: float
    high: float
    n: int


def write_results(path: Path, command: str, seeds: Sequence[int], figures: Sequence[Figure]) -> None:
    """Write figures with what is needed to measure them again. Replaces the file in one step."""
    write_json(path, record(command, seeds, figures))


def record(command: str, seeds: Sequence[int], figures: Sequence[Figure]) -> dict[str, Any]:
    """Give figures with the command, code, date, hardware and seeds that they come from."""
    return {
        "command": command,
        "version": version(),
        "build": code_digest(),
        "commit": commit(),
        "date": date.today().isoformat(),
        "hardware": hardware(),
        "seeds": list(seeds),
        "figures": [asdict(figure) for figure in figures],
    }


def read_results(path: Path) -> list[Figure]:
    """Read the figures of a results file back."""
    return [Figure(**figure) for figure in json.loads(path.read_text(encoding="utf-8"))["figures"]]


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
