"""`tasteprint data build` at the front door: every option acts, nothing that it wrote is refused later."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from logs import picture, rows_of, write_csv, write_pictures
from tasteprint.cli.data import data_app
from tasteprint.config import DataConfig
from tasteprint.data.build import build
from tasteprint.data.dataset import SPLITS, Dataset, Summary
from tasteprint.data.mapping import load_mapping
from tasteprint.posterior.likelihoods import images_of
from tasteprint.posterior.storage import print_parts, read_print
from tasteprint.tensor_files import write_tensors


def log_in(folder: Path) -> Path:
    """A log beside pictures of its names, one damaged; other pictures of the same names are in another folder."""
    (folder / "log").mkdir()
    (folder / "others").mkdir()
    write_pictures(folder / "log")
    for number in range(60):
        (folder / "others" / f"{number}.png").write_bytes(picture(100 + number))
    (folder / "log" / "torn.png").write_bytes(picture(1)[:-30])
    rows = [{**row, "place": "web"} for row in rows_of(users=10, votes=20)]
    rows += [
        {**rows[0], "image_0": "torn.png", "image_1": "1.png", "ranking_id": 1_000_000, "created_at": ""}
    ]
    return write_csv(folder / "log" / "votes.csv", rows)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_in(tmp_path)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset]:
    """A log, and what it gives when no option but its images is given."""
    folder = tmp_path_factory.mktemp("plain")
    log = log_in(folder)
    own = 'kind = "votes"\nprompt = "mine"\n[columns]\nuser = "user_id"\nimage_0 = "image_0"\nimage_1 = "image_1"\n'
    (log.parent / "own.toml").write_text(own + 'label = "label_0"\n[images]\nplace = "paths"\n')
    built(log, folder / "plain", "--images", log.parent)
    return log, Dataset(folder / "plain")


def built(log: Path, out: Path, *options: object) -> Summary:
    command = ["build", str(log), "--out", str(out), "--min-liked", "5", "--json", *map(str, options)]
    shown = CliRunner().invoke(data_app, command)
    if shown.exception is not None:
        raise shown.exception
    return Summary.from_json(shown.stdout)


OPTIONS: dict[str, Sequence[object]] = {
    "mapping": ("--mapping", "{log}/own.toml"),
    "column": ("--column", "prompt=place"),
    "constant": ("--constant", "created_at=2026-03-01"),
    "images": ("--images", "{log}/../others"),
    "seed": ("--seed", 7),
    "min_liked": ("--min-liked", 17),
    "validation": ("--validation", 0.3),
    "test": ("--test", 0.4),
    "temporal": ("--temporal",),
}


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_every_option_acts(option: str, plain: tuple[Path, Dataset], tmp_path: Path) -> None:
    log, unlike = plain
    given = [str(word).replace("{log}", str(log.parent)) for word in OPTIONS[option]]
    images = () if option == "images" else ("--images", log.parent)
    changed, data = built(log, tmp_path / "changed", *images, *given), Dataset(tmp_path / "changed")
    vote = data.votes_of("user000")[0]
    acted = {
        "mapping": lambda: data.prompts() == ["mine"],
        "column": lambda: data.prompts() == ["web"],
        "constant": lambda: vote.created_at == datetime(2026, 3, 1),
        "images": lambda: not set(data.image_names()) & set(unlike.image_names()),
        "seed": lambda: changed.seed == 7 and data.users("test") != unlike.users("test"),
        "min_liked": lambda: "user has fewer than 17 unique liked images" in changed.dropped,
        "validation": lambda: len(data.users("validation")) == 3,
        "test": lambda: len(data.users("test")) == 4,
        "temporal": lambda: changed.dropped["no time, in temporal mode"] == 1,
    }
    assert acted[option]() and changed.seed == (7 if option == "seed" else 0)


def test_switches_act(log: Path, tmp_path: Path) -> None:
    out, images = tmp_path / "out", ("--images", log.parent)
    with pytest.raises(ValueError, match=r"image 'torn.png': .*truncated or damaged"):
        built(log, out, *images, "--strict")
    assert built(log, out, *images).unread == {"image truncated": ["torn.png"]}
    with pytest.raises(ValueError, match="give --force"):
        built(log, out, *images)
    assert built(log, out, *images, "--force", "--seed", 1).seed == 1
    told = CliRunner().invoke(
        data_app, ["build", str(log), "--out", str(tmp_path / "b"), "--images", str(log.parent)]
    )
    assert told.exit_code == 0 and "note: image truncated: 'torn.png'" in " ".join(told.output.split())


def test_every_option_of_the_command_is_tested_here() -> None:
    from typer.main import get_command

    command = get_command(data_app).commands["build"]  # type: ignore[attr-defined]
    named = {parameter.name for parameter in command.params}
    assert named == {*OPTIONS, "log", "out", "strict", "force", "as_json"}


@pytest.mark.parametrize("mapping", ["votes", "bytes", "table"])
def test_a_folder_of_images_counts_whatever_the_mapping_says(mapping: str, log: Path, tmp_path: Path) -> None:
    text = 'kind = "votes"\n[columns]\nuser = "user_id"\nimage_0 = "image_0"\nimage_1 = "image_1"\nlabel = "label_0"\n'
    (tmp_path / "bytes.toml").write_text(text + 'bytes_0 = "x"\nbytes_1 = "y"\n[images]\nplace = "bytes"\n')
    (tmp_path / "table.toml").write_text(text + '[images]\nplace = "table"\n')
    name = mapping if mapping == "votes" else tmp_path / f"{mapping}.toml"
    summary = built(log, tmp_path / "out", "--mapping", name, "--images", tmp_path / "others")
    assert summary.has_images and summary.bad_images == {"image missing": 1}
    stored = {path.read_bytes() for path in tmp_path.glob("out/images/*/*")}
    assert stored <= {picture(100 + number) for number in range(60)}
    with pytest.raises(ValueError, match=r"200 image missing|201 image missing"):
        (tmp_path / "empty").mkdir()
        built(log, tmp_path / "none", "--mapping", name, "--images", tmp_path / "empty")


def test_bytes_that_the_mapping_promises_must_be_there(log: Path, tmp_path: Path) -> None:
    text = 'kind = "votes"\n[columns]\nuser = "user_id"\nimage_0 = "image_0"\nimage_1 = "image_1"\nlabel = "label_0"\n'
    for more, match in (
        ("", "no column of bytes in the mapping"),
        ('bytes_0 = "prompt"\n', "no bytes in column 'prompt'"),
    ):
        (tmp_path / "own.toml").write_text(f'{text}{more}[images]\nplace = "bytes"\n')
        with pytest.raises(ValueError, match=f"{match}, where the mapping says .*; expected one"):
            built(log, tmp_path / "out", "--mapping", tmp_path / "own.toml")


def test_everything_left_out_is_told_by_reason_with_a_place(log: Path, tmp_path: Path) -> None:
    rows = [{**row, "image_0": f"lost/{row['image_0']}"} for row in rows_of(users=3, votes=20)]
    rows[1]["label_0"] = ""
    write_csv(log, rows)
    with pytest.raises(ValueError) as fault:
        built(log, tmp_path / "out", "--images", log.parent)
    assert str(fault.value).startswith(
        "no user has 5 unique liked images; expected at least one. Of 60 rows, these were left out: 59 image missing "
        f"(as line 2 of 'votes.csv': image '{rows[0]['image_0']}'); 1 no label (as line 3 of 'votes.csv'): "
        "say by --images in which folder the pictures are"
    )


def test_likes_alone_say_what_can_be_done_with_them(tmp_path: Path) -> None:
    rows = [{"user_id": "u", "image": f"{n}.png", "liked": 1} for n in range(30)]
    with pytest.raises(
        ValueError,
        match=r"30 rating without a partner .as line 2 .*nothing is invented .* rank PICTURES --liked",
    ):
        built(write_csv(tmp_path / "likes.csv", rows), tmp_path / "out", "--mapping", "likes")


def test_people_to_test_on_alone_and_nobody_to_train_on(log: Path, tmp_path: Path) -> None:
    summary = built(log, tmp_path / "out", "--constant", "split=test")
    assert [count.users for count in summary.splits.values()] == [0, 0, 10]
    with pytest.raises(ValueError, match=r"of 10 users leave nobody to train on; .*--constant split=test"):
        built(log, tmp_path / "other", "--validation", 0.49, "--test", 0.5)
    rows = [
        {**row, "part": "dev" if row["user_id"] < "user003" else "train"}
        for row in rows_of(users=10, votes=20)
    ]
    summary = built(write_csv(log, rows), tmp_path / "own", "--column", "split=part", "--test", 0.9)
    assert [count.users for count in summary.splits.values()] == [7, 3, 0]


def test_a_stranger_builds_a_label_studio_export_with_one_command(log: Path, tmp_path: Path) -> None:
    tasks = [
        {
            "data": {"image_left": f"/data/upload/3/{n}.png", "image_right": f"/data/upload/3/{n + 30}.png"},
            "annotations": [
                {"completed_by": person, "result": [{"value": {"selected": ("left", "right")[n % 2]}}]}
                for person in (1, 2, 3)
            ],
        }
        for n in range(30)
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    command = [sys.executable, "-m", "tasteprint", "data", "build", tmp_path / "export.json"]
    command += ["--mapping", "labelstudio", "--images", log.parent, "--out", tmp_path / "out", "--json"]
    shown = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert Summary.from_json(shown.stdout).rows == 90 and not Summary.from_json(shown.stdout).dropped


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
TIMES = st.sampled_from(["", "1990-01-01", "2100-12-31T23:59:59.999999Z", "1773491415.25", "NaN"])
ROWS = st.lists(
    st.tuples(
        TEXTS,
        TEXTS,
        TEXTS,
        TEXTS,
        st.sampled_from(["0", "1", "0.5"]),
        TIMES,
        st.integers(-(2**63), 2**63 - 1),
    ),
    min_size=1,
    max_size=8,
)
COLUMNS = ("user_id", "prompt", "image_0", "image_1", "label_0", "created_at", "ranking_id")


@settings(max_examples=8, deadline=None)
@given(rows=ROWS)
def test_what_is_built_can_be_read_and_kept_in_a_print(rows: list[tuple]) -> None:
    with TemporaryDirectory() as name:
        log = write_csv(Path(name, "log.csv"), [dict(zip(COLUMNS, row, strict=True)) for row in rows])
        try:
            build(log, Path(name, "out"), load_mapping("votes"), DataConfig(min_liked=0), 0)
        except ValueError as fault:
            assert "expected" in str(fault) and "\n" not in str(fault)
            return
        data = Dataset(Path(name, "out"))
        votes = tuple(vote for split in SPLITS for of in data.votes_by_user(split).values() for vote in of)
        names, kept = tuple(sorted(images_of(votes))), Path(name, "print")
        tensors = {"shared": torch.zeros(len(names)), "features": torch.zeros(len(names), 2)}
        write_tensors(kept, tensors, print_parts("model", votes[0].user_id, votes, names))
        assert read_print(kept, "model", 2)[:3] == (votes[0].user_id, votes, names)
    wrote = {(*row[:4], row[6]) for row in rows}
    assert {(v.user_id, v.prompt, v.image_0, v.image_1, v.ranking_id) for v in votes} <= wrote
    assert all(vote.created_at is None or isinstance(vote.created_at, datetime) for vote in votes)
