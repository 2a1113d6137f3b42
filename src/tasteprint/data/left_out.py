"""Rows that became no vote: how many for each reason, and one place where each can be seen.

Enters: reasons with their rows. Leaves: counts, examples, and the sentence for a log of which nothing is left.
Does not know: tables.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LONGEST = 120
"""Characters of a log's own text that a sentence shows."""

NO_PARTNER = "rating without a partner"

_REMEDIES = {
    "image id": "map as ids a column that tells the pictures apart",
    "image": "say by --images in which folder the pictures are, or correct the log's paths",
    "no ": "name the columns with --column role=COLUMN",
    "unrated": "say in the mapping what is unrated",
    "user has": "lower --min-liked, or bring more votes",
    "duplicate": "map a ranking_id or a time that tells the rows apart",
    "same image": "check which columns hold the two images",
    NO_PARTNER: (
        "a vote needs two pictures of one person and prompt that differ by the mapping's min_gap, and nothing is "
        "invented where all are liked alike: rank by them with `tasteprint rank PICTURES --liked LIKED`, or add what "
        "is not liked"
    ),
}
"""What to do about the reason for which most rows were left out, by its beginning."""


@dataclass(slots=True)
class LeftOut:
    """Counts of rows by reason, and for each reason an example in words."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, rows: int, example: str = "") -> None:
        """Count rows; the first example of a reason stays."""
        if rows:
            self.counts[reason] += rows
        if rows and example:
            self.examples.setdefault(reason, example)

    def nothing_left(self, rows: int, min_liked: int) -> ValueError:
        """The sentence for a log that gives no dataset."""
        if not rows:
            return ValueError("the log has no rows; expected some below its header: choose another file.")
        reasons = "; ".join(
            f"{count:,} {reason}" + (f" (as {self.examples[reason]})" if reason in self.examples else "")
            for reason, count in self.counts.most_common()
        )
        return ValueError(
            f"no user has {min_liked:,} unique liked images; expected at least one. Of {rows:,} rows, these were left "
            f"out: {reasons or 'none'}: {self._remedy()}."
        )

    def _remedy(self) -> str:
        for reason, _ in self.counts.most_common():
            for beginning, remedy in _REMEDIES.items():
                if reason.startswith(beginning):
                    return remedy
        return "check the mapping, or lower --min-liked"


def shown(value: object) -> str:
    """A log's own text as a sentence shows it: on one line, and not too long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…{text[-1]}"
