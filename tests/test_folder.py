"""Folders, files, patterns and lists to picture files: what is taken, what is passed over, what is said."""

import io
import os
import sys
from pathlib import Path

import pytest

from tasteprint.library.folder import find_pictures, skipped_in_words


def put(folder, *names):
    for name in names:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(found, folder):
    return [os.path.relpath(path, folder) for path in found.paths]


def test_a_folder_is_searched_to_its_depths_in_natural_order(tmp_path):
    put(tmp_path, "IMG_10.jpg", "IMG_2.JPG", "img_1.heic", "b/2.png", "a/10/x.webp", "a/9/x.avif", "a/z.tif")
    expected = ["img_1.heic", "IMG_2.JPG", "IMG_10.jpg", "a/z.tif", "a/9/x.avif", "a/10/x.webp", "b/2.png"]
    assert names(find_pictures([tmp_path]), tmp_path) == expected
    assert find_pictures([tmp_path]).skipped == {}


def test_what_is_passed_over_is_counted_by_reason(tmp_path):
    put(tmp_path, "a.jpg", "a.xmp", "a.jpg.xmp", "a.AAE", "notes.txt", "more.TXT", "README", "Thumbs.db")
    put(tmp_path, "._a.jpg", ".hidden/b.jpg", "@eaDir/a.jpg/THUMB.jpg", "Catalog.lrdata/c.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = find_pictures([tmp_path])
    assert names(found, tmp_path) == ["a.jpg"]
    assert found.skipped == {
        "sidecars": 3,
        "hidden": 2,
        ".txt": 2,
        "folders of thumbnails": 2,
        "without a suffix": 1,
        ".db": 1,
        "neither files nor folders": 1,
        "links that lead nowhere": 1,
    }
    assert skipped_in_words({".txt": 1200, "hidden": 3}) == "1,200 .txt, 3 hidden"
    assert skipped_in_words({}) == ""


def test_links_in_circles_end_and_no_file_comes_twice(tmp_path):
    put(tmp_path, "a/one.jpg", "b/two.jpg")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "b/self").symlink_to(".")
    (tmp_path / "b/round.jpg").symlink_to("round.jpg")
    (tmp_path / "b/same.jpg").symlink_to(tmp_path / "a/one.jpg")
    found = find_pictures([tmp_path, tmp_path / "b", tmp_path / "a/one.jpg"])
    assert names(found, tmp_path) == ["a/one.jpg", "b/two.jpg"]
    assert found.skipped == {"folders met before": 3, "files met before": 2, "links that lead nowhere": 1}


def test_two_files_of_the_same_content_are_two_pictures(tmp_path):
    put(tmp_path, "a.jpg", "b.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "c.jpg")
    assert names(find_pictures([tmp_path]), tmp_path) == ["a.jpg", "b.jpg", "c.jpg"]


def test_odd_names_stay_as_they_are(tmp_path):
    odd = [
        "with space.jpg",
        "quote'\".jpg",
        "new\nline.jpg",
        "\U0001f600.jpg",
        "a[1].jpg",
        "--dash.jpg",
        "x" * 251 + ".jpg",
    ]
    put(tmp_path, *odd)
    put(tmp_path, os.fsdecode(b"latin\xe9.jpg"))
    found = find_pictures([tmp_path])
    assert {path.name for path in found.paths} == {*odd, os.fsdecode(b"latin\xe9.jpg")}
    assert all(path.read_bytes() == b"x" for path in found.paths)
    assert names(find_pictures([tmp_path / "a[1].jpg"]), tmp_path) == ["a[1].jpg"]


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path, monkeypatch):
    put(tmp_path, "photo", ".hidden.jpg")
    monkeypatch.chdir(tmp_path)
    assert find_pictures(["photo", ".hidden.jpg"]).paths == (Path("photo"), Path(".hidden.jpg"))
    assert find_pictures(["./photo", tmp_path / "photo"]).paths == (Path("photo"),)


def test_a_pattern_takes_pictures_and_folders(tmp_path, monkeypatch):
    put(tmp_path, "b10.jpg", "b9.jpg", "b.txt", "c.jpg", "bag/in.jpg", "bag/deep/x.jpg")
    monkeypatch.chdir(tmp_path)
    found = find_pictures(["b*"])
    assert [str(path) for path in found.paths] == ["b9.jpg", "b10.jpg", "bag/in.jpg", "bag/deep/x.jpg"]
    assert found.skipped == {".txt": 1}
    assert [str(path) for path in find_pictures(["**/[ix]*.jpg"]).paths] == ["bag/deep/x.jpg", "bag/in.jpg"]
    assert names(find_pictures([f"{tmp_path}/*/*.jpg"]), tmp_path) == ["bag/in.jpg"]


def test_a_pattern_ends_where_links_go_in_circles_and_leaves_out_what_is_hidden(tmp_path, monkeypatch):
    put(tmp_path, "in/a.jpg", "in/.b.jpg", ".old/c.jpg", ".old/d.jpg")
    for link in ("one", "two", "three"):
        (tmp_path / "in" / link).symlink_to("..")
    monkeypatch.chdir(tmp_path)
    assert [str(path) for path in find_pictures(["**/*.jpg"]).paths] == ["in/a.jpg"]
    assert [str(path) for path in find_pictures([".old/*.jpg"]).paths] == [".old/c.jpg", ".old/d.jpg"]


@pytest.mark.parametrize("ended", [b"\n", b"\r\n", b"\0"])
def test_a_list_on_standard_input(tmp_path, monkeypatch, ended):
    put(tmp_path, "b.jpg", "in/c.jpg", "latin\udce9.jpg")
    monkeypatch.chdir(tmp_path)
    listed = ended.join([b"b.jpg", b"", b"gone.jpg", b"in", b"latin\xe9.jpg", b""])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(listed)))
    found = find_pictures(["-"])
    assert [str(path) for path in found.paths] == ["b.jpg", "gone.jpg", "in/c.jpg", "latin\udce9.jpg"]


def test_faults_are_one_sentence(tmp_path, monkeypatch):
    put(tmp_path, "texts/a.txt", "texts/b.txt", "texts/.c.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    for sources, sentence in {
        ("texts",): r"^'texts' holds no pictures: 2 \.txt, 1 hidden; expected .*: name another folder\.$",
        ("empty", "texts/a*"): r"^'empty', 'texts/a\*' holds no pictures: 1 \.txt; expected .*\.$",
        ("empty",): r"^'empty' holds no pictures, nor anything else; expected .*\.$",
        ("nowhere",): r"^'nowhere' is not there; expected a folder, .*: check the spelling\.$",
        ("now*",): r"^nothing matches 'now\*'; expected .*: check the spelling\.$",
        ("a**b",): r"^'a\*\*b' is no pattern \(.*: write it so\.$|^nothing matches",
        ("round",): r"^'round' could not be opened \(.*\); expected .*: name another\.$",
        ("pipe",): r"^'pipe' is neither a file nor a folder; expected .*: name another\.$",
        ("bad\0name",): r"^'bad\\x00name' is not there; .*\.$",
        ("x" * 300,): r"^'x*' is not there; .*\.$",
        (): r"^no source holds no pictures.*\.$",
    }.items():
        with pytest.raises(ValueError, match=sentence):
            find_pictures(sources)


def test_a_folder_that_cannot_be_read_costs_nothing_else(tmp_path, monkeypatch):
    put(tmp_path, "a.jpg", "shut/b.jpg", "z/c.jpg")
    scandir = os.scandir

    def refuse(folder):
        if str(folder).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_pictures([tmp_path])
    assert names(found, tmp_path) == ["a.jpg", "z/c.jpg"]
    assert found.skipped == {"folders that could not be read": 1}
