"""Every mapping that comes with the package, on a small file of the published form."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from logs import staged
from tasteprint.data.mapping import bundled_mappings, load_mapping
from tasteprint.types import Vote


def votes_of(tmp_path: Path, source: Path, mapping: str) -> tuple[list[tuple[str, str, str]], dict[str, int]]:
    """Who liked what more than what, and what was left out."""
    votes, dropped = staged(tmp_path, source, load_mapping(mapping))
    assert all(isinstance(vote, Vote) for vote in votes)
    return [
        (v.user_id, v.image_0, v.image_1) if v.is_tie else (v.user_id, v.liked, v.disliked) for v in votes
    ], dropped


def csv_of(tmp_path: Path, text: str) -> Path:
    (tmp_path / "log.csv").write_text(text)
    return tmp_path / "log.csv"


def test_every_bundled_mapping_is_tested_here_or_with_the_votes() -> None:
    elsewhere = {"calista", "likes", "pickapic", "ratings", "votes"}
    assert set(bundled_mappings()) - elsewhere == {
        *("chosen", "history", "labelstudio", "hpdv2", "open-image-preferences", "simulacra"),
        *("eva", "flickr-aes", "lapis", "para"),
    }


def test_chosen_and_rejected(tmp_path: Path) -> None:
    log = csv_of(tmp_path, "user_id,prompt,chosen,rejected\nann,a fish,a.png,b.png\nann,,c.png,a.png\n")
    assert votes_of(tmp_path, log, "chosen")[0] == [("ann", "c.png", "a.png"), ("ann", "a.png", "b.png")]


def test_our_own_history(tmp_path: Path) -> None:
    log = csv_of(tmp_path, "disliked,liked\nb.png,a.png\n")
    assert votes_of(tmp_path, log, "history")[0] == [("you", "a.png", "b.png")]


def task(left: str, right: str, *annotations: tuple[int, str, bool]) -> dict:
    return {
        "id": 1,
        "data": {"image_left": left, "image_right": right, "prompt": "a fish"},
        "annotations": [
            {
                "completed_by": person,
                "was_cancelled": cancelled,
                "created_at": "2026-03-01T10:00:00.1Z",
                "result": [{"type": "pairwise", "from_name": "pw", "value": {"selected": side}}]
                if side
                else [],
            }
            for person, side, cancelled in annotations
        ],
    }


def test_label_studio(tmp_path: Path) -> None:
    tasks = [
        task("/data/upload/3/a.png", "/data/upload/3/b.png", (1, "left", False), (2, "right", False)),
        task("/data/upload/3/c.png", "/data/upload/3/d.png", (1, "left", True), (2, "", False)),
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    votes, dropped = votes_of(tmp_path, tmp_path / "export.json", "labelstudio")
    a, b = "/data/upload/3/a.png", "/data/upload/3/b.png"
    assert votes == [("1", a, b), ("2", b, a)]
    assert dropped == {"skipped by the annotator": 1, "no label": 1}
    for one in tasks:
        for annotation in one["annotations"]:
            del annotation["was_cancelled"]
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "export.json").write_text(json.dumps(tasks[:1]))
    assert len(votes_of(tmp_path / "older", tmp_path / "older" / "export.json", "labelstudio")[0]) == 2


def test_hpdv2(tmp_path: Path) -> None:
    log = csv_of(
        tmp_path,
        "user_id,prompt,image_left_id,image_right_id,pref,ranking_id\n7,x,a,b,1,1\n7,x,a,c,-1,2\n8,x,a,b,0,1\n",
    )
    assert votes_of(tmp_path, log, "hpdv2")[0] == [("7", "a", "b"), ("7", "c", "a"), ("8", "a", "b")]


def test_open_image_preferences(tmp_path: Path) -> None:
    rows = [
        {
            "images": {"image_1": "a", "image_2": "b", "prompt": "x"},
            "preference.responses": ["image_2", "both_good"],
            "preference.responses.users": ["u", "v"],
            "preference.responses.status": ["submitted", "submitted"],
        },
        {
            "images": {"image_1": "c", "image_2": "d", "prompt": "y"},
            "preference.responses": ["image_1", "image_1"],
            "preference.responses.users": ["u", "v"],
            "preference.responses.status": ["submitted", "discarded"],
        },
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    votes, dropped = votes_of(tmp_path, tmp_path / "log.parquet", "open-image-preferences")
    assert votes == [("u", "b", "a"), ("u", "c", "d"), ("v", "a", "b")] and dropped == {"not submitted": 1}


def test_simulacra(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sac.sqlite")) as database:
        database.executescript(
            """
            CREATE TABLE ratings (sid INTEGER, iid INTEGER, rating INTEGER, verified INTEGER);
            CREATE TABLE images (id INTEGER, gid INTEGER, idx INTEGER);
            CREATE TABLE generations (id INTEGER, sid INTEGER, method TEXT, prompt TEXT, verified INTEGER);
            CREATE TABLE paths (iid INTEGER, path TEXT);
            INSERT INTO generations VALUES (1, 5, 'm', 'a fish', 1), (2, 5, 'm', 'a boat', 1);
            INSERT INTO images VALUES (10, 1, 0), (11, 1, 1), (12, 2, 0);
            INSERT INTO paths VALUES (10, 'a.png'), (11, 'b.png'), (12, 'c.png');
            INSERT INTO ratings VALUES (3, 10, 9, 1), (3, 11, 4, 1), (3, 12, 1, 1), (4, 10, 5, 1);
            """
        )
    votes, dropped = votes_of(tmp_path, tmp_path / "sac.sqlite", "simulacra")
    assert votes == [("3", "a.png", "b.png")] and dropped == {"rating without a partner": 2}


def test_eva(tmp_path: Path) -> None:
    log = csv_of(tmp_path, "image_id=user_id=score=difficulty\n101=u=0=1\n102=u=10=2\n")
    assert votes_of(tmp_path, log, "eva")[0] == [("u", "102", "101")]


def test_flickr_aes(tmp_path: Path) -> None:
    log = csv_of(tmp_path, "worker, imagePair, score\nw1, farm1_a.jpg, 5\nw1, farm1_b.jpg, 2\n")
    assert votes_of(tmp_path, log, "flickr-aes")[0] == [("w1", "farm1_a.jpg", "farm1_b.jpg")]


def test_para(tmp_path: Path) -> None:
    log = csv_of(
        tmp_path,
        "sessionId,imageName,userId,aestheticScore\nsession1,iaa_pub1_.jpg,A1,4.5\nsession1,iaa_pub2_.jpg,A1,3.5\n",
    )
    assert votes_of(tmp_path, log, "para")[0] == [("A1", "iaa_pub1_.jpg", "iaa_pub2_.jpg")]


def test_lapis(tmp_path: Path) -> None:
    log = csv_of(
        tmp_path,
        "image_filename,participant_id,response,age\nabstract/a.jpg,7,80,30\nabstract/b.jpg,7,60.0,30\n",
    )
    assert votes_of(tmp_path, log, "lapis")[0] == [("7", "abstract/a.jpg", "abstract/b.jpg")]
