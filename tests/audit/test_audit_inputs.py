"""Every command, and at each place where it reads a file or a folder everything that could stand there."""

import os

import pytest
from place import audit

ODD = {
    "missing": "{work}/none", "empty": "empty", "folder": "folder", "fifo": "fifo", "endless": "zero", "null": "null",
    "loop": "loop", "dangling": "dangling", "random": "random", "pickle": "pickle", "zeros": "zeros", "lfs": "lfs",
    "prose": "prose", "socket": "socket", "long": "x" * 300, "no-name": "", "bytes": os.fsdecode(b"caf\xe9.csv"),
    "below-file": "empty/below", "memory": "/proc/self/mem",
}  # fmt: skip

HISTORY = ("--history", "{votes}")
TINY = ("--set", "stage1.steps=1", "--set", "stage2.steps=0", "--set", "stage1.evaluate_people=1",
        "--set", "teacher.posterior=")  # fmt: skip
READERS = {
    "build-log": ("data", "build", "?", "--out", "{work}/out", "--mapping", "votes"),
    "build-guessed": ("data", "build", "?.csv", "--out", "{work}/out"),
    "build-mapping": ("data", "build", "{log}", "--out", "{work}/out", "--mapping", "?"),
    "build-toml": ("data", "build", "{log}", "--out", "{work}/out", "--mapping", "?.toml"),
    "build-images": ("data", "build", "{log}", "--out", "{work}/out", "--mapping", "{mapping}", "--images", "?"),
    "look": ("data", "look", "?"),
    "look-json": ("data", "look", "?.json"),
    "look-parquet": ("data", "look", "?.parquet"),
    "look-zip": ("data", "look", "?.zip"),
    "look-sqlite": ("data", "look", "?.sqlite"),
    "train-data": ("train", "--data", "?", "--out", "{work}/out"),
    "train-config": ("train", "--data", "{data}", "--config", "?.toml", *TINY, "--out", "{work}/out"),
    "train-start": ("train", "--data", "{data}", *TINY, "--set", "init_from=?", "--out", "{work}/out"),
    "train-teacher": ("train", "--data", "{data}", *TINY, "--set", "teacher.posterior=?", "--out", "{work}/out"),
    "evaluate-data": ("evaluate", "--model", "mini-posterior", "--data", "?"),
    "evaluate-model": ("evaluate", "--model", "?", "--data", "{data}"),
    "evaluate-baseline": ("evaluate", "--model", "mini-posterior", "--baseline", "?", "--data", "{data}"),
    "score-picture": ("score", "?", "--model", "mini-posterior", *HISTORY),
    "score-history": ("score", "{picture}", "--model", "mini-posterior", "--history", "?"),
    "score-history-jsonl": ("score", "{picture}", "--model", "mini-posterior", "--history", "?.jsonl"),
    "score-model": ("score", "{picture}", "--model", "?", *HISTORY),
    "score-data": ("score", "{picture}", "--model", "mini-posterior", "--data", "?", "--user", "{user}"),
    "rank-pictures": ("rank", "?", *HISTORY),
    "rank-liked": ("rank", "{photos}", "--liked", "?"),
    "rank-disliked": ("rank", "{photos}", "--liked", "{picture}", "--disliked", "?"),
    "rank-votes": ("rank", "{photos}", "--votes", "?"),
    "rank-stars": ("rank", "{photos}", "--stars", "?"),
    "rank-model": ("rank", "{photos}", *HISTORY, "--model", "?"),
    "rank-shared": ("rank", "{photos}", *HISTORY, "--shared", "?"),
    "rank-data": ("rank", "{photos}", "--data", "?", "--user", "{user}"),
    "ask-pictures": ("ask", "?"),
    "ask-votes": ("ask", "{photos}", "--votes", "?"),
    "ask-model": ("ask", "{photos}", "--model", "?"),
    "likes": ("likes", "?"),
    **{f"likes-{kind}": ("likes", f"{kind}:?") for kind in (
        "xmp", "lightroom", "digikam", "takeout", "automatic1111", "images-browser", "immich")},
    "generate-history": ("generate", "--prompt", "a fish", "--out", "{work}/out", "--history", "?"),
    "generate-data": ("generate", "--prompt", "a fish", "--out", "{work}/out", "--data", "?", "--user", "{user}"),
    "generate-model": ("generate", "--prompt", "a fish", "--out", "{work}/out", *HISTORY, "--model", "?"),
    "generate-generator": ("generate", "--prompt", "a fish", "--out", "{work}/out", *HISTORY, "--generator", "?"),
}  # fmt: skip

EITHER = {
    ("train-start", "no-name"), ("train-teacher", "no-name"), ("train-config", "empty"), ("train-config", "null"),
    *(("rank-disliked", odd) for odd in ("empty", "random", "pickle", "zeros", "lfs", "prose", "memory")),
    *(("likes-xmp", odd) for odd in ("empty", "random", "pickle", "zeros", "lfs", "prose", "memory")),
}  # fmt: skip
"""Where what is odd is a right answer too: nothing is a whole config; a picture that cannot be looked at is told, and
of a file that is named as a picture no stars are found."""


def put(place, work, odd, suffix):
    """The odd thing under a name with this suffix, in the folder of the case."""
    target = ODD[odd]
    if target.startswith(("/", "{work}")) or target in ("", "empty/below") or odd in ("long", "bytes"):
        return (str(place.odd / target) if target == "empty/below" else target) + suffix
    if not suffix:
        return str(place.odd / target)
    (work / f"odd{suffix}").symlink_to(place.odd / target)
    return str(work / f"odd{suffix}")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_read(place, tmp_path, reader, odd):
    slot = next(part for part in READERS[reader] if "?" in part)
    before, _, suffix = slot.partition("?")
    given = before + put(place, tmp_path, odd, suffix)
    command = [given if part == slot else part for part in READERS[reader]]
    expected = "either" if (reader, odd) in EITHER or reader in EITHER else "refused"
    audit(place, tmp_path, command, expected, ("out",))
