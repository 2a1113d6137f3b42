"""A log looked at: roles by names and by cells, the mapping that fits, what is written and what is said."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from logs import rows_of, write_csv
from tasteprint.cli.data import data_app
from tasteprint.cli.main import app
from tasteprint.data.dataset import Dataset
from tasteprint.data.look.cell_words import are_likes, are_pictures, are_ratings, are_times, sides
from tasteprint.data.look.column_names import better_and_worse, image_pairs, named_as, spelled
from tasteprint.data.look.fits import one_fit
from tasteprint.data.look.look import look_at_log
from tasteprint.data.look.mapping_text import mapping_toml
from tasteprint.data.mapping import Filter, Images, Mapping, bundled_mappings, load_mapping
from tasteprint.data.tables.source import Source

PLAIN = {"user_id": "u", "image_0": "a", "image_1": "b", "label_0": "1"}

# Names


def test_names_are_compared_by_their_words():
    assert spelled("annotations[].completedBy") == "annotations_completed_by"
    assert spelled("data.imageLeft2") == "data_image_left_2" and spelled("Photo-A (left)") == "photo_a_left"


@pytest.mark.parametrize(
    ("role", "columns", "found"),
    [
        ("user", ["item", "Worker ID", "userId"], ["Worker ID", "userId"]),
        ("user", ["annotations[].completed_by.id", "user_agent", "used"], ["annotations[].completed_by.id"]),
        ("created_at", ["lead_time", "date", "createdAt", "updated_at"], ["createdAt", "date", "updated_at"]),
        ("prompt", ["caption", "promptText", "prompt_id"], ["promptText", "caption"]),
        ("image", ["path", "imageName", "images", "image_count"], ["imageName", "path"]),
        ("rating", ["scores", "aestheticScore", "my_rating"], ["my_rating", "aestheticScore"]),
        ("liked", ["dislike", "isFavorite", "liked"], ["isFavorite", "liked"]),
        ("label", ["label_1", "winner", "data.label_0"], ["data.label_0", "winner"]),
    ],
)
def test_roles_by_name(role, columns, found):
    assert named_as(role, columns) == found


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["image_0", "image_1", "label_0", "label_1"], [("image_0", "image_1")]),
        (["right", "left"], [("left", "right")]),
        (["data.photoB", "data.photoA", "data.prompt"], [("data.photoA", "data.photoB")]),
        (["image_1", "image_2", "model_1", "model_2"], [("image_1", "image_2")]),
        (["first image", "second image"], [("first image", "second image")]),
        (["images[0]", "images[1]"], [("images[0]", "images[1]")]),
        (["jpg_0", "jpg_1", "seed_a", "seed_b", "image"], []),
        (["image_0_uid", "image_0_url", "image_1_uid", "image_1_url"],
         [("image_0_uid", "image_1_uid"), ("image_0_url", "image_1_url")]),
    ],
)  # fmt: skip
def test_two_images_by_name(columns, found):
    assert image_pairs(columns) == found


def test_better_and_worse_by_name():
    assert better_and_worse(["x", "Rejected", "Chosen"]) == ("Chosen", "Rejected")
    assert better_and_worse(["liked", "x"]) is None


# Cells


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["1", "0", "0.5", "", "NaN"], {}),
        (["1.0", "0.0"], {}),
        (["True", "false"], {}),
        (["1", "-1"], {"1": 1, "-1": 0, "0": 0.5}),
        (["1", "2"], {"1": 1, "2": 0}),
        (["Left", "right", "tie"], {"left": 1, "right": 0, "tie": 0.5}),
        (["left", "left"], {"left": 1, "right": 0}),
        (["image_2", "image_1", "both_bad"], {"image_1": 1, "image_2": 0, "both_bad": 0.5}),
        (["Image B", "Image A"], {"image a": 1, "image b": 0}),
        (["cat", "dog"], None),
        (["a", "left"], None),
        (["", None], None),
        ([str(n) for n in range(9)], None),
    ],
)
def test_which_side_a_word_means(cells, found):
    assert sides(cells) == found


def test_kinds_of_cells():
    assert are_ratings(["1", "4,5", ""]) and not are_ratings(["1", "good"]) and not are_ratings([""])
    assert are_likes(["Yes", "no"]) and not are_likes(["1", "2"]) and not are_likes([])
    assert (
        are_times(["2026-03-01T10:00", "3/14/2026"])
        and are_times(["1773491415000"])
        and are_times(["46095.5"])
    )
    assert not are_times(["12.5"]) and not are_times(["yesterday"])
    assert are_pictures(["a.png", "x/B.JPG", "?"]) and are_pictures(["/data/local-files/?d=x/a.jpeg"])
    assert not are_pictures(["a.csv", "b"])


# Guesses


def csv_of(folder: Path, *rows: dict) -> Path:
    return write_csv(folder / "log.csv", list(rows))


def test_a_log_of_choices_is_guessed(tmp_path):
    row = {
        "Worker": "w",
        "Photo A": "x",
        "Photo B": "y",
        "Better": "B",
        "Prompt": "a fish",
        "Date": "2026-03-01",
    }
    look = look_at_log(csv_of(tmp_path, row, {**row, "Better": "A"}))
    assert look.mapping == Mapping(
        "votes",
        {"image_0": "Photo A", "image_1": "Photo B", "user": "Worker", "prompt": "Prompt", "created_at": "Date",
         "label": "Better"},
        labels={"a": 1.0, "b": 0.0},
    )  # fmt: skip
    assert set(look.why) == set(look.mapping.columns) and not look.certain


def test_a_log_of_two_files_and_a_word_is_guessed_by_its_cells(tmp_path):
    row = {"one": "x.png", "other": "y.png", "said": "left"}
    look = look_at_log(csv_of(tmp_path, row, {**row, "said": "right"}))
    assert look.mapping == Mapping(
        "votes", {"image_0": "one", "image_1": "other", "label": "said"}, labels={"left": 1.0, "right": 0.0},
        constants={"user": "you"},
    )  # fmt: skip
    assert "one person" in look.why["user"]


def test_ratings_likes_and_pairs_are_guessed(tmp_path):
    rated = look_at_log(csv_of(tmp_path, {"participant": "p", "file": "a.png", "score": "0"}))
    assert rated.mapping == Mapping("ratings", {"image": "file", "user": "participant", "rating": "score"})
    assert "unrated = [0]" in rated.why["rating"]
    liked = look_at_log(csv_of(tmp_path, {"participant": "p", "file": "a.png", "favourite": "Yes"}))
    assert (
        liked.mapping and liked.mapping.columns["rating"] == "favourite" and liked.mapping.labels["no"] == 0
    )
    pairs = look_at_log(csv_of(tmp_path, {"participant": "p", "winner": "a.png", "loser": "b.png"}))
    assert pairs.mapping == Mapping(
        "votes", {"image_0": "winner", "image_1": "loser", "user": "participant"}, constants={"label": "1"}
    )


def test_nested_rows_are_guessed(tmp_path):
    rows = [
        {
            "user": {"id": n},
            "images": [f"{n}a", f"{n}b"],
            "answers": [{"choice": "left"}, {"choice": "right"}],
        }
        for n in range(3)
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    look = look_at_log(tmp_path / "log.jsonl")
    assert look.mapping and look.mapping.columns == {
        "image_0": "images[0]", "image_1": "images[1]", "user": "user.id", "label": "answers[].choice",
    }  # fmt: skip


def test_what_cannot_be_guessed_says_what_is_lacking(tmp_path):
    named = csv_of(tmp_path, {"rater": "r", "left": "a.png", "right": "b.png", "winner": "a.png"})
    look = look_at_log(named)
    assert look.mapping is None and "'winner' does not say" in look.how and "chosen and rejected" in look.how
    assert "no column of images" in look_at_log(csv_of(tmp_path, {"x": "1", "y": "2"})).how
    assert "no column that rates them" in look_at_log(csv_of(tmp_path, {"image": "a", "y": "b"})).how


def test_words_are_added_to_a_mapping_of_numbers(tmp_path):
    look = look_at_log(csv_of(tmp_path, {**PLAIN, "label_0": "A"}, {**PLAIN, "label_0": "B"}))
    assert look.how.startswith("votes,") and look.mapping and look.mapping.labels == {"a": 1, "b": 0}
    assert not look.certain


def test_what_was_taken_back_is_left_out(tmp_path):
    row = {"who": "u", "user": "u", "a": "x.png", "b": "y.png", "choice": "left", "is_skipped": "0"}
    look = look_at_log(csv_of(tmp_path, row, {**row, "choice": "right", "is_skipped": "1"}))
    assert look.mapping
    assert look.mapping.filters == (Filter("is_skipped", ("false", "0", "no"), "cancelled or skipped", True),)


def test_odd_columns_are_passed_over(tmp_path):
    text = '{"image": "a", "rating": 3, "\\ud83d": 1, "odd": [1, [2]], "user": "u"}'
    (tmp_path / "log.jsonl").write_text(text)
    look = look_at_log(tmp_path / "log.jsonl")
    assert look.mapping and look.mapping.columns == {"image": "image", "user": "user", "rating": "rating"}
    assert look.cells["odd[][]"] == [] and "\ud83d" not in look.cells
    header = "user_id,user_id,image,rating\nu,u,a,3\n"
    (tmp_path / "log.csv").write_text(header)
    with pytest.raises(ValueError, match="2 columns 'user_id'; expected one"):
        look_at_log(tmp_path / "log.csv")


def test_columns_of_bytes_are_not_read(tmp_path):
    rows = [
        {
            "user_id": "u",
            "image_0": "a",
            "image_1": "b",
            "label_0": 1,
            "jpg": b"\xff\xd8",
            "x": {"bytes": b"\xff"},
        }
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    look = look_at_log(tmp_path / "log.parquet")
    assert look.certain and look.cells["jpg"] == [] and look.cells["user_id"] == ["u"]


# Fits


def test_a_mapping_for_one_person_does_not_fit_a_log_of_many(tmp_path):
    alone = csv_of(tmp_path, {"liked": "a", "disliked": "b"})
    assert one_fit(alone).name == "history"
    with pytest.raises(ValueError, match=r"fits no bundled mapping .*; expected a mapping .*data look"):
        one_fit(csv_of(tmp_path, {"liked": "a", "disliked": "b", "rater": "u"}))
    with pytest.raises(ValueError, match="the mapping history takes the user for the same in every row"):
        one_fit(csv_of(tmp_path, {"liked": "a", "disliked": "b", "rater": "u"}))
    mine = one_fit(tmp_path / "log.csv", lambda mapping: mapping.with_constants(("user=me",)))
    assert mine.name == "history" and mine.mapping.constants["user"] == "me"


def test_two_that_fit_are_both_named(tmp_path):
    both = {**PLAIN, "image": "a", "liked": "1"}
    with pytest.raises(ValueError, match=r"fits the mappings likes and votes; expected one: name it"):
        one_fit(csv_of(tmp_path, both))
    assert "would fit too" in look_at_log(csv_of(tmp_path, both)).how


def test_what_is_nearest_is_named(tmp_path):
    lacking = {key: value for key, value in PLAIN.items() if key != "label_0"}
    with pytest.raises(ValueError, match=r"the mapping votes needs 'label_0' too"):
        one_fit(csv_of(tmp_path, lacking))


def test_two_images_may_have_other_names(tmp_path):
    row = {"user_id": "u", "label_0": "1", "picture_b": "y", "picture_a": "x"}
    fit = one_fit(csv_of(tmp_path, row))
    assert str(fit) == "votes with image_0 = picture_a and image_1 = picture_b"
    with pytest.raises(ValueError, match="fits no bundled mapping"):
        one_fit(csv_of(tmp_path, {**row, "photo_a": "x", "photo_b": "y"}))


def test_what_the_command_line_changes_decides(tmp_path):
    row = {"who": "u", "image_0": "x", "image_1": "y", "label_0": "1"}
    fit = one_fit(csv_of(tmp_path, row), lambda mapping: mapping.with_columns(("user=who",)))
    assert fit.name == "votes" and fit.mapping.columns["user"] == "who"
    constant = one_fit(
        csv_of(tmp_path, {"image": "x", "rating": "4"}), lambda mapping: mapping.with_constants(("user=me",))
    )
    assert constant.name == "ratings"


def test_a_database_of_several_tables(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database:
        database.execute("CREATE TABLE other (x)")
        database.execute("CREATE TABLE votes (user_id, image_0, image_1, label_0)")
        database.execute("INSERT INTO votes VALUES ('u', 'a', 'b', 1)")
        database.commit()
    assert one_fit(tmp_path / "a.sqlite").name == "votes" and look_at_log(tmp_path / "a.sqlite").certain
    with closing(sqlite3.connect(tmp_path / "b.sqlite")) as database:
        database.execute("CREATE TABLE other (x)")
        database.execute("CREATE TABLE another (y)")
    for look in (one_fit, look_at_log):
        with pytest.raises(
            ValueError, match="SQLite database of the tables another, other; expected one table"
        ):
            look(tmp_path / "b.sqlite")


# What is written


@pytest.mark.parametrize("name", bundled_mappings())
def test_a_bundled_mapping_is_the_same_after_it_is_written(name, tmp_path):
    (tmp_path / "m.toml").write_text(
        mapping_toml(load_mapping(name), ["one", "two"], {"user": "why"}), "utf-8"
    )
    assert load_mapping(tmp_path / "m.toml") == load_mapping(name)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(
    columns=st.dictionaries(st.sampled_from(["image", "rating", "prompt", "created_at", "split"]), TEXT),
    words=st.dictionaries(TEXT.map(str.lower).filter(lambda word: word == word.lower()), st.floats(-4, 4)),
    other=TEXT,
    scale=st.sampled_from([(), (1.0, 5.0)]),
)
def test_any_mapping_is_the_same_after_it_is_written(tmp_path_factory, columns, words, other, scale):
    mapping = Mapping(
        "ratings", {"user": other, "image": other, "rating": other} | columns, ("prompt",), other, words,
        (Filter(other, (other,), other, True),), Images("table", other), 2.5, {"created_at": other}
        if "created_at" not in columns else {}, Source(encoding=other), scale=scale, unrated=("0",),
    )  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "mapping.toml"
    path.write_text(mapping_toml(mapping), "utf-8", newline="")
    assert dataclasses.asdict(load_mapping(path)) == dataclasses.asdict(mapping)


# The commands


@pytest.fixture
def tasteprint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


def test_looking_shows_cells_and_counts_and_reasons(tmp_path, tasteprint):
    rows = rows_of(3, 12)
    write_csv(tmp_path / "votes.csv", [*rows, rows[0], {**rows[0], "label_0": "", "ranking_id": 9}])
    said = tasteprint("data", "look", "votes.csv").stdout.splitlines()
    assert said[0] == "votes.csv: CSV, 7 columns, and their first cells"
    assert said[1].split() == ["user_id", "user000", "|", "user000", "|", "user000"]
    assert "mapping: votes, which comes with tasteprint: the log has its columns" in said
    assert any(line.startswith("left out: 1 no label, as line 39 of 'votes.csv'") for line in said)
    assert any(line.startswith("left out: 1 duplicate row, as line 38 of 'votes.csv'") for line in said)
    assert said[-1] == "next: tasteprint data build votes.csv --images FOLDER --out data"
    assert [path.name for path in tmp_path.iterdir()] == ["votes.csv"]


def test_every_option_of_the_command_is_tested_here():
    command = get_command(data_app).commands["look"]
    assert {parameter.name for parameter in command.params} == {"log", "mapping", "out"}


def test_what_would_stop_the_build_is_said(tmp_path, tasteprint):
    write_csv(tmp_path / "votes.csv", [{**PLAIN, "label_0": "cat"}])
    done = tasteprint("data", "look", "votes.csv")
    assert done.exit_code == 0
    assert "would stop the build: line 2 of 'votes.csv': label is 'cat' in 1 rows" in done.stdout
    write_csv(tmp_path / "votes.csv", [PLAIN])
    assert (
        "would stop the build: no user has 11 unique liked" in tasteprint("data", "look", "votes.csv").stdout
    )


def test_hostile_cells_are_shown_as_plain_text_and_cut(tmp_path, tasteprint):
    hostile = {"user_id": "\x1b[2J[red]u", "image_0": "a\nb\r", "image_1": "x" * 100_000, "label_0": "1"}
    write_csv(tmp_path / "votes.csv", [{**hostile, f"\x1b]0;{'n' * 200}": "\u202e"}])
    done = tasteprint("data", "look", "votes.csv")
    assert "\x1b" not in done.output and "\u202e" not in done.output and "\\x1b[2J[red]u" in done.output
    assert max(map(len, done.output.splitlines())) < 400
    many = {f"c{n}": "1" for n in range(1000)} | {"long": "y" * 10**6}
    write_csv(tmp_path / "wide.csv", [many])
    wide = tasteprint("data", "look", "wide.csv").output
    assert "1,001 columns" in wide and len(wide.splitlines()) < 50 and len(wide) < 6000


def test_a_mapping_is_written_once_and_builds(tmp_path, tasteprint):
    rows = [
        {"Rater": row["user_id"], "Left image": row["image_0"], "Right image": row["image_1"],
         "Choice": ("right", "left")[row["label_0"]]}
        for row in rows_of(3, 20)
    ]  # fmt: skip
    write_csv(tmp_path / "log.csv", rows)
    done = tasteprint("data", "look", "log.csv", "--out", "mapping.toml")
    assert (
        "next: tasteprint data build log.csv --mapping mapping.toml --images FOLDER --out data" in done.stdout
    )
    text = (tmp_path / "mapping.toml").read_text("utf-8")
    assert text.startswith("# For log.csv: guessed: correct what is wrong.\n")
    assert 'image_0 = "Left image"  # by its name' in text
    again = tasteprint("data", "look", "log.csv", "--out", "mapping.toml")
    assert "is there already; expected a new file" in str(again.exception)
    assert (tmp_path / "mapping.toml").read_text("utf-8") == text
    looked = tasteprint("data", "look", "log.csv", "--mapping", "mapping.toml").stdout
    assert "mapping: the one that you named" in looked and "votes of 3 people, from 60 rows" in looked
    assert tasteprint("data", "build", "log.csv", "--mapping", "mapping.toml", "--out", "data").exit_code == 0
    assert sum(split.votes for split in Dataset(tmp_path / "data").summary.splits.values()) > 50


def test_what_cannot_be_written_is_said(tmp_path, tasteprint):
    write_csv(tmp_path / "log.csv", [{"x": "1"}])
    assert "ends in .toml" in str(tasteprint("data", "look", "log.csv", "--out", "m.txt").exception)
    done = tasteprint("data", "look", "log.csv", "--out", "m.toml")
    assert "no mapping could be guessed" in str(done.exception) and not (tmp_path / "m.toml").exists()


def test_a_build_without_a_mapping_says_which_it_took(tmp_path, tasteprint):
    write_csv(tmp_path / "log.csv", [{"who": row.pop("user_id"), **row} for row in rows_of(3, 20)])
    done = tasteprint("data", "build", "log.csv", "--out", "data")
    assert "fits no bundled mapping" in str(done.exception) and not (tmp_path / "data").exists()
    done = tasteprint("data", "build", "log.csv", "--column", "user=who", "--out", "data")
    assert "tasteprint: log.csv is read by the mapping votes." in done.stderr
    assert Dataset(tmp_path / "data").summary.mapping["columns"]["user"] == "who"
