"""docs/your-own-log.md: each row of its table of what people have is run, on a small file of that form."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from logs import picture as encoded_picture
from tasteprint.cli.main import app
from tasteprint.data.dataset import Dataset
from tests.photo_libraries import lightroom, packet, picture

PAGE = Path(__file__).parents[1] / "docs" / "your-own-log.md"
ROWS = dict(re.findall(r"^\| (.+?) \| `(tasteprint [^`]+)` \|$", PAGE.read_text("utf-8"), re.MULTILINE))
PEOPLE, VOTES = ("7", "8", "9"), 12
PAIRS = [(person, f"{n}.png", f"{n + VOTES}.png", n % 2) for person in PEOPLE for n in range(VOTES)]
"""Person, two images, and whether the first was preferred; by everyone the even ones of the first twelve were not."""

WITH_IMAGES = ("Pick-a-Pic v1 or v2", "web page screenshots (Calista)")
"""What brings its images itself."""

FITS = {
    "votes.csv": "votes.", "likes.csv": "likes.", "ratings.csv": "ratings.", "chosen.csv": "chosen.",
    "export.json": "labelstudio with ", "pickapic.parquet": "pickapic.", "hpdv2.parquet": "hpdv2.",
    "open-image-preferences.parquet": "open-image-preferences.", "sac_public_2022_06_29.sqlite": "simulacra.",
    "votes_filtered.csv": "eva.", "FLICKR-AES_image_labeled_by_each_worker.csv": "flickr-aes.",
    "annotation/PARA-Images.csv": "para.", "LAPIS_individualratings_metaANDdemodata.csv": "lapis.",
    "choices.csv": "calista.",
}  # fmt: skip
"""By log, the mapping that its columns fit."""

Makers = dict[str, Callable[[Path], None]]


def table(path: Path, columns: str, rows: Sequence[Sequence[object]], delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([columns.split(","), *rows])


def rated(best: float, worst: float) -> list[tuple[str, str, float]]:
    """Person, image, rating: of each pair one the best and one the worst."""
    return [
        (person, image, best if liked else worst)
        for person, first, second, label in PAIRS
        for image, liked in ((first, label), (second, not label))
    ]


def parquet(path: Path, rows: list[dict]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def label_studio(path: Path) -> None:
    """Three people answer each task, and one of them skips the last; the project's own names of the two pictures."""
    tasks = [
        {
            "id": n,
            "data": {"photo1": f"/data/upload/3/{first}", "photo2": f"/data/local-files/?d=x/{second}"},
            "annotations": [
                {
                    "id": 10 * n + int(person),
                    "completed_by": int(person),
                    "was_cancelled": False,
                    "created_at": "2026-03-01T10:00:00.123456Z",
                    "lead_time": 4.2,
                    "result": [
                        {"type": "pairwise", "from_name": "pw", "to_name": "a,b", "value": {"selected": side}}
                    ],
                }
                for person in PEOPLE
                for side in ("left" if label else "right",)
            ],
            "predictions": [],
        }
        for n, (_, first, second, label) in enumerate(PAIRS[:VOTES])
    ]
    skipped = {"completed_by": 7, "was_cancelled": True, "result": [], "created_at": "2026-03-01T10:00:00Z"}
    tasks[-1]["annotations"].append(skipped)
    path.write_text(json.dumps(tasks))


def label_studio_min(path: Path) -> None:
    """An answer each, under the project's own name of the question."""
    rows = [
        {
            "left_image": first, "right_image": second, "id": n, "pw": [{"selected": "left" if label else "right"}],
            "annotator": int(person), "annotation_id": n, "created_at": "2026-03-01T10:00:00.123456Z",
            "updated_at": "2026-03-01T10:00:00.123456Z", "lead_time": 3.25,
        }
        for n, (person, first, second, label) in enumerate(PAIRS)
    ]  # fmt: skip
    path.write_text(json.dumps(rows))


def pick_a_pic(path: Path) -> None:
    rows = [
        {
            "user_id": int(person), "caption": "a fish", "image_0_uid": first, "image_0_url": f"https://x.org/{first}",
            "image_1_uid": second, "image_1_url": f"https://x.org/{second}", "label_0": float(label),
            "label_1": 1.0 - label, "has_label": True, "ranking_id": n, "created_at": None,
            "jpg_0": encoded_picture(int(first[:-4])), "jpg_1": encoded_picture(int(second[:-4])),
        }
        for n, (person, first, second, label) in enumerate(PAIRS)
    ]  # fmt: skip
    parquet(path, rows)


def argilla(path: Path) -> None:
    rows = [
        {
            "id": str(n), "status": "completed", "images": {"image_1": first, "image_2": second, "prompt": "a fish"},
            "preference.responses": ["image_1" if label else "image_2"] * len(PEOPLE),
            "preference.responses.users": list(PEOPLE),
            "preference.responses.status": ["submitted"] * len(PEOPLE),
            "prompt": [0.5, 0.25],
        }
        for n, (_, first, second, label) in enumerate(PAIRS[:VOTES])
    ]  # fmt: skip
    parquet(path, rows)


def hpdv2(path: Path) -> None:
    columns = ("user_id", "prompt", "image_left_id", "image_right_id", "pref", "ranking_id")
    rows = [(int(user), "x", a, b, 2 * label - 1, f"r{n}") for n, (user, a, b, label) in enumerate(PAIRS)]
    parquet(path, [dict(zip(columns, row, strict=True)) for row in rows])


def simulacra(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            """
            CREATE TABLE ratings (sid INTEGER, iid INTEGER, rating INTEGER, verified INTEGER);
            CREATE TABLE images (id INTEGER PRIMARY KEY, gid INTEGER, idx INTEGER);
            CREATE TABLE generations (id INTEGER PRIMARY KEY, sid INTEGER, method TEXT, prompt TEXT, verified INTEGER);
            CREATE TABLE paths (iid INTEGER, path TEXT);
            INSERT INTO generations VALUES (1, 5, 'm', 'a fish', 1);
            """
        )
        for n in range(2 * VOTES):
            database.execute("INSERT INTO images VALUES (?, 1, ?)", (n, n))
            database.execute("INSERT INTO paths VALUES (?, ?)", (n, f"{n}.png"))
        ratings = [(int(user), int(image[:-4]), rating) for user, image, rating in rated(9, 2)]
        database.executemany("INSERT INTO ratings VALUES (?, ?, ?, 1)", ratings)
        database.commit()


def screenshots(path: Path) -> None:
    rows = [(u, a, b, "left" if label else "right", n, 1, 0) for n, (u, a, b, label) in enumerate(PAIRS)]
    table(path, "rater_id,left,right,choice,trial,passed_check,is_repeat", rows)
    table(path.parent / "images.csv", "image_id,file", [(f"{n}.png", f"pictures/{n}.png") for n in range(24)])


LOGS: Makers = {
    "votes.csv": lambda path: table(path, "user_id,image_0,image_1,label_0", PAIRS),
    "likes.csv": lambda path: table(path, "user_id,image,liked", rated(1, 0)),
    "ratings.csv": lambda path: table(path, "user_id,image,rating", rated(5, 2)),
    "chosen.csv": lambda path: table(
        path, "user_id,chosen,rejected", [(u, a, b) if label else (u, b, a) for u, a, b, label in PAIRS]
    ),
    "export.json": label_studio,
    "export-min.json": label_studio_min,
    "pickapic.parquet": pick_a_pic,
    "hpdv2.parquet": hpdv2,
    "open-image-preferences.parquet": argilla,
    "sac_public_2022_06_29.sqlite": simulacra,
    "votes_filtered.csv": lambda path: table(
        path, "image_id,user_id,score", [(i[:-4], u, r) for u, i, r in rated(8, 3)], "="
    ),
    "FLICKR-AES_image_labeled_by_each_worker.csv": lambda path: table(
        path, "worker, imagePair, score", rated(5, 1)
    ),
    "annotation/PARA-Images.csv": lambda path: table(
        path,
        "sessionId,imageName,userId,aestheticScore,qualityScore",
        [("session1", i, u, r, 3.0) for u, i, r in rated(4.5, 2)],
    ),
    "LAPIS_individualratings_metaANDdemodata.csv": lambda path: table(
        path,
        "image_filename,participant_id,response,age",
        [(f"cubism/{i}", u, r, 30) for u, i, r in rated(80, 20)],
    ),
    "choices.csv": screenshots,
    "mylog.csv": lambda path: table(
        path,
        "Rater,Photo A,Photo B,Better,When",
        [(u, a, b, "A" if label else "B", "2026-03-01 10:00") for u, a, b, label in PAIRS],
    ),
}
OWN: Makers = {
    "votes.csv": lambda path: table(path, "chosen,rejected", [("pictures/1.png", "pictures/2.png")]),
    "stars.csv": lambda path: table(path, "image,stars", [("pictures/1.png", 5), ("pictures/2.png", 1)]),
    "my.lrcat": lambda path: lightroom(
        path, [("", "a.jpg", 5, 0), ("", "b.jpg", 1, 0)], f"{path.parent / 'photos'}/"
    ),
}
"""What writes the small log or table that a command names."""


def made_for(command: str, folder: Path) -> list[str]:
    """Write all that a command names into a folder; give its words."""
    words = shlex.split(command)[1:]
    named = [word.rpartition(":")[2] for word in words]
    for name in {"pictures/", "40K/", "imgs/", "kept/"} & {*named, "pictures/"}:
        (folder / name).mkdir(exist_ok=True)
        for number in range(24 if words[0] == "data" else 4):
            (folder / name / f"{number}.png").write_bytes(encoded_picture(number))
    for number, name in enumerate("abcd" if words[0] != "data" else ""):
        (folder / "photos").mkdir(exist_ok=True)
        picture(folder / "photos" / f"{name}.jpg", xmp=packet(f'xmp:Rating="{1 + number % 2 * 4}"'))
    for name, make in (LOGS if words[0] == "data" else OWN).items():
        if name in named:
            (folder / name).parent.mkdir(exist_ok=True)
            make(folder / name)
    return words


@pytest.fixture
def tasteprint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASTEPRINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "sync", lambda: None)  # of the whole machine, once a build

    def run(*words):
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    return run


def name_of(data: Dataset, image: str) -> str:
    """What an image of a dataset was called: by its colour, or without images by its id."""
    if not data.summary.has_images:
        return image.rpartition("/")[2]
    return f"{data.images.open(image).getpixel((0, 0))[0] // 6}.png"


def test_every_log_of_the_table_is_made_here():
    named = " ".join(ROWS.values())
    assert len(ROWS) == 22 and all(name in named for name in (*LOGS, *OWN))


@pytest.mark.parametrize("have", [have for have, command in ROWS.items() if " data build " in command])
def test_a_log_becomes_the_votes_that_it_says(have, tmp_path, tasteprint):
    words = made_for(ROWS[have], tmp_path)
    done = tasteprint(*words)
    (named,) = {*words} & {*FITS}
    assert f"is read by the mapping {FITS[named]}" in done.stderr
    data = Dataset(tmp_path / "data")
    votes = [vote for person in PEOPLE for vote in data.votes_of(person)]
    assert len(votes) == len(PAIRS) and not data.summary.unread
    assert data.summary.has_images == ("--images" in words or have in WITH_IMAGES)
    better = {(person, first if label else second) for person, first, second, label in PAIRS}
    worse = {(person, second if label else first) for person, first, second, label in PAIRS}
    assert {(vote.user_id, name_of(data, vote.liked)) for vote in votes} == better
    assert {(vote.user_id, name_of(data, vote.disliked)) for vote in votes} == worse


@pytest.mark.parametrize("have", [have for have, command in ROWS.items() if " rank " in command])
def test_opinions_become_a_ranking(have, tmp_path, tasteprint):
    done = tasteprint(*made_for(ROWS[have], tmp_path), "--out", "ranking.jsonl")
    folder = shlex.split(ROWS[have])[2]
    ranked = [json.loads(line) for line in (tmp_path / "ranking.jsonl").read_text("utf-8").splitlines()]
    assert len(ranked) == len([*(tmp_path / folder).iterdir()]) and "pictures ranked by" in done.stdout


def test_a_library_becomes_a_table(tmp_path, tasteprint):
    (command,) = [command for command in ROWS.values() if " likes " in command]
    tasteprint(*made_for(command, tmp_path))
    with (tmp_path / "likes.csv").open(newline="", encoding="utf-8") as file:
        stars = {Path(row["image"]).name: row["stars"] for row in csv.DictReader(file)}
    assert stars == {"a.jpg": "5", "b.jpg": "1"}


@pytest.mark.parametrize("have", [have for have, command in ROWS.items() if " look " in command])
def test_another_log_is_looked_at_and_built_by_what_was_written(have, tmp_path, tasteprint):
    words = made_for(ROWS[have], tmp_path)
    assert "gives: 36 votes of 3 people, from 36 rows" in tasteprint(*words).stdout
    tasteprint(
        "data", "build", words[2], "--mapping", "mapping.toml", "--images", "pictures", "--out", "data"
    )
    data = Dataset(tmp_path / "data")
    assert data.summary.has_images
    liked = {(vote.user_id, name_of(data, vote.liked)) for person in PEOPLE for vote in data.votes_of(person)}
    assert liked == {(person, first if label else second) for person, first, second, label in PAIRS}


def test_a_label_studio_export_reaches_a_ranking_without_a_mapping(tmp_path, tasteprint):
    (command,) = [command for command in ROWS.values() if "export.json" in command]
    said = tasteprint(*made_for(command, tmp_path)).stderr
    assert "the mapping labelstudio with image_0 = data.photo1 and image_1 = data.photo2" in said
    assert Dataset(tmp_path / "data").summary.dropped == {"skipped by the annotator": 1}
    done = tasteprint("rank", "pictures", "--data", "data", "--user", "7", "--out", "ranking.jsonl")
    assert "ranked by 12 opinions" in done.stdout
