"""Pairs worth asking about as a small page, side by side; drawn in `questions.html.j2`.

Enters: `Question`s. Leaves: one HTML file that needs no other. Does not know: how the pairs were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasteprint.files import write_bytes
from tasteprint.library.names import address, plain
from tasteprint.library.questions import Question
from tasteprint.report.templates import page_environment
from tasteprint.report.thumbnails import Wanted, data_uris, thumbnails

SIDE = 640
"""Pixels of a picture's longer side at most."""


def write_question_page(
    questions: Sequence[Question],
    path: Path,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> None:
    """Write the page in one step, replacing what is there. OSError where it cannot be written."""
    asked = [Wanted(picture, SIDE) for one in questions for picture in (one.first, one.second)]
    sources = data_uris(thumbnails(asked, progress))

    def side(picture: Path) -> dict[str, Any]:
        return {
            "src": sources.get(Wanted(picture, SIDE), ""),
            "href": address(picture, path.parent),
            "name": plain(picture),
        }

    pairs = [(side(one.first), side(one.second), min(1.0, one.nats / math.log(2))) for one in questions]
    page = page_environment().get_template("questions.html.j2").render(pairs=pairs)
    write_bytes(path, page.encode("utf-8", "replace"))
