"""From a folder of starred photographs to a ranking and back to stars, as a person calls the commands."""

import os
import subprocess
import sys

import pytest

from tasteprint.cli.likes import likes_command
from tasteprint.cli.own_pictures import read_opinions
from tasteprint.cli.rank import rank_command
from tests.photo_libraries import lightroom, packet, picture


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Ten pictures in a folder, four with stars inside, one with a sidecar, one rejected; a catalog with a flag."""
    for number in range(10):
        stars = packet(f'xmp:Rating="{number}"' if 1 <= number <= 4 else 'xmp:Rating="0"')
        picture(tmp_path / f"photos/{number}.jpg", xmp=stars)
    (tmp_path / "photos/5.jpg.xmp").write_bytes(packet('xmp:Rating="5"'))
    (tmp_path / "photos/6.xmp").write_bytes(packet('xmp:Rating="-1"'))
    lightroom(tmp_path / "my.lrcat", [("photos/", "7.jpg", None, 1)], f"{tmp_path}/")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_of_starred_photographs_to_a_ranking_and_back(photos):
    def tasteprint(*arguments):
        environment = {**os.environ, "TASTEPRINT_CACHE": str(photos / "cache"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tasteprint", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=photos)
        assert done.returncode == 0, done.stderr
        return done

    found = tasteprint("likes", "photos", "--out", "likes.csv")
    assert found.stdout.splitlines() == [
        *(f"        1  {stars} of 5 stars" for stars in (5, 4, 3, 2, 1)),
        "        4  unrated",
        "        1  rejected",
    ]
    assert "tasteprint: 5 opinions are in likes.csv" in found.stderr
    done = tasteprint(
        "rank", "photos", "--stars", "likes.csv", "--votes", "lightroom:my.lrcat", "--write-xmp"
    )
    assert "10 pictures ranked by 6 opinions" in done.stdout and "(you: 5 of 5 stars)" in done.stdout
    assert "tasteprint: lightroom:my.lrcat has 1 opinion." in done.stderr
    left = "pictures left as they are: 6 of which you said something yourself, 1 with a rating of a person."
    assert f"tasteprint: wrote 3 sidecars; {left}" in done.stderr
    written = {path.name for path in (photos / "photos").glob("*.xmp")} - {"5.jpg.xmp", "6.xmp"}
    assert written == {"0.jpg.xmp", "8.jpg.xmp", "9.jpg.xmp"}


def test_a_library_beside_files(photos, capsys):
    (photos / "stars.csv").write_text("image,stars\nphotos/9.jpg,2\n")
    history = read_opinions(None, None, None, ["stars.csv", "xmp:photos"])
    assert [(one.image.rpartition("/")[2], one.stars) for one in history.ratings] == [
        ("9.jpg", 2), *((f"{number}.jpg", number) for number in range(1, 6)),
    ]  # fmt: skip
    assert capsys.readouterr().err == "tasteprint: xmp:photos has 5 opinions (4 unrated, 1 rejected).\n"


def test_rejected_pictures_are_dislikes_only_where_it_is_said(photos, capsys):
    likes_command("photos", photos / "likes.csv", rejected_are_disliked=True)
    assert "1  disliked" in capsys.readouterr().out
    assert "photos/6.jpg,1,2," in (photos / "likes.csv").read_text()


def test_moved_folders_are_an_option(photos, capsys):
    catalog = lightroom(photos / "other.lrcat", [("", "1.jpg", 4, 0)], "D:/Pictures/")
    with pytest.raises(ValueError, match="has no opinion of a picture that is there"):
        likes_command(str(catalog), photos / "likes.csv")
    assert "where they were moved" in capsys.readouterr().err and not (photos / "likes.csv").exists()
    likes_command(str(catalog), photos / "likes.csv", moved=["D:/Pictures=photos"])
    assert "photos/1.jpg,4,5," in (photos / "likes.csv").read_text()


def test_what_could_not_be_done_is_said_before_any_work(photos):
    with pytest.raises(ValueError, match=r"expected a file that ends in .csv"):
        likes_command("photos", photos / "likes.txt")
    for more in (
        {},
        {"write_xmp": True, "out": photos / "a.csv"},
        {"write_xmp": True, "copy_to": photos / "best"},
    ):
        with pytest.raises(ValueError, match="dry-run writes nothing"):
            rank_command(["photos"], stars=["xmp:photos"], dry_run=True, **more)
