"""Opinions of a library as a table that a person can look through, correct, and give as --stars.

Enters: ratings. Leaves: a CSV, whole or not at all. Does not know: libraries.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tasteprint.data.history_files import MEANINGFUL, file_cell
from tasteprint.files import write_bytes
from tasteprint.types import Rating

COLUMNS = ("image", "stars", "out_of", "prompt")


def write_likes(ratings: Sequence[Rating], path: Path) -> None:
    """Write what `read_stars` reads: a like is 2 of 2. Paths are relative to the file where they are below it.

    A space stands before a prompt that a spreadsheet could take for a formula. OSError where it cannot be written.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in ratings:
        prompt = f" {one.prompt}" if one.prompt.startswith(MEANINGFUL) else one.prompt
        writer.writerow([file_cell(Path(one.image), path.parent), one.stars, one.out_of, prompt])
    write_bytes(path, out.getvalue().encode())
