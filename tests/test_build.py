"""From a log to a dataset and back, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest
from PIL import Image
from typer.testing import CliRunner

from logs import (
    CALISTA,
    encoded,
    needs_calista,
    picture,
    rows_of,
    small_disk,  # noqa: F401
    write_csv,
    write_parquet,
    write_pictures,
)
from tasteprint.config import DataConfig
from tasteprint.data.build import build
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import draw_example, fixed_examples, unique_liked
from tasteprint.data.mapping import load_mapping

PLAIN = load_mapping("votes")
CONFIG = DataConfig(min_liked=5)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of ten users and its pictures, in a folder of its own."""
    folder = tmp_path / "log"
    folder.mkdir()
    write_pictures(folder)
    return write_csv(folder / "votes.csv", rows_of(users=10, votes=20))


def contents(folder: Path) -> dict[str, object]:
    """What a dataset says, and every byte of its images."""
    votes = duckdb.sql(f"FROM '{folder / 'votes.parquet'}'").fetchall()
    images = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("images/*/*")}
    return {"votes": votes, "images": images, "summary": (folder / "summary.json").read_text()}


def test_a_log_with_pictures_becomes_a_dataset(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = build(log, out, PLAIN, CONFIG, 0, images=log.parent)
    assert sorted(path.name for path in out.iterdir()) == ["images", "summary.json", "votes.parquet"]
    data = Dataset(out)
    assert data.summary == summary
    assert [len(data.users(split)) for split in ("train", "validation", "test")] == [8, 1, 1]
    users = {user for split in ("train", "validation", "test") for user in data.users(split)}
    assert len(users) == 10
    assert data.prompts() == ["prompt 0", "prompt 1", "prompt 2"]
    for user, votes in data.votes_by_user("train").items():
        assert votes == data.votes_of(user)
        assert [vote.ranking_id for vote in votes] == sorted(vote.ranking_id for vote in votes)
        assert all(image in data.images for v in votes for image in v.images)
    assert sum(count.votes for count in summary.splits.values()) == 200 == summary.rows
    (tester,) = data.users("test")
    shown = {image for vote in data.votes_of(tester) for image in vote.images}
    assert summary.splits["test"].images == len(shown)


@needs_calista
def test_the_real_log_end_to_end(tmp_path: Path) -> None:
    summary = build(CALISTA / "choices.csv", tmp_path / "out", load_mapping("calista"), DataConfig(), 0)
    assert summary.sentence() == "100 images and 140 users / 100 and 17 / 100 and 17"
    assert sum(count.votes for count in summary.splits.values()) == 5094
    assert summary.rows == 5094 + sum(summary.dropped.values()) == 7968
    data = Dataset(tmp_path / "out")
    assert data.images.open(data.votes_of("web001")[0].image_0).size == (128, 65)
    examples, skipped = fixed_examples(data.votes_by_user("test"), 8, 4, seed=0)
    assert len(examples) == 17 and not skipped


def test_ids_only_keeps_the_logs_own(log: Path, tmp_path: Path) -> None:
    build(log, tmp_path / "out", PLAIN, CONFIG, 0)
    data = Dataset(tmp_path / "out")
    with pytest.raises(ValueError, match=r"has no images; expected some: build it with its images\."):
        data.images  # noqa: B018
    assert data.votes_of("user000")[0].image_0.endswith(".png")


def test_pickapic_bytes_land_in_the_store_once(tmp_path: Path) -> None:
    blobs = [picture(n, "JPEG") for n in range(40)] + [b"broken"]
    write_parquet(
        tmp_path / "log.parquet",
        """SELECT 'caption' AS caption, make_timestamp_ns(1664582400000000000 + i) AS created_at,
          true AS has_label,
          'u' || (i % 41) AS image_0_uid, 'u' || ((i * 7 + 1) % 41) AS image_1_uid,
          $blobs[1 + (i % 41)::INT]::BLOB AS jpg_0, $blobs[1 + ((i * 7 + 1) % 41)::INT]::BLOB AS jpg_1,
          (i % 2)::DOUBLE AS label_0, i AS ranking_id, i % 4 AS user_id FROM range(400) t(i)""",
        blobs=blobs,
    )
    summary = build(tmp_path / "log.parquet", tmp_path / "out", load_mapping("pickapic"), CONFIG, 0)
    assert summary.bad_images == {"not an image": 1}
    shown = sum("u40" in (f"u{i % 41}", f"u{(i * 7 + 1) % 41}") for i in range(400))
    same = sum(i % 41 == (i * 7 + 1) % 41 for i in range(400))
    assert summary.dropped == {"not an image": shown, "same image on both sides": same}
    stored = {path.read_bytes() for path in tmp_path.glob("out/images/*/*")}
    assert stored == set(blobs[:40]) - {blobs[34]}  # 34 is shown only beside itself: never needed


def test_bad_rows_are_left_out_and_counted(log: Path, tmp_path: Path) -> None:
    rows = rows_of(users=10, votes=20)
    (log.parent / "copy.png").write_bytes(picture(3))
    (log.parent / "torn.png").write_bytes(encoded(Image.effect_noise((64, 64), 50))[:-500])
    (tmp_path / "secret.png").write_bytes(picture(300))
    base = {**rows[0], "label_0": 1}
    for number, (first, second) in enumerate(
        [
            ("1.png", "1.png"),
            ("3.png", "copy.png"),
            ("4.png", "torn.png"),
            ("5.png", "none.png"),
            ("6.png", "../secret.png"),
            ("6.png", str(tmp_path / "secret.png")),
        ]
    ):
        rows.append({**base, "image_0": first, "image_1": second, "ranking_id": 9000 + number})
    rows.append(rows[5])
    rows.append({**base, "user_id": "stranger"})
    write_csv(log, rows)
    summary = build(log, tmp_path / "out", PLAIN, CONFIG, 0, images=log.parent)
    assert summary.dropped == {
        "duplicate row": 1,
        "image missing": 2,
        "image outside its folder": 1,
        "image truncated": 1,
        "same image on both sides": 2,
        "user has fewer than 5 unique liked images": 1,
    }
    assert sum(count.votes for count in summary.splits.values()) == 200
    assert summary.bad_images == {"image missing": 2, "image outside its folder": 1, "image truncated": 1}
    assert summary.unread["image outside its folder"] == ["../secret.png"]
    assert summary.examples["image truncated"] == "line 204 of 'votes.csv': image 'torn.png'"
    with pytest.raises(ValueError, match=r"image '4?.*png'.*expected"):
        build(log, tmp_path / "strict", PLAIN, CONFIG, 0, images=log.parent, strict=True)
    with pytest.raises(ValueError, match=r"is (not there|incomplete)"):
        Dataset(tmp_path / "strict")


def test_an_image_table_beside_the_log(log: Path, tmp_path: Path) -> None:
    rows = [
        {**row, "image_0": row["image_0"][:-4], "image_1": row["image_1"][:-4]} for row in rows_of(10, 20)
    ]
    write_csv(log, rows)
    table = write_csv(log.parent / "files.tsv", [{"image_id": n, "file": f"{n}.png"} for n in range(60)])
    summary = build(log, tmp_path / "out", PLAIN, CONFIG, 0, images=table)
    assert summary.has_images and not summary.dropped
    with pytest.raises(ValueError, match="expected a folder, or a CSV"):
        build(log, tmp_path / "other", PLAIN, CONFIG, 0, images=tmp_path / "nowhere")


def test_users_of_few_liked_images_leave_nothing_to_build(log: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no user has 99 unique liked images; expected at least one"):
        build(log, tmp_path / "out", PLAIN, DataConfig(min_liked=99), 0)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="is not there; expected a built one"):
        Dataset(tmp_path / "out")


def test_unique_liked_in_the_table_is_what_the_pure_function_says(log: Path, tmp_path: Path) -> None:
    rows = rows_of(users=30, votes=12, images=10, seed=4)
    build(write_csv(log, rows), tmp_path / "all", PLAIN, DataConfig(min_liked=0), 0)
    build(log, tmp_path / "some", PLAIN, DataConfig(min_liked=7), 0)
    everyone, some = Dataset(tmp_path / "all"), Dataset(tmp_path / "some")
    splits = ("train", "validation", "test")
    votes = {user: v for split in splits for user, v in everyone.votes_by_user(split).items()}
    kept = {user for split in splits for user in some.users(split)}
    assert kept == {user for user, v in votes.items() if len(unique_liked(v)) >= 7}
    assert 0 < len(kept) < 30


def test_a_summary_of_another_kind_is_refused(log: Path, tmp_path: Path) -> None:
    build(log, tmp_path / "out", PLAIN, CONFIG, 0)
    for text in ("{}", "[]", "{", '{"splits": {}}'):
        (tmp_path / "out" / "summary.json").write_text(text)
        with pytest.raises(ValueError, match=r"not of this version.*expected.*again"):
            Dataset(tmp_path / "out")


def test_temporal_mode_leaves_votes_without_time_out(log: Path, tmp_path: Path) -> None:
    rows = rows_of(users=10, votes=20)
    rows[3]["created_at"] = ""
    summary = build(write_csv(log, rows), tmp_path / "out", PLAIN, DataConfig(min_liked=5, temporal=True), 0)
    assert summary.dropped == {"no time, in temporal mode": 1}


def test_a_dataset_is_not_overwritten_unless_forced(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(log, out, PLAIN, CONFIG, 0, images=log.parent)
    with pytest.raises(ValueError, match="holds a dataset; expected a new folder"):
        build(log, out, PLAIN, CONFIG, 1)
    build(log, out, PLAIN, CONFIG, 1, force=True)
    assert Dataset(out).summary.seed == 1 and not (out / "images").exists()


def test_a_folder_of_other_things_is_left_alone(log: Path) -> None:
    with pytest.raises(ValueError, match="holds other files; expected a new or empty folder"):
        build(log, log.parent, PLAIN, CONFIG, 0, force=True)


def test_the_same_log_in_any_order_builds_the_same(log: Path, tmp_path: Path) -> None:
    build(log, tmp_path / "a", PLAIN, CONFIG, 0, images=log.parent)
    write_csv(log, rows_of(users=10, votes=20)[::-1])
    build(log, tmp_path / "b", PLAIN, CONFIG, 0, images=log.parent)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


KILLED = """
import sys, time
from pathlib import Path
from tasteprint.config import DataConfig
from tasteprint.data.build import build
from tasteprint.data.mapping import load_mapping

def progress(what: str, done: int, total: int) -> None:
    print(what, done, flush=True)
    if what == "images" and done:
        time.sleep(60)

log, mapping = Path(sys.argv[1]), load_mapping("votes")
build(log, sys.argv[2], mapping, DataConfig(min_liked=5), 0, images=log.parent, progress=progress)
"""


def test_killed_in_the_middle_and_run_again_it_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    write_pictures(folder, 200)
    log = write_csv(folder / "votes.csv", rows_of(users=10, votes=40, images=200))
    out = tmp_path / "killed"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(log), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("images") for line in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
    assert 0 < len(list(out.glob("images/*/*"))) < 200
    (out / "images" / ".partial").mkdir(exist_ok=True)
    (out / "images" / ".partial" / "torn").write_bytes(b"half")
    with pytest.raises(ValueError, match="is incomplete"):
        Dataset(out)
    build(log, out, PLAIN, CONFIG, 0, images=folder)
    build(log, tmp_path / "whole", PLAIN, CONFIG, 0, images=folder)
    assert contents(out) == contents(tmp_path / "whole")
    left = {path.name for path in out.rglob("*") if path.name.startswith(".")}
    assert not left


@pytest.mark.parametrize("file", ["votes.parquet", "summary.json", "image"])
def test_a_full_disk_leaves_no_dataset_and_a_rerun_completes(
    file: str, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full(self: Path, target: str | Path) -> Path:
        if Path(target).name == file or (file == "image" and "images" in str(target)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            build(log, out, PLAIN, CONFIG, 0, images=log.parent)
    assert not (out / "summary.json").exists()
    with pytest.raises(ValueError, match=r"is (not there|incomplete)"):
        Dataset(out)
    assert not list(out.glob(".work/*"))
    build(log, out, PLAIN, CONFIG, 0, images=log.parent)
    assert Dataset(out).summary.rows == 200


def test_a_really_full_disk_and_then_a_larger_one(log: Path, small_disk: Path) -> None:  # noqa: F811
    out = small_disk / "out"
    with pytest.raises(OSError, match=r"expected"):
        build(log, out, PLAIN, CONFIG, 0, images=log.parent)
    assert not (out / "summary.json").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    build(log, out, PLAIN, CONFIG, 0, images=log.parent)
    assert Dataset(out).summary.rows == 200


def test_the_command_builds_and_prints(log: Path, tmp_path: Path) -> None:
    from tasteprint.cli.data import data_app

    options = ["--min-liked", "5", "--images", str(log.parent), "--column", "user=user_id"]
    shown = CliRunner().invoke(data_app, ["build", str(log), "--out", str(tmp_path / "a"), *options])
    assert shown.exit_code == 0 and "users" in shown.output
    told = CliRunner().invoke(data_app, ["build", str(log), "--out", str(tmp_path / "b"), *options, "--json"])
    assert json.loads(told.stdout)["splits"]["train"]["users"] == 8
    wrong = CliRunner().invoke(
        data_app, ["build", str(log), "--out", str(tmp_path / "c"), "--column", "user=who"]
    )
    assert isinstance(wrong.exception, ValueError)


def test_votes_draw_examples(log: Path, tmp_path: Path) -> None:
    import random

    build(log, tmp_path / "out", PLAIN, CONFIG, 0, images=log.parent)
    votes = Dataset(tmp_path / "out").votes_of("user004")
    example = draw_example(votes, 4, 2, random.Random(0), temporal=True)
    assert len(example.history) == 4 and len(example.targets) == 2
