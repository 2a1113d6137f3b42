"""LUP's data files as a log of votes: a row a labelled pair, beside the pictures that its user liked and disliked.

Enters: a pickled frame (`bench_train_w_bad.pkl` and others), a new folder. Leaves: votes.csv and images/ in it, which
`data build` reads. Does not know: how the frame is unpickled, datasets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasteprint.data.pickled_frames import read_pickled_frame
from tasteprint.files import require_new, whole
from tasteprint.types import Vote

LIKED, DISLIKED, PROMPTS = "reference_list", "reference_list_bad", "reference_prompt_list"
TARGET = ("image0", "image1", "label0", "prompt")
COLUMNS = ("user_id", "prompt", "image_0", "image_1", "label_0")
SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp", b"GIF8": ".gif"}
"""By the first bytes of a picture; another is kept without one."""


def convert_reference_frame(path: str | Path, folder: str | Path) -> int:
    """Write a frame's votes, each once, and its pictures, named by their contents; give the number of votes.

    Frames name no user: rows with the same references are of one. A user's references come first, liked against
    disliked in their order, then the labelled pairs; a label of 0.5 is a tie. ValueError for a file that is no such
    frame, and for a folder that holds something; the folder appears only when all is written.
    """
    path, folder = Path(path), Path(folder)
    require_new(folder)
    columns = read_pickled_frame(path)
    if missing := [name for name in (LIKED, DISLIKED, PROMPTS, *TARGET) if name not in columns]:
        raise ValueError(
            f"frame {path.name!r} has no column {missing[0]!r}; expected those of LUP's data, {LIKED}, {DISLIKED}, "
            f"{PROMPTS} and {', '.join(TARGET)}: name another file."
        )
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    with whole(folder.resolve()) as part:
        (part / "images").mkdir(parents=True)
        votes = list(dict.fromkeys(vote for n, row in enumerate(rows) for vote in _votes(row, part, n)))
        (part / "votes.csv").write_text(_table(votes), encoding="utf-8", newline="")
    return len(votes)


def _votes(row: Mapping[str, Any], folder: Path, number: int) -> Iterator[Vote]:
    """The votes of one row: its references, then its labelled pair."""
    liked, disliked, prompts = row[LIKED], row[DISLIKED], row[PROMPTS]
    if not (isinstance(liked, list) and isinstance(disliked, list) and isinstance(prompts, list)):
        raise ValueError(
            f"row {number} has no lists of references; expected pictures and prompts: repair the file."
        )
    if not len(liked) == len(disliked) == len(prompts):
        raise ValueError(
            f"row {number} has {len(liked)} liked references, {len(disliked)} disliked and {len(prompts)} prompts; "
            "expected as many of each: repair the file."
        )
    better_ones, worse_ones = (
        [_kept(picture, folder, number) for picture in pictures] for pictures in (liked, disliked)
    )
    user = sha256("\n".join([*better_ones, *worse_ones]).encode()).hexdigest()[:16]
    for better, worse, prompt in zip(better_ones, worse_ones, prompts, strict=True):
        if better != worse:
            yield Vote(user, str(prompt), better, worse, 1.0)
    first, second = (_kept(row[name], folder, number) for name in TARGET[:2])
    if first != second:
        yield Vote(user, str(row["prompt"]), first, second, float(row["label0"]))


def _kept(picture: Any, folder: Path, number: int) -> str:
    """Write a picture once, under the name of its content; give its path in the folder."""
    if not isinstance(picture, bytes):
        raise ValueError(
            f"row {number} has a picture of type {type(picture).__name__}; expected bytes: repair the file."
        )
    suffix = next((suffix for head, suffix in SUFFIXES.items() if picture.startswith(head)), "")
    name = f"images/{sha256(picture).hexdigest()[:32]}{suffix}"
    if not (folder / name).exists():
        (folder / name).write_bytes(picture)
    return name


def _table(votes: list[Vote]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((vote.user_id, vote.prompt, *vote.images, vote.label_0) for vote in votes)
    return out.getvalue()
