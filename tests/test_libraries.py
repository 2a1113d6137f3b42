"""Lightroom, digiKam, Takeout and AUTOMATIC1111: what each says, what it leaves unsaid, hostile and busy ones."""

import csv
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasteprint.data.history_files import read_stars
from tasteprint.likes.kinds import kind_and_place, names_library, read_likes
from tasteprint.likes.likes_file import write_likes
from tasteprint.likes.places import here, read_moved, within
from tasteprint.likes.takeout import told_of
from tasteprint.types import Rating
from tests.photo_libraries import digikam, images_browser, lightroom, picture


def said(library, moved=()):
    """What is said of each picture, by its name: stars and of how many."""
    return {Path(one.image).name: (one.stars, one.out_of) for one in read_likes(str(library), moved).ratings}


@pytest.fixture
def photos(tmp_path):
    """A folder of pictures a to h, in a year's folder."""
    for name in "abcdefgh":
        picture(tmp_path / f"photos/2024/{name}.jpg")
    return tmp_path / "photos"


ROWS = [
    ("2024/", "a.jpg", 5.0, 0),
    ("2024/", "b.jpg", None, 1),  # a flag without stars is a like
    ("2024/", "c.jpg", 4.0, -1),  # rejected, whatever its stars
    ("2024/", "d.jpg", None, 0),
    ("2024/", "e.jpg", 0, 0),
    ("2024/", "f.jpg", 1, 1),
    ("2024/", "gone.jpg", 3, 0),
    ("2024/", "film.mp4", 3, 0),
    ("../../", "out.jpg", 3, 0),
    ("2024/", "/etc/out.jpg", 3, 0),
    ("2024/", "a.jpg", 5, 0),  # a virtual copy
    ("2024/", "a\0.jpg", 5, 0),
    ("2024/", "x" * 5000 + ".jpg", 5, 0),
]
LIGHTROOM = {"a.jpg": (5, 5), "b.jpg": (2, 2), "f.jpg": (1, 5)}


def test_a_lightroom_catalog(tmp_path, photos):
    catalog = lightroom(tmp_path / "my.lrcat", ROWS, f"{photos}/")
    names = set(tmp_path.iterdir())
    assert said(catalog) == LIGHTROOM and set(tmp_path.iterdir()) == names
    found = read_likes(f"lightroom:{catalog}")
    assert found.silent == {
        "missing files": 3,
        "unrated": 2,
        "outside of the library's folder": 2,
        "rejected": 1,
        "no pictures": 1,
        "said twice": 1,
    }
    assert "3 rated files are not where the library says" in found.notes[0]
    assert str(found).startswith("3 opinions (3 missing files, 2 unrated, ")


@pytest.mark.parametrize("wal", [False, True])
def test_a_catalog_that_lightroom_is_writing_to(tmp_path, photos, wal):
    path = lightroom(tmp_path / "my.lrcat", ROWS, f"{photos}/", wal)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA locking_mode = EXCLUSIVE")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute(
            "UPDATE Adobe_images SET rating = 2 WHERE rootFile = 4"
        )  # kept: in the log where there is one
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("UPDATE Adobe_images SET rating = 3")  # not kept yet
        before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.glob("my*")}
        assert len(before) > 1 or not wal
        assert said(path) == LIGHTROOM | {"d.jpg": (2, 5)}
        assert before == {
            file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.glob("my*")
        }
        writer.execute("ROLLBACK")


def test_a_catalog_whose_program_was_killed(tmp_path, photos):
    path = lightroom(tmp_path / "my.lrcat", ROWS, f"{photos}/")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        rows = ((number, "x" * 500) for number in range(100, 500))
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO AgLibraryFile VALUES (?, 0, ?)", rows)
        writer.execute("COMMIT")
        writer.execute("PRAGMA synchronous = OFF")
        writer.execute("PRAGMA cache_size = 2")  # so that a change is written before it is kept
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("UPDATE AgLibraryFile SET idx_filename = 'lost.jpg'")
        for end in ("", "-journal"):
            (tmp_path / f"killed.lrcat{end}").write_bytes(Path(f"{path}{end}").read_bytes())
        writer.execute("ROLLBACK")
    assert b"lost.jpg" in (tmp_path / "killed.lrcat").read_bytes()
    names = set(tmp_path.iterdir())
    assert said(tmp_path / "killed.lrcat") == LIGHTROOM and set(tmp_path.iterdir()) == names


def test_a_catalog_of_another_machine(tmp_path, photos):
    catalog = lightroom(tmp_path / "my.lrcat", ROWS[:2], "D:/Pictures/")
    assert said(catalog) == {}
    assert said(catalog, [("d:\\pictures", str(photos))]) == {"a.jpg": (5, 5), "b.jpg": (2, 2)}
    assert said(catalog, [("D:/Pictures/2024", str(photos / "2024"))]) == {"a.jpg": (5, 5), "b.jpg": (2, 2)}
    assert said(catalog, [("D:/Pict", str(photos))]) == {}


def test_places():
    assert here("C:\\a\\..\\b.jpg") == Path("C:/b.jpg") and here("/a/b") == Path("/a/b")
    assert within("/a", ["b/../c.jpg"]) == Path("/a/c.jpg")
    assert [within("/a", [name]) for name in ("../b.jpg", "/b.jpg", ".", "b/../../a.jpg")] == [None] * 4
    assert within("/a/b", ["../b/c.jpg"]) == Path("/a/b/c.jpg")
    assert read_moved(["D:/x=/y=z"]) == [("D:/x", "/y=z")]
    for wrong in ("x", "=x", "x="):
        with pytest.raises(ValueError, match="expected OLD=NEW"):
            read_moved([wrong])


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        ("CREATE TABLE other (x)", "no such table: Adobe_images"),
        (
            "CREATE VIEW Adobe_images AS WITH RECURSIVE n(rating) AS (SELECT 1 UNION ALL SELECT rating + 1 FROM n) "
            "SELECT rating AS id_local, rating, 0 AS pick, 1 AS rootFile FROM n; "
            "CREATE TABLE AgLibraryFile (id_local, folder, idx_filename); "
            "CREATE TABLE AgLibraryFolder (id_local, rootFolder, pathFromRoot); "
            "CREATE TABLE AgLibraryRootFolder (id_local, absolutePath);",
            "interrupted",
        ),
    ],
)
def test_a_hostile_catalog_ends_in_a_sentence(tmp_path, monkeypatch, begin, reason):
    monkeypatch.setattr("tasteprint.data.foreign_database.MOST_STEPS", 3)
    with closing(sqlite3.connect(tmp_path / "my.lrcat")) as catalog:
        catalog.executescript(begin)
    with pytest.raises(
        ValueError, match=f"Lightroom catalog .* could not be read .*{reason}.*; expected one as"
    ):
        read_likes(str(tmp_path / "my.lrcat"))


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / "my.lrcat").write_text("no catalog")
    with pytest.raises(ValueError, match="is no SQLite database"):
        read_likes(str(tmp_path / "my.lrcat"))
    (tmp_path / "my.lrcat").write_bytes(b"SQLite format 3\0" + bytes(range(200)))
    with pytest.raises(ValueError, match="could not be read"):
        read_likes(str(tmp_path / "my.lrcat"))
    with pytest.raises(ValueError, match="is not there"):
        read_likes(f"lightroom:{tmp_path}/none.lrcat")


def test_a_database_that_never_rests_is_refused(tmp_path, monkeypatch):
    path = lightroom(tmp_path / "my.lrcat", ROWS, wal=True)
    monkeypatch.setattr(
        "tasteprint.data.foreign_database._copy",
        lambda path, folder: path.write_bytes(path.read_bytes() + b"x"),
    )
    with pytest.raises(ValueError, match="is being written to all the while"):
        read_likes(str(path))


@pytest.mark.parametrize(
    ("identifier", "specific"),
    [
        ("volumeid:?path={}&fileuuid=1", "/"),
        ("networkshareid:?mountpath={}", "/"),
        ("volumeid:?uuid=0123-4567", "{}"),
    ],
)
def test_a_digikam_database(tmp_path, photos, identifier, specific):
    quoted = str(photos).replace("/", "%2F") if "network" in identifier else str(photos)
    rows = [
        ("/2024", "a.jpg", 5, None, 1),
        ("/2024", "b.jpg", -1, None, 1),  # no rating, in this database
        ("/2024", "c.jpg", 0, None, 1),
        ("/2024", "d.jpg", 4, 2, 1),  # labelled "rejected"
        ("/2024", "e.jpg", None, 3, 1),  # labelled "accepted"
        ("/2024", "f.jpg", 2, 4, 1),  # a person's own tag of that name
        ("/2024", "g.jpg", 5, None, 3),  # in the trash
        ("/", "../x.jpg", 5, None, 1),
    ]
    digikam(tmp_path / "digikam4.db", identifier.format(quoted), rows, specific.format(photos))
    for library in (tmp_path / "digikam4.db", f"digikam:{tmp_path}"):
        assert said(library) == {"a.jpg": (5, 5), "e.jpg": (2, 2), "f.jpg": (2, 5)}
    assert read_likes(str(tmp_path / "digikam4.db")).silent == {
        "unrated": 2, "rejected": 1, "outside of the library's folder": 1,
    }  # fmt: skip


LONG = "PXL_20221219_114459254.TS_exported_13241_167156.jpg"


@pytest.mark.parametrize(
    ("name", "pictures", "found"),
    [
        ("a.jpg.supplemental-metadata.json", ["a.jpg", "b.jpg"], "a.jpg"),
        ("a.jpg.json", ["a.jpg"], "a.jpg"),
        ("a.jpg.supple.json", ["a.jpg"], "a.jpg"),
        ("a.jpg..json", ["a.jpg"], "a.jpg"),
        ("a.jpg.supplemental-metadata(2).json", ["a.jpg", "a(2).jpg"], "a(2).jpg"),
        ("a.jpg(2).json", ["a.jpg", "a(2).jpg"], "a(2).jpg"),
        (f"{LONG[:46]}.json", [LONG, "other.jpg"], LONG),
        (f"{LONG[:46]}.json", [LONG, LONG.replace(".jpg", "7.jpg")], None),  # two fit
        ("cut.json", ["cut and more.jpg"], None),  # not long enough to have been cut
        ("other.json", ["title.jpg"], "title.jpg"),
        ("../a.jpg.json", ["a.jpg"], None),
    ],
)
def test_names_of_takeout_that_were_cut_or_counted(name, pictures, found):
    assert told_of(name, "title.jpg", pictures) == found


def test_a_takeout(tmp_path):
    folder = tmp_path / "Takeout/Google Photos/Photos from 2019"
    taken = {"photoTakenTime": {"timestamp": "1"}}
    for name in ("a", "b", "c"):
        picture(folder / f"{name}.jpg")
    told = {
        "a.jpg.supplemental-metadata": {"title": "a.jpg", "favorited": True},
        "b.jpg.supplemental-metadata": {"title": "b.jpg"},
        "c.jpg.supplemental-metadata": {"title": "c.jpg", "favorited": "yes"},
        "film.mp4.supplemental-metadata": {"title": "film.mp4", "favorited": True},
        "gone.jpg.supplemental-metadata": {"title": "../../../../etc/gone.jpg", "favorited": True},
    }
    for name, about in told.items():
        (folder / f"{name}.json").write_text(json.dumps(about | taken))
    (folder / "metadata.json").write_text('{"title": "An album"}')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "list.json").write_text("[]")
    assert kind_and_place(str(tmp_path))[0] == "takeout"
    assert said(tmp_path) == {"a.jpg": (2, 2)}
    assert read_likes(str(tmp_path)).silent == {"unrated": 2, "no pictures": 1, "missing files": 1}
    with pytest.raises(ValueError, match="no JSON of Google Photos"):
        read_likes(f"takeout:{tmp_path / 'Takeout/none'}")


OLD = ["prompt", "seed", "width", "height", "sampler", "cfgs", "steps", "filename", "negative_prompt"]


def test_a_log_of_saved_pictures_whose_header_is_older_than_its_rows(tmp_path):
    for name in ("a.png", "2023-01-01/b.png"):
        picture(tmp_path / name)
    prompt = 'a fish, "red"\nand a boat'
    with (tmp_path / "log.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(OLD)
        rows.writerow([prompt, 1, 512, 512, "Euler", 7, 20, "a.png", ""])
        rows.writerow(["=1+1", 1, 512, 512, "Euler", 7, 20, "2023-01-01\\b.png", "", "a model", "its hash"])
        rows.writerow(["", 1, 512, 512, "Euler", 7, 20, "..\\..\\x.png", ""])
        rows.writerow(["", 1, 512, 512, "Euler", 7, 20, "gone.png", ""])
        rows.writerow(["half"])
    found = read_likes(str(tmp_path / "log.csv"))
    assert [(Path(one.image).name, one.prompt, one.stars, one.out_of) for one in found.ratings] == [
        ("a.png", prompt, 2, 2), ("b.png", "=1+1", 2, 2),
    ]  # fmt: skip
    assert set(found.silent) == {"outside of the library's folder", "missing files", "ratings not understood"}
    write_likes(found.ratings, tmp_path / "out/likes.csv")
    again = read_stars(tmp_path / "out/likes.csv")
    assert [(one.image, one.stars, one.out_of, one.prompt.strip()) for one in again] == [
        (one.image, one.stars, one.out_of, one.prompt) for one in found.ratings
    ]
    assert ",=" not in (tmp_path / "out/likes.csv").read_text()
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="has the columns a, b; expected filename and prompt"):
        read_likes(str(tmp_path / "log.csv"))


def test_ranks_of_the_images_browser(tmp_path):
    a, b, c = (picture(tmp_path / f"{name}.png") for name in "abc")
    rows = [
        (a, "5", "a fish"),
        (b, "1", ""),
        (c, "None", ""),
        ("D:\\gone\\d.png", "3", ""),
        (f"{c}x", "best", ""),
    ]
    database = images_browser(tmp_path / "wib.sqlite3", rows)
    assert said(database) == {"a.png": (5, 5), "b.png": (1, 5)}
    found = read_likes(f"images-browser:{tmp_path}")
    assert found.ratings[0].prompt == "a fish"
    assert found.silent == {"unrated": 1, "missing files": 1, "ratings not understood": 1}


def test_one_star_for_all_is_pointed_out(tmp_path, photos):
    rows = [("2024/", f"{name}.jpg", 1, 0) for name in "abcdefg"] + [("2024/", "h.jpg", 4, 0)]
    rows += [("2024/", f"{name}.jpg", 2, 0) for name in "ab"]
    catalog = lightroom(tmp_path / "my.lrcat", rows, f"{photos}/")
    (note,) = read_likes(str(catalog)).notes
    assert note.startswith("7 of 10 ratings are one star.")


def test_kinds_are_recognised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.jpg")
    (tmp_path / "xmp:file").touch()
    assert kind_and_place("a.jpg") == ("xmp", "a.jpg") and kind_and_place("immich:https://x") == (
        "immich",
        "https://x",
    )
    assert names_library("xmp:a") and not names_library("xmp:file") and not names_library("votes.csv")
    for wrong, why in {
        "https://photos.example": "write immich:https://photos.example",
        "none": "is not there",
        "xmp:file": "of no known kind",
    }.items():
        with pytest.raises(ValueError, match=why):
            kind_and_place(wrong)
    (tmp_path / "takeout.zip").touch()
    with pytest.raises(ValueError, match="an archive, which is unpacked first"):
        kind_and_place("takeout.zip")


def test_a_table_of_no_matter_which_names_is_read_back(tmp_path):
    names = [
        "=1.png",
        "+a.jpg",
        "a, b.jpg",
        'q".jpg',
        "new\nline.jpg",
        os.fsdecode(b"caf\xe9.jpg"),
        " space.jpg",
    ]
    ratings = [Rating("you", "", str(picture(tmp_path / f"p/{name}", format="png")), 2) for name in names]
    write_likes(ratings, tmp_path / "likes.csv")
    assert [one.image for one in read_stars(tmp_path / "likes.csv")] == [one.image for one in ratings]
