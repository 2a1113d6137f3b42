"""Copies of the best: in order, under new names; what was there stays as it was."""

import errno
import os
from pathlib import Path

import pytest

from tasteprint.library import copies
from tasteprint.library.copies import copy_in_order


@pytest.fixture
def files(tmp_path):
    made = []
    for folder, name in (("one", "a.jpg"), ("two", "a.jpg"), ("one", "b c\n'\".jpg")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(f"{folder} {name}")
        made.append(tmp_path / folder / name)
    return made


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_links_in_their_order(files, tmp_path):
    made, failed = copy_in_order(files, tmp_path / "new" / "best")
    assert [path.name for path in made] == ["001-a.jpg", "002-a.jpg", "003-b c\n'\".jpg"] and not failed
    assert all(new.samefile(old) for new, old in zip(made, files, strict=True))


def test_again_and_a_name_that_is_taken(files, tmp_path):
    best = tmp_path / "best"
    best.mkdir()
    (best / "001-a.jpg").write_text("mine")
    (best / "002-a.jpg").symlink_to("nowhere")
    first, _ = copy_in_order(files, best)
    assert [path.name for path in first][:2] == ["001-a (2).jpg", "002-a (2).jpg"]
    before = sorted(best.iterdir())
    again, _ = copy_in_order(files, best)
    assert again == first and sorted(best.iterdir()) == before
    assert (best / "001-a.jpg").read_text() == "mine" and (best / "002-a.jpg").is_symlink()


def no_links(self, target):
    raise OSError(errno.EXDEV, "another disk")


def test_copies_where_there_can_be_no_links(files, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    os.utime(files[0], (1, 1))
    made, _ = copy_in_order(files, tmp_path / "best")
    assert content(tmp_path / "best") == {
        new.name: old.read_text() for new, old in zip(made, files, strict=True)
    }
    assert not made[0].samefile(files[0]) and made[0].stat().st_mtime == 1
    again, _ = copy_in_order(files[:1], tmp_path / "best")
    assert again[0].name == "001-a (2).jpg"  # it might differ by now, and is not looked into


def test_a_full_disk_leaves_no_half(files, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    monkeypatch.setattr(copies.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match=r"copying to .* failed \(No space left on device\); expected room"):
        copy_in_order(files, tmp_path / "best")
    assert not list((tmp_path / "best").iterdir()) and all(path.is_file() for path in files)


def test_what_is_gone_is_named_and_the_rest_copied(files, tmp_path):
    made, failed = copy_in_order([tmp_path / "gone.jpg", *files], tmp_path / "best")
    assert [path.name[:3] for path in made] == ["002", "003", "004"]
    assert [path.name for path, _ in failed] == ["gone.jpg"] and "no longer there" in failed[0][1]


def test_links_are_followed_and_long_names_cut(files, tmp_path):
    (tmp_path / "link.jpg").symlink_to(files[0])
    long = tmp_path / ("ä" * 124 + ".jpg")
    long.touch()
    (link, cut), _ = copy_in_order([tmp_path / "link.jpg", long], tmp_path / "best")
    assert not link.is_symlink() and link.samefile(files[0])
    assert cut.suffix == ".jpg" and len(os.fsencode(cut.name)) <= 240 and cut.samefile(long)
