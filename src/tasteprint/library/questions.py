"""Pairs of a person's pictures that may be asked about, and those that were chosen, as a table to be answered.

Enters: a `KnownPerson`; chosen pairs. Leaves: candidates drawn by a seed; a CSV that `read_history` reads once it is
answered. Does not know: which pairs tell most, pages.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from tasteprint.data.history_files import ANSWERED, file_cell
from tasteprint.files import write_bytes
from tasteprint.library.person import KnownPerson

CANDIDATES = 2000
"""Pairs among which those that tell most are sought; all there are, if fewer."""


class Question(NamedTuple):
    """Two pictures to choose between, and what the answer is expected to tell of the person, 0 to ln 2 nats."""

    first: Path
    second: Path
    nats: float


def candidate_pairs(person: KnownPerson, seed: int) -> list[tuple[str, str]]:
    """Pairs of contents to choose from: of near-duplicates one, none that was voted on; the same for the same seed.

    ValueError where there are not two different pictures.
    """
    at_hand = person.pictures
    of_group = {at_hand.groups[row]: at_hand.files.hashes[row] for row in reversed(at_hand.shown.tolist())}
    contents = sorted(of_group.values())
    voted = {frozenset(vote.images) for vote in person.history.votes}
    found = [pair for pair in _pairs(contents, random.Random(seed)) if frozenset(pair) not in voted]
    if not found:
        raise ValueError(
            f"{len(contents)} different pictures and {len(voted)} answered pairs came in; expected a pair that is not "
            "answered yet: give more pictures."
        )
    return found


def require_new_table(path: Path) -> None:
    """ValueError for a CSV that is there already: answers in it would be lost."""
    if path.suffix.lower() == ".csv" and path.exists():
        raise ValueError(
            f"{str(path)!r} is there already, perhaps with answers; expected a new file: name another, or remove it."
        )


def write_questions(questions: Sequence[Question], path: Path) -> None:
    """Write columns first, second and preferred, the last one empty; paths relative to the file where they are below.

    To be filled in with first, second or tie, and given back as --votes. OSError where it cannot be written.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ANSWERED)
    writer.writerows([*(file_cell(side, path.parent) for side in one[:2]), ""] for one in questions)
    write_bytes(path, out.getvalue().encode())


def _pairs(contents: Sequence[str], draws: random.Random) -> Iterator[tuple[str, str]]:
    """All pairs, or `CANDIDATES` different ones at random, each in a random order."""
    count = len(contents)
    if count * (count - 1) // 2 <= CANDIDATES:
        for pair in combinations(contents, 2):
            yield pair if draws.random() < 0.5 else pair[::-1]
        return
    drawn: set[frozenset[str]] = set()
    while len(drawn) < CANDIDATES:
        first, second = draws.sample(contents, 2)
        if frozenset((first, second)) not in drawn:
            drawn.add(frozenset((first, second)))
            yield first, second
