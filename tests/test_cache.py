"""Embeddings kept between two runs: what comes back, and what a damaged, full, shut or shared cache costs."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from logs import small_disk  # noqa: F401
from tasteprint.library import store
from tasteprint.library.cache import EmbeddingCache, FileState, Kept
from tasteprint.library.store import cache_folder, empty_stores, stores

ENCODER = SimpleNamespace(fingerprint="ab" * 32, name="fake", width=5)


def kept(number, size=100, modified=7, path=None):
    row = np.arange(5, dtype=np.float16) + number
    return Kept(FileState(path or b"/p/%d.jpg" % number, size, modified), bytes([number] * 32), row)


def recalled(cache, *files):
    rows = np.zeros((len(files), 5), np.float16)
    return [content[:1] for content in cache.recall(files, rows)], rows[:, 0].tolist()


def fill(folder, *numbers):
    with EmbeddingCache(folder, ENCODER) as cache:
        cache.add([kept(number) for number in numbers])
        assert cache.notes == []
    return cache.path


def test_rows_come_back_for_files_as_they_were(tmp_path):
    fill(tmp_path / "new" / "folder", 1, 2)
    with EmbeddingCache(tmp_path / "new" / "folder", ENCODER) as cache:
        one, two = kept(1).file, kept(2).file
        files = (two, one._replace(size=99), one._replace(modified=8), one._replace(path=b"/q"), one)
        assert recalled(cache, *files) == ([b"\2", b"", b"", b"", b"\1"], [2.0, 0.0, 0.0, 0.0, 1.0])
        assert recalled(cache, one) == ([b"\1"], [1.0])
        assert recalled(cache) == ([], [])
        assert cache.notes == []


def test_rows_come_back_by_content(tmp_path):
    fill(tmp_path, 1, 2)
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        assert cache.contents([100, 3, 100]) == {100: [bytes([1] * 32), bytes([2] * 32)]}
        np.testing.assert_array_equal(cache.embedding(bytes([2] * 32)), [2, 3, 4, 5, 6])
        assert cache.embedding(bytes(32)) is None
        cache.add([kept(number) for number in range(100)])
        assert len(cache.contents([100])[100]) == 16


def test_a_picture_that_changed_is_another(tmp_path):
    fill(tmp_path, 1)
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        cache.add([kept(3, size=120, modified=9, path=b"/p/1.jpg")])
        now = FileState(b"/p/1.jpg", 120, 9)
        assert recalled(cache, kept(1).file, now) == ([b"", b"\3"], [0.0, 3.0])
        assert cache.embedding(bytes([1] * 32)) is not None  # its content may come again


def test_names_are_bytes(tmp_path):
    name = b"/p/latin\xe9 \n'\".jpg"
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        cache.add([kept(1, path=name)])
        assert recalled(cache, kept(1, path=name).file) == ([b"\1"], [1.0])


def test_another_encoder_has_another_store(tmp_path):
    fill(tmp_path, 1)
    other = SimpleNamespace(fingerprint="cd" * 32, name="other", width=5)
    with EmbeddingCache(tmp_path, other) as cache:
        assert recalled(cache, kept(1).file) == ([b""], [0.0])
    assert [(one.encoder, one.pictures) for one in stores(tmp_path)] == [("fake", 1), ("other", 0)]


@pytest.mark.parametrize("damage", ["junk", "cut", "empty table", "half"])
def test_a_damaged_cache_is_begun_anew_and_said_once(tmp_path, damage):
    path = fill(tmp_path, *range(200))
    data = path.read_bytes()
    if damage == "empty table":
        with closing(sqlite3.connect(path)) as db:
            db.execute("DROP TABLE files")
    else:
        path.write_bytes(
            {"junk": b"no database " * 900, "cut": data[:9000], "half": data[:4096] + bytes(len(data))}[
                damage
            ]
        )
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        files = [kept(number).file for number in range(200)]
        recalled(cache, *files)
        cache.add([kept(number) for number in range(200)])
        assert recalled(cache, *files)[1] == list(range(200))
        (note,) = cache.notes
        assert "begun anew" in note and note.endswith(".") and str(path) in note
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        assert recalled(cache, *files)[1] == list(range(200)) and cache.notes == []


def test_a_row_that_a_disk_changed_is_embedded_anew(tmp_path):
    path = fill(tmp_path, 1, 2)
    data = path.read_bytes()
    row = kept(2).row.tobytes()
    assert data.count(row) == 1
    path.write_bytes(data.replace(row, row[::-1]))
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        assert recalled(cache, kept(1).file, kept(2).file) == ([b"\1", b""], [1.0, 0.0])
        assert cache.embedding(bytes([2] * 32)) is None
        cache.add([kept(2)])
        assert recalled(cache, kept(2).file) == ([b"\2"], [2.0])


def test_an_older_version_is_begun_anew_and_a_newer_one_left(tmp_path, monkeypatch):
    path = fill(tmp_path, 1)
    monkeypatch.setattr(store, "VERSION", store.VERSION + 1)
    monkeypatch.setattr(store, "_TABLES", (*store._TABLES[:-1], f"PRAGMA user_version = {store.VERSION}"))
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        assert recalled(cache, kept(1).file) == ([b""], [0.0])
        cache.add([kept(2)])
        assert len(cache.notes) == 1 and "earlier version" in cache.notes[0]
    monkeypatch.undo()
    before = path.read_bytes()
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        cache.add([kept(3)])
        assert recalled(cache, kept(2).file, kept(3).file) == ([b"", b""], [0.0, 0.0])
        assert len(cache.notes) == 1 and "later version" in cache.notes[0]
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_made_is_gone_without(tmp_path):
    (tmp_path / "file").touch()
    with EmbeddingCache(tmp_path / "file" / "below", ENCODER) as cache:
        cache.add([kept(1)])
        assert recalled(cache, kept(1).file) == ([b""], [0.0])
        assert cache.contents([100]) == {} and cache.embedding(bytes(32)) is None
        (note,) = cache.notes
        assert "could not be opened" in note


def test_a_disk_that_is_full_is_said_once_and_what_was_kept_can_be_read(small_disk):  # noqa: F811
    with EmbeddingCache(small_disk, ENCODER) as cache:
        for number in range(250):
            cache.add([kept(number, path=b"/%d/" % number + b"x" * 1000)])
        (note,) = cache.notes
        assert "could not be used" in note and "full" in note
    with EmbeddingCache(small_disk, ENCODER) as cache:
        assert recalled(cache, kept(0, path=b"/0/" + b"x" * 1000).file) == ([b"\0"], [0.0])
        assert recalled(cache, kept(1, path=b"/1/" + b"x" * 1000).file) == ([b"\1"], [1.0])


def test_a_disk_that_may_only_be_read_is_read(small_disk):  # noqa: F811
    fill(small_disk, 1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with EmbeddingCache(small_disk, ENCODER) as cache:
        assert recalled(cache, kept(1).file) == ([b"\1"], [1.0]) and cache.notes == []
        cache.add([kept(2)])
        cache.add([kept(3)])
        assert recalled(cache, kept(1).file) == ([b"\1"], [1.0])
        (note,) = cache.notes
        assert "readonly" in note


def test_two_at_once_share_a_store(tmp_path):
    with EmbeddingCache(tmp_path, ENCODER) as one, EmbeddingCache(tmp_path, ENCODER) as two:
        one.add([kept(1), kept(2)])
        two.add([kept(2), kept(3)])
        one.add([kept(4)])
        files = [kept(number).file for number in range(1, 5)]
        assert recalled(one, *files) == recalled(two, *files) == ([b"\1", b"\2", b"\3", b"\4"], [1, 2, 3, 4])
        assert one.notes == two.notes == []


def test_one_that_another_process_keeps_too_long_is_gone_without(tmp_path, monkeypatch):
    path = fill(tmp_path, 1)
    monkeypatch.setattr(store, "WAIT", 0.01)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        EmbeddingCache(tmp_path, ENCODER) as cache,
    ):
        other.execute("BEGIN EXCLUSIVE")
        assert recalled(cache, kept(1).file) == ([b""], [0.0])
        cache.add([kept(2)])
        (note,) = cache.notes
        assert "locked" in note


def test_one_that_is_found_damaged_by_two_is_begun_anew_once(tmp_path):
    path = fill(tmp_path, *range(200))
    with EmbeddingCache(tmp_path, ENCODER) as one, EmbeddingCache(tmp_path, ENCODER) as two:
        files = [kept(number).file for number in range(200)]
        path.write_bytes(path.read_bytes()[:4096] + bytes(100_000))
        recalled(one, *files)
        one.add([kept(1)])
        recalled(two, *files)
        two.add([kept(2)])
        assert recalled(two, kept(1).file, kept(2).file) == ([b"\1", b"\2"], [1.0, 2.0])


def test_a_write_that_is_killed_leaves_what_was_there(tmp_path):
    fill(tmp_path, 1)
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_cache import ENCODER, EmbeddingCache, kept
class Killed(list):
    def __iter__(self):
        yield kept(2)
        os.kill(os.getpid(), signal.SIGKILL)
EmbeddingCache(Path({str(tmp_path)!r}), ENCODER).add(Killed())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with EmbeddingCache(tmp_path, ENCODER) as cache:
        assert recalled(cache, kept(1).file, kept(2).file) == ([b"\1", b""], [1.0, 0.0])
        cache.add([kept(2)])
        assert recalled(cache, kept(2).file) == ([b"\2"], [2.0]) and cache.notes == []


def test_the_cache_is_shown_and_emptied(tmp_path):
    path = fill(tmp_path, 1, 2)
    (tmp_path / "embeddings-junk.sqlite").write_bytes(b"junk" * 1000)
    (tmp_path / "other.txt").write_text("mine")
    shown = stores(tmp_path)
    assert [(one.encoder, one.pictures) for one in shown] == [
        ("fake", 2),
        ("damaged, or of another version", 0),
    ]
    assert shown[0].size == path.stat().st_size and shown[0].path == path
    with EmbeddingCache(tmp_path, ENCODER) as cache:  # in use meanwhile
        assert empty_stores(tmp_path) == shown
        assert recalled(cache, kept(1).file) == ([b""], [0.0])
        cache.add([kept(3)])
        assert recalled(cache, kept(3).file) == ([b"\3"], [3.0]) and cache.notes == []
    assert [one.pictures for one in stores(tmp_path)] == [1]
    assert (tmp_path / "other.txt").read_text() == "mine"
    assert stores(tmp_path / "nowhere") == () and empty_stores(tmp_path / "nowhere") == ()


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("TASTEPRINT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TASTEPRINT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "xdg" / "tasteprint"
