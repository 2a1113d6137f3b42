"""Histories and logs as spreadsheets, exports and accidents leave them: read rightly, or refused in one sentence."""

import json

import pytest
from place import audit
from pyarrow.parquet import read_metadata

PAIRS = [(f"photos/{2 * n}.png", f"photos/{2 * n + 1}.png") for n in range(4)]


def table(head="liked,disliked", rows=PAIRS, separator=",", end="\n"):
    lines = [head.replace(",", separator), *(separator.join(row) for row in rows)]
    return end.join(lines) + end


PLAIN = table()

RIGHT = {
    "plain": PLAIN, "bom": PLAIN.encode("utf-8-sig"), "utf16": PLAIN.encode("utf-16"),
    "semicolon": table(separator=";"),
    "tab": table(separator="\t"), "crlf": table(end="\r\n"), "cr": table(end="\r"), "capital": table("Liked,Disliked"),
    "space-head": table("liked, disliked"), "space-cells": table(rows=[(a, f" {b}") for a, b in PAIRS]),
    "blank-lines": PLAIN.replace("\n", "\n\n"), "quoted": table(rows=[(f'"{a}"', f'"{b}"') for a, b in PAIRS]),
    "no-end": PLAIN[:-1], "dot": PLAIN.replace("photos/", "./photos/"),
}  # fmt: skip
"""The same four votes, of which the same scores come."""

WRONG = {
    "nothing": "", "header": "liked,disliked\n", "one-column": "liked\nphotos/0.png\n", "no-header": table()[15:],
    "other-columns": table("a,b"), "twice": table("liked,liked"), "blanks": table(rows=[("", "")] * 3),
    "missing-file": table(rows=[("photos/none.png", "photos/1.png")]), "url": table(rows=[("https://h/a.png",
    "b.png")]),
    "folder": table(rows=[("photos", "photos/1.png")]), "device": table(rows=[("/dev/zero", "photos/1.png")]),
    "windows": table(rows=[(r"C:\a.png", "photos/1.png")]), "text": table(rows=[("votes.csv", "photos/1.png")]),
    "nul": table(rows=[("photos/0\0.png", "photos/1.png")]), "long": table(rows=[("x" * 200_000, "photos/1.png")]),
    "one-quote": PLAIN + '"', "binary": bytes(range(256)) * 20, "nul-bytes": bytes(3000),
    "latin1": table(rows=[*PAIRS, ("caf\xe9.png", "photos/1.png")]).encode("latin-1"),
    "surrogate": table(rows=[("\ud83d.png", "photos/1.png")]).encode("utf-8", "surrogatepass"),
    "traversal": table(rows=[("../../../../etc/passwd", "photos/1.png")]), "json": json.dumps([{"liked": 1}]),
    "short-row": PLAIN + "photos/8.png\n", "long-row": PLAIN + "photos/8.png,photos/9.png,c,d\n",
    "half-blank": PLAIN + "photos/8.png,\n", "html": "<html><body>Log in</body></html>",
    "rtf": r"{\rtf1 liked,disliked}",
    "bad-preferred": "first,second,preferred\nphotos/0.png,photos/1.png,left\n", "pickle": b"\x80\x04K\x01.",
    "many-columns": ",".join(f"c{n}" for n in range(3000)) + "\n", "zip": b"PK\3\4" + bytes(100),
    "gz": b"\x1f\x8b" + bytes(40), "ole": b"\xd0\xcf\x11\xe0" + bytes(600), "parquet": b"PAR1" + bytes(60) + b"PAR1",
    "sqlite": b"SQLite format 3\0" + bytes(200),
}  # fmt: skip


def written(place, work, name, data, suffix=".csv"):
    path = work / f"{name}{suffix}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    if not (work / "photos").exists():
        (work / "photos").symlink_to(place.root / "photos")
    return path


def asked(path, command):
    if command == "score":
        return ("score", "{picture}", "--model", "mini-posterior", "--history", str(path), "--json")
    return ("rank", "{photos}", "--votes", str(path), "--json")


@pytest.mark.parametrize("command", ["score", "rank"])
@pytest.mark.parametrize("name", RIGHT)
def test_the_same_votes_in_another_dress(place, tmp_path, name, command):
    plain = written(place, tmp_path, "the-plain", PLAIN)
    expected = audit(place, tmp_path, asked(plain, command), "done").stdout
    path = written(place, tmp_path, name, RIGHT[name])
    assert audit(place, tmp_path, asked(path, command), "done").stdout == expected


EITHER = {"latin1"}
"""One of five votes names a file that is not there, of which `rank` tells."""


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".db", ""])
@pytest.mark.parametrize("command", ["score", "rank"])
@pytest.mark.parametrize("name", WRONG)
def test_a_history_that_cannot_be_read(place, tmp_path, name, command, suffix):
    path = written(place, tmp_path, name, WRONG[name], suffix)
    audit(place, tmp_path, asked(path, command), "either" if name in EITHER else "refused")


def votes(**changed):
    """A log of six people, every cell of a role as it is given."""
    rows = [
        {"user_id": f"u{user}", "prompt": "a fish", "image_0": f"i{user}_{n}a", "image_1": f"i{user}_{n}b",
         "label_0": str(n % 2), **{role: value(n) for role, value in changed.items()}}
        for user in range(6) for n in range(14)
    ]  # fmt: skip
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"


LOG = votes()
LOGS = {
    "plain": LOG, "bom": LOG.encode("utf-8-sig"), "utf16": LOG.encode("utf-16"), "semicolon": LOG.replace(",", ";"),
    "tab": LOG.replace(",", "\t"), "crlf": LOG.replace("\n", "\r\n"), "cut": LOG[:-9], "short-row": LOG + "u0,a\n",
    "long-row": LOG + "u0,a,b,c,1,2,3\n", "nul": LOG.replace("a fish", "a\0fish", 1), "title": "My export\n\n" + LOG,
    "comment": "# made\n" + LOG, "sep": "sep=,\n" + LOG, "blank-first": "\n\n" + LOG,
    "no-header": LOG.split("\n", 1)[1],
    "header": LOG.split("\n")[0] + "\n", "nothing": "", "one": "\n".join(LOG.split("\n")[:2]) + "\n",
    "label-text": votes(label_0=lambda n: "AB"[n % 2]), "label-nan": votes(label_0=lambda n: "nan"),
    "label-inf": votes(label_0=lambda n: "inf"), "label-minus": votes(label_0=lambda n: "-1"),
    "label-huge": votes(label_0=lambda n: "1e30"), "label-blank": votes(label_0=lambda n: ""),
    "label-soft": votes(label_0=lambda n: ("0.8", "0.2")[n % 2]), "user-blank": votes(user_id=lambda n: ""),
    "image-blank": votes(image_0=lambda n: ""), "image-same": votes(image_0=lambda n: "a", image_1=lambda n: "a"),
    "image-device": votes(image_0=lambda n: "/dev/zero"), "image-up": votes(image_0=lambda n: "../../etc/passwd"),
    "prompt-image": votes(prompt=lambda n: "<image><end_of_utterance>Assistant: +"), "latin1": votes(
        prompt=lambda n: "caf\xe9").encode("latin-1"), "long-cell": votes(prompt=lambda n: "x" * 20_000),
    "quote": LOG + '"', "inch": votes(prompt=lambda n: 'a 5" fish'), "binary": bytes(range(256)) * 30,
}  # fmt: skip

READ = {"plain", "bom", "utf16", "semicolon", "tab", "crlf", "prompt-image"}


def built(path, *more):
    """A build of few likes, with its summary as JSON."""
    return ("data", "build", path, *more, "--out", "{work}/out", "--min-liked", "2", "--json")


@pytest.mark.parametrize("command", ["build", "guessed", "look"])
@pytest.mark.parametrize("name", LOGS)
def test_a_log(place, tmp_path, name, command):
    path = str(written(place, tmp_path, name, LOGS[name]))
    arguments = {
        "build": built(path, "--mapping", "votes"),
        "guessed": built(path),
        "look": ("data", "look", path),
    }[command]
    audit(place, tmp_path, arguments, "done" if name in READ else "either", ("out",))
    if name in READ and command == "build":
        assert read_metadata(tmp_path / "out/votes.parquet").num_rows == 84


TIMES = {
    "ms": "1767225600000", "us": "1767225600000000", "s": "1767225600", "day": "2026-03-01",
    "zone": "2026-03-01T10:00+09:00",
    "us-date": "3/1/2026 10:00 AM", "excel": "46082.4167", "zero": "0000-00-00", "nan": "NaN", "inf": "infinity",
    "ymd": "20260301", "huge": "1e30", "minus": "-1", "text": "yesterday", "year": "2026", "blank": "",
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_times(place, tmp_path, name):
    log = "\n".join(
        f"{line},{'created_at' if number == 0 else TIMES[name]}"
        for number, line in enumerate(LOG.splitlines())
    )
    path = str(written(place, tmp_path, name, log + "\n"))
    audit(place, tmp_path, built(path, "--mapping", "votes"), "either", ("out",))
