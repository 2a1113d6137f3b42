"""AUTOMATIC1111's web UI: what was saved (log.csv), and the ranks of its extension images-browser (wib.sqlite3).

Enters: one of the two files. Leaves: items with prompts. Does not know: PNG, how a database is opened.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tasteprint.data.foreign_database import open_database
from tasteprint.likes.found import ODD, Item, liked, rated
from tasteprint.likes.places import Moved, here, within

QUERY = """
SELECT ranking.file, ranking.ranking, exif.value
FROM ranking LEFT JOIN exif_data AS exif ON exif.file = ranking.file AND exif.key = 'prompt'
ORDER BY ranking.file
"""


def read_saved(place: str, moved: Moved) -> Iterator[Item]:
    """Read log.csv: each row names a picture that was saved, a like, relative to the log.

    The file is appended to, so that its header may be older, and have fewer columns, than its rows. ValueError where it
    has no columns filename and prompt.
    """
    path = Path(place, "log.csv") if Path(place).is_dir() else Path(place)
    if not path.is_file():
        raise ValueError(
            f"log {place!r} is not there; expected log.csv of AUTOMATIC1111's web UI: correct the path."
        )
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from _rows(csv.reader(file), path, moved)
    except csv.Error as fault:
        raise ValueError(
            f"log {place!r} is no CSV ({fault}); expected log.csv of AUTOMATIC1111's web UI: name another file."
        ) from fault
    except OSError as fault:
        raise ValueError(f"log {place!r} could not be read ({fault.strerror}); expected a file.") from fault


def _rows(rows: Iterator[list[str]], path: Path, moved: Moved) -> Iterator[Item]:
    header = next(rows, [])
    if not {"filename", "prompt"} <= set(header):
        raise ValueError(
            f"log {str(path)!r} has the columns {', '.join(header)[:200] or 'of an empty file'}; expected filename and "
            "prompt, as AUTOMATIC1111's log.csv has: name another file, or give a CSV of stars as --stars."
        )
    file, prompt = header.index("filename"), header.index("prompt")
    for row in filter(None, rows):
        if len(row) <= max(file, prompt) or not row[file]:
            yield Item(silent=ODD)
            continue
        picture = within(str(path.parent.absolute()), [row[file].replace("\\", "/")], moved)
        yield liked(picture, row[prompt].encode("utf-8", "replace").decode())


def read_images_browser(place: str, moved: Moved) -> Iterator[Item]:
    """Read the ranks 1 to 5, as stars, of wib.sqlite3; errors of `open_database`."""
    path = Path(place, "wib.sqlite3") if Path(place).is_dir() else Path(place)
    with open_database(path, "images-browser database") as database:
        for file, rank, prompt in database.execute(QUERY):
            given = None if rank == "None" else rank
            yield rated(here(str(file), moved), given, str(prompt or "").encode("utf-8", "replace").decode())
