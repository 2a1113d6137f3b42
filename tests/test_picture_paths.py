"""Which file a log means, however it writes the path; and never one outside the folder."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasteprint.data import picture_paths
from tasteprint.data.picture_paths import MISSING, OUTSIDE, SEVERAL, PictureFolder

FILES = ("pics/a 1.png", "pics/b.JPG", "pics/e\u0301.png", "pics/deep/c.png", "other/c.png", "other/d.v2.png")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of empty files, beside one that a log must never reach."""
    root = tmp_path_factory.mktemp("places")
    for file in (*(f"home/{file}" for file in FILES), "outside/secret.png"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "home" / "leads out.png").symlink_to(root / "outside" / "secret.png")
    (root / "home" / "inside.png").symlink_to(root / "home" / "pics" / "b.JPG")
    (root / "home" / "door").symlink_to(root / "outside")
    return root / "home"


def found(home: Path, cell: str) -> str:
    located = PictureFolder(home).locate(cell)
    assert (located.file is None) == bool(located.fault)
    return located.fault or os.path.relpath(located.file, home)


@pytest.mark.parametrize(
    "cell",
    [
        "pics/a 1.png",
        "./pics/a 1.png",
        " pics/a 1.png ",
        "other/../pics/a 1.png",
        "../home/pics/a 1.png",
        "{home}/pics/a 1.png",
        "file://{home}/pics/a%201.png",
        "pics/a%201.png",
        r"pics\a 1.png",
        r"C:\Users\me\pics\a 1.png",
        "C:/Users/me/pics/a 1.png",
        "file:///C:/Users/me/pics/a%201.png",
        r"\\server\share\pics\a 1.png",
        "https://example.org/x/pics/a%201.png?size=2#top",
        "/data/upload/3/pics/a 1.png",
        "/data/local-files/?d=pics/a%201.png",
        "/home/other/elsewhere/a 1.png",
        "a 1.png",
        "A 1.PNG",
        "PICS/a 1.png",
        "pics/a 1",
        "a 1",
        json.dumps({"path": "pics/a 1.png", "url": "http://127.0.0.1:7860/", "meta": {"_type": "x"}}),
        json.dumps({"path": None, "url": "http://127.0.0.1:7860/file=/tmp/gradio/9/a%201.png"}),
    ],
)
def test_every_way_to_write_a_path_is_the_same_file(home: Path, cell: str) -> None:
    assert found(home, cell.replace("{home}", str(home))) == "pics/a 1.png"


def test_a_path_may_begin_above_the_folder(home: Path) -> None:
    assert found(home / "pics", "pics/b.JPG") == "b.JPG"
    assert found(home / "pics" / "deep", "home/pics/deep/c.png") == "c.png"
    assert found(home / "pics", "other/c.png") == MISSING


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_the_same_composed_or_not(home: Path, form: str) -> None:
    assert found(home, unicodedata.normalize(form, "pics/e\u0301.png")) == "pics/e\u0301.png"


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("lost/b.JPG", MISSING),  # the folder that it names is another
        ("none.png", MISSING),
        ("", MISSING),
        ("/", MISSING),
        ("..", MISSING),
        ("../outside/secret.png", OUTSIDE),
        ("{home}/../outside/secret.png", MISSING),
        ("/etc/passwd", MISSING),
        ("leads out.png", OUTSIDE),
        ("door/secret.png", OUTSIDE),
        ("c.png", SEVERAL),
        ("/elsewhere/c.png", SEVERAL),
        ("{", MISSING),
        ("[" * 5000, MISSING),
        ("http://[", MISSING),
        ("x\0y", MISSING),
        ("x" * 5000, MISSING),
    ],
)
def test_what_is_no_file_of_the_folder_says_why(home: Path, cell: str, fault: str) -> None:
    assert found(home, cell.replace("{home}", str(home))) == fault


def test_links_within_the_folder_and_to_it_are_followed(home: Path, tmp_path: Path) -> None:
    assert found(home, "inside.png") == "inside.png"
    (tmp_path / "link").symlink_to(home)
    for cell in ("pics/b.JPG", f"{home}/pics/b.JPG", f"{tmp_path}/link/pics/b.JPG"):
        assert found(tmp_path / "link", cell) == "pics/b.JPG"


def test_the_longest_end_that_fits_decides(home: Path) -> None:
    assert found(home, "/elsewhere/other/c.png") == "other/c.png"
    assert found(home, "s3://bucket/pics/deep/c.png") == "pics/deep/c.png"


def test_suffixes_that_are_none_belong_to_the_name(home: Path) -> None:
    assert found(home, "d.v2") == "other/d.v2.png"


def test_of_a_whole_disk_nothing_is_compared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_paths, "MOST_FILES", 2)
    assert found(home, "a 1") == MISSING
    assert found(home, "pics/a 1.png") == "pics/a 1.png"


@settings(max_examples=60)
@given(
    cell=st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.text("./\\:%{}\"'~ ab", max_size=30)
)
def test_no_text_leads_out_of_the_folder(home: Path, cell: str) -> None:
    located = PictureFolder(home).locate(cell)
    assert located.file is None or located.file.resolve().is_relative_to(home.resolve())


SPELLINGS = (
    lambda path, home: path,
    lambda path, home: f"{home}/{path}",
    lambda path, home: f"file://{quote(f'{home}/{path}')}",
    lambda path, home: f"https://example.org/{quote(path)}",
    lambda path, home: "C:\\data\\" + path.replace("/", "\\"),
    lambda path, home: json.dumps({"path": path}),
    lambda path, home: unicodedata.normalize("NFC", path),
)


@given(file=st.sampled_from(FILES), spelling=st.sampled_from(SPELLINGS))
def test_any_spelling_of_any_file_finds_it(home: Path, file: str, spelling) -> None:
    assert found(home, spelling(file, home)) == file
