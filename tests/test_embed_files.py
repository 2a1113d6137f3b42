"""Files to embeddings: the same rows each way, nothing read twice, and whatever happens to one picture costs one."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tasteprint.library import embedding, reader_process, readers, reading
from tasteprint.library.cache import EmbeddingCache
from tasteprint.library.embedding import embed_files
from tasteprint.library.reading import ReadRequest, read_picture
from tasteprint.vision.encoder import ImageEncoder

CRASHING = (
    "import json, os, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tasteprint.library import reader_process as room; read = room.read_picture; "
    "room.read_picture = lambda asked: os.abort() if 'boom' in asked.path else read(asked); room.serve()"
)
"""A reader process with a decoder that crashes at some names."""

SCRIPT = """
import signal
import sys
from pathlib import Path
import torch
from tasteprint.library import embedding, reader_process
from tasteprint.library.cache import EmbeddingCache
from tasteprint.vision.encoder import ImageEncoder

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job would ignore it
embedding.BATCH = 4
torch.set_num_threads(1)

def progress(what, done, total):
    if done == int(sys.argv[3]):
        for child in started:
            print(child.pid)
        print("now", flush=True)
        sys.stdin.readline()

started, popen = [], reader_process.subprocess.Popen
def start(*args, **named):
    started.append(popen(*args, **named))
    return started[-1]
reader_process.subprocess.Popen = start

encoder = ImageEncoder.from_pretrained("statistics")
with EmbeddingCache(Path(sys.argv[2]), encoder) as cache:
    found = embedding.embed_files(sorted(Path(sys.argv[1]).iterdir()), encoder, cache, progress, 2, 2.0)
print(len(found.paths), len(found.failed), found.notes)
"""
"""A user's script, without a guard around what it does."""


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder.from_pretrained("statistics")


@pytest.fixture
def photos(tmp_path, pictures):
    """Twenty-four pictures in files, "00.png" to "23.png"."""
    (tmp_path / "photos").mkdir()
    for number in range(24):
        pictures[str(number)].save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path / "photos"


def files(folder):
    return sorted(folder.iterdir())


@contextmanager
def nothing_is_read(monkeypatch):
    def refuse(*_):
        raise AssertionError("a picture was read")

    with monkeypatch.context() as patch:
        patch.setattr(embedding, "read_pictures", refuse)
        yield


@pytest.mark.parametrize("workers", [None, 0, 2])
def test_rows_are_those_of_the_encoder_in_the_order_asked_for(photos, encoder, workers):
    paths = files(photos)[::-1]
    heard = []
    found = embed_files(paths, encoder, None, lambda *said: heard.append(said), workers)
    expected = encoder.embed_pictures(Image.open(path) for path in paths).numpy().astype(np.float16)
    np.testing.assert_allclose(found.embeddings, expected, rtol=2e-3, atol=2e-3)
    assert found.embeddings.dtype == np.float16
    assert found.paths == tuple(paths) and found.failed == found.notes == ()
    assert list(found.hashes) == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert heard == [("embedding", done, 24) for done in range(25)]


def test_a_large_picture_is_seen_as_from_all_its_pixels(tmp_path, encoder, pictures):
    large = pictures["0"].resize((1500, 1200), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.jpg", quality=95)
    found = embed_files([tmp_path / "a.jpg"], encoder)
    np.testing.assert_allclose(found.embeddings[0], encoder.embed_pictures([large])[0], atol=0.03)
    read = read_picture(ReadRequest(0, str(tmp_path / "a.jpg"), 64))
    assert 64 <= min(read.pixels.shape[:2]) < 300


def test_the_second_time_no_picture_is_read(photos, tmp_path, encoder, monkeypatch):
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        first = embed_files(files(photos), encoder, cache)
    monkeypatch.chdir(photos)
    with EmbeddingCache(tmp_path / "cache", encoder) as cache, nothing_is_read(monkeypatch):
        second = embed_files([Path(path.name) for path in files(photos)], encoder, cache)
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    assert first.hashes == second.hashes and second.notes == ()


def test_a_moved_picture_is_not_decoded(photos, tmp_path, encoder, monkeypatch):
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        first = embed_files(files(photos)[:8], encoder, cache)
        moved = photos.rename(tmp_path / "moved")
        monkeypatch.setattr(reading, "decode", lambda *_: pytest.fail("a picture was decoded"))
        second = embed_files(files(moved)[:8], encoder, cache)
        np.testing.assert_array_equal(first.embeddings, second.embeddings)
        with nothing_is_read(monkeypatch):
            embed_files(files(moved)[:8], encoder, cache)


def test_a_picture_that_changed_is_embedded_anew(photos, tmp_path, encoder, pictures):
    paths = files(photos)[:3]
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        first = embed_files(paths, encoder, cache)
        pictures["39"].save(paths[1])
        second = embed_files(paths, encoder, cache)
    same = (first.embeddings == second.embeddings).all(axis=1)
    assert same.tolist() == [True, False, True]
    expected = encoder.embed_pictures([pictures["39"]]).numpy().astype(np.float16)
    np.testing.assert_allclose(second.embeddings[1:2], expected, atol=2e-3)


def test_a_picture_that_changes_while_it_is_read_is_said(photos, monkeypatch):
    path = files(photos)[0]
    decode = reading.decode

    def slow(source, side):
        os.utime(source, ns=(1, 1))
        return decode(source, side)

    monkeypatch.setattr(reading, "decode", slow)
    assert "changed while it was read" in read_picture(ReadRequest(0, str(path), 64)).fault


def test_files_of_the_same_content_are_two_pictures(photos, tmp_path, encoder):
    for number in range(8):
        shutil.copy(photos / "00.png", photos / f"copy {number}.png")
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        for _ in range(2):
            found = embed_files(files(photos), encoder, cache, workers=0)
            assert len(found.paths) == 32 and len(set(found.hashes)) == 24
            assert len(np.unique(found.embeddings, axis=0)) == 24


def test_a_cache_that_is_emptied_meanwhile_costs_a_second_reading(photos, tmp_path, encoder, monkeypatch):
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        first = embed_files(files(photos)[:4], encoder, cache)
        moved = photos.rename(tmp_path / "moved")
        monkeypatch.setattr(cache, "embedding", lambda content: None)
        second = embed_files(files(moved)[:4], encoder, cache)
        np.testing.assert_array_equal(first.embeddings, second.embeddings)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_read_is_named_and_costs_nothing_else(photos, tmp_path, encoder, workers):
    (photos / "bad 1.jpg").write_text("<html>404</html>")
    (photos / "bad 2.jpg").touch()
    (photos / "bad 3.png").write_bytes((photos / "00.png").read_bytes()[:200])
    (photos / "bad 4.jpg").mkdir()
    (photos / "bad 5.jpg").symlink_to("nowhere")
    (photos / "bad 6.jpg").symlink_to("bad 6.jpg")
    paths = [*files(photos), Path("bad\0name"), Path("/dev/null")]
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        for _ in range(2):
            found = embed_files(paths, encoder, cache, workers=workers)
            bad = [path.stem for path, _ in found.failed]
            assert bad == [*(f"bad {number}" for number in range(1, 7)), "bad\0name", "null"]
            assert all(sentence.endswith(".") and "; expected " in sentence for _, sentence in found.failed)
            assert [path.name for path in found.paths] == [f"{number:02}.png" for number in range(24)]
            assert found.embeddings.shape == (24, encoder.width)


@pytest.mark.parametrize("workers", [0, 2])
def test_odd_names(tmp_path, pictures, encoder, workers):
    odd = ["with space", "quote'\"", "new\nline", "\U0001f600", "--dash", "latin\udce9", "x" * 251]
    for number, name in enumerate(odd):
        pictures[str(number)].save(tmp_path / f"{name}.png")
    paths = [tmp_path / f"{name}.png" for name in odd]
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        for _ in range(2):
            found = embed_files(paths, encoder, cache, workers=workers)
            assert found.failed == () and found.paths == tuple(paths)


def test_a_moving_picture_is_said(tmp_path, pictures, encoder):
    pictures["0"].save(tmp_path / "a.gif", save_all=True, append_images=[pictures["1"]])
    assert embed_files([tmp_path / "a.gif"], encoder, workers=1).notes == (
        "1 picture: the first frame of several.",
    )


def test_an_embedding_that_is_no_number_is_not_kept(photos, tmp_path, encoder):
    broken = replace(
        encoder, features=lambda pixels: encoder.features(pixels) / torch.tensor([1e-9, 1.0] * 92)
    )
    with EmbeddingCache(tmp_path / "cache", broken) as cache:
        found = embed_files(files(photos)[:2], broken, cache)
        assert (
            len(found.failed) == 2
            and "half precision" in found.failed[0][1]
            and found.embeddings.shape == (0, 184)
        )
        assert cache.contents([path.stat().st_size for path in files(photos)]) == {}


def test_nothing_to_embed(encoder):
    found = embed_files([], encoder)
    assert found.embeddings.shape == (0, encoder.width) and found.paths == ()


def test_a_decoder_that_crashes_costs_its_picture(photos, encoder, monkeypatch):
    monkeypatch.setattr(reader_process, "_PROGRAM", CRASHING)
    for number in (1, 2, 3, 4, 5):
        shutil.copy(photos / "00.png", photos / f"boom {number}.png")
    found = embed_files(files(photos), encoder, workers=2)
    assert len(found.paths) == 24 and len(found.failed) == 5
    assert all("ended the process that read it" in sentence for _, sentence in found.failed)


def test_where_no_process_can_be_started_pictures_are_read_here(photos, encoder, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert len(embed_files(files(photos), encoder, workers=2).paths) == 24


@pytest.fixture
def silent(photos):
    """Add a file whose opening never comes back, as on a drive that does not answer; it comes back at the end."""
    os.mkfifo(photos / "09 silent.jpg")
    yield photos
    with os.fdopen(os.open(photos / "09 silent.jpg", os.O_RDWR | os.O_NONBLOCK), "wb"):
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_does_not_come_back_is_given_up(silent, encoder, workers):
    found = embed_files(files(silent), encoder, workers=workers, patience=2.0)
    assert len(found.paths) == 24
    ((path, sentence),) = found.failed
    assert path.name == "09 silent.jpg" and "did not come back within 2 seconds" in sentence


def test_a_drive_that_stops_answering_ends_the_reading_and_keeps_the_rest(
    photos, tmp_path, encoder, monkeypatch
):
    monkeypatch.setattr(readers, "GIVEN_UP", 2)
    for number in range(4):
        os.mkfifo(photos / f"90 silent {number}.jpg")
    (photos / "99.png").write_bytes((photos / "00.png").read_bytes())
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        found = embed_files(files(photos), encoder, cache, workers=0, patience=1.0)
        assert len(found.paths) == 24 and len(found.failed) == 5
        words = [sentence for _, sentence in found.failed]
        assert sum("did not come back" in sentence for sentence in words) == 2
        assert sum("was not tried" in sentence for sentence in words) == 3
        with nothing_is_read(monkeypatch):
            assert len(embed_files(files(photos)[:24], encoder, cache).paths) == 24


def script(photos, tmp_path, stop):
    command = [sys.executable, "-c", SCRIPT, photos, tmp_path / "cache", str(stop)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kept(photos, tmp_path, encoder):
    """How many pictures the cache knows."""
    with EmbeddingCache(tmp_path / "cache", encoder) as cache:
        job = embedding._Job([str(path) for path in files(photos)], encoder, cache)
        assert cache.notes == []
        return len(job.paths) - len(job.missing())


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_embedded_stays_when_the_process_ends(silent, tmp_path, encoder, how):
    with script(silent, tmp_path, 10) as process:
        children = [int(line) for line in iter(process.stdout.readline, "now\n")]
        process.send_signal(how)
        process.stdin.close()
        process.wait(60)
        assert ("KeyboardInterrupt" in process.stderr.read()) == (how == signal.SIGINT)
    assert kept(silent, tmp_path, encoder) == 8  # two batches of four
    assert len(children) == 2
    for _ in range(200):
        if not any(map(is_running, children)):
            return
        time.sleep(0.05)
    pytest.fail("reader processes were left behind")


def test_a_process_ends_though_a_file_never_comes_back(silent, tmp_path):
    with script(silent, tmp_path, -1) as process:
        out, error = process.communicate("", timeout=60)
    assert (out, error) == ("24 1 ()\n", "")


def test_two_at_once_on_one_cache(photos, tmp_path, encoder):
    with script(photos, tmp_path, 3) as one, script(photos, tmp_path, 3) as two:
        for process in (one, two):
            assert "now\n" in iter(process.stdout.readline, "")
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.flush()
        for process in (one, two):
            assert process.communicate(timeout=60) == ("24 0 ()\n", "")
    assert kept(photos, tmp_path, encoder) == 24
