"""A dataset is replaced by a rename of the finished whole; one build a folder; a stopped one is completed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from logs import picture, rows_of, write_csv, write_pictures
from tasteprint.config import DataConfig
from tasteprint.data import build as building
from tasteprint.data.build import build
from tasteprint.data.dataset import Dataset
from tasteprint.data.duck import plain_errors
from tasteprint.data.images import ImageStore
from tasteprint.data.mapping import load_mapping
from tasteprint.data.successor import succeed, successor
from tasteprint.locks import held

PLAIN = load_mapping("votes")
CONFIG = DataConfig(min_liked=5)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    write_pictures(folder)
    return write_csv(folder / "votes.csv", rows_of(users=10, votes=20))


@pytest.fixture
def out(log: Path, tmp_path: Path) -> Path:
    """A dataset that stands in the way."""
    (tmp_path / "data").mkdir()
    build(log, tmp_path / "data" / "set", PLAIN, CONFIG, 0, images=log.parent)
    return tmp_path / "data" / "set"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def beside(out: Path) -> set[str]:
    return {path.name for path in out.parent.iterdir()}


def test_what_fails_leaves_the_old_dataset_as_it_was(log: Path, out: Path, tmp_path: Path) -> None:
    before = contents(out)
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    (tmp_path / "empty").mkdir()
    for attempt in (
        lambda: build(tmp_path / "none.csv", out, PLAIN, CONFIG, 1, force=True),
        lambda: build(tmp_path / "binary.csv", out, PLAIN, CONFIG, 1, force=True),
        lambda: build(log, out, load_mapping("pickapic"), CONFIG, 1, force=True),
        lambda: build(log, out, PLAIN, DataConfig(min_liked=99), 1, force=True, images=log.parent),
        lambda: build(log, out, PLAIN, DataConfig(min_liked=5, validation=0.6, test=0.6), 1, force=True),
        lambda: build(log, out, PLAIN, DataConfig(min_liked=5, validation=0.49, test=0.5), 1, force=True),
        lambda: build(log, out, PLAIN, CONFIG, 1, force=True, images=tmp_path / "empty"),
    ):
        with pytest.raises(ValueError, match="expected"):
            attempt()
        assert contents(out) == before and beside(out) == {"set"}


def test_a_full_disk_at_the_last_file_leaves_the_old_dataset(
    log: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        build(log, out, PLAIN, CONFIG, 1, force=True, images=log.parent)
    assert contents(out) == before and beside(out) == {"set"}


def test_one_that_is_stopped_goes_on_from_its_images(log: Path, out: Path) -> None:
    before = contents(out)

    def stop(what: str, done: int, total: int) -> None:
        if what == "images":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(log, out, PLAIN, CONFIG, 1, force=True, images=log.parent, progress=stop)
    assert contents(out) == before and list(successor(out).glob("images/*/*"))
    build(log, out, PLAIN, CONFIG, 1, force=True, images=log.parent)
    assert Dataset(out).summary.seed == 1 and beside(out) == {"set"}


@pytest.mark.parametrize("moment", ["before the exchange", "within it", "after it"])
def test_killed_at_the_exchange_a_rerun_completes(moment: str, log: Path, out: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    build(log, new, PLAIN, CONFIG, 1, images=log.parent)
    new.rename(successor(out))
    if moment != "before the exchange":
        out.rename(out.with_name(".set.old"))
    if moment == "after it":
        successor(out).rename(out)
    with pytest.raises(ValueError, match="holds a dataset"):
        build(log, out, PLAIN, CONFIG, 2)
    assert Dataset(out).summary.seed == (1 if moment == "after it" else 0)
    build(log, out, PLAIN, CONFIG, 2, force=True, images=log.parent)
    assert Dataset(out).summary.seed == 2 and beside(out) == {"set"}
    assert contents(out).keys() == contents(out).keys() | {"votes.parquet", "summary.json"}


def test_an_exchange_that_the_disk_refuses_is_undone(out: Path) -> None:
    before = contents(out)
    with pytest.raises(OSError, match=r"replacing .* failed .*expected"):
        succeed(out)  # there is no successor
    assert contents(out) == before and beside(out) == {"set"}


def test_a_second_build_of_a_folder_is_told_who_builds_there(log: Path, out: Path, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from tasteprint.locks import held\n"
    code += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    for place in (out, tmp_path / "fresh"):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None and other.stdout.readline() == b"held\n"
            with pytest.raises(
                ValueError, match=f"is being written by process {other.pid} .*expected one at a time"
            ):
                build(log, place, PLAIN, CONFIG, 1, force=True)
            os.kill(other.pid, signal.SIGKILL)
    assert build(log, out, PLAIN, CONFIG, 3, force=True).seed == 3, "a lock of the dead is no obstacle"
    with held(out):
        pass
    assert beside(out) == {"set"}


def test_too_little_memory_is_no_damaged_picture(
    log: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(out)

    def scarce(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Path, "read_bytes", scarce)
    with pytest.raises(ValueError, match=r"image '0.png' needs more memory than there is; expected room"):
        build(log, out, PLAIN, CONFIG, 1, force=True, images=log.parent)
    monkeypatch.undo()
    assert contents(out) == before


@pytest.mark.parametrize(
    "fault", [duckdb.InterruptException("Interrupted!"), RuntimeError("Query interrupted")]
)
def test_an_interrupted_query_is_a_persons_interruption(fault: Exception) -> None:
    with pytest.raises(KeyboardInterrupt), plain_errors("reading", "expected"):
        raise fault


def test_a_dataset_and_a_home_that_cannot_be_written_can_be_read(out: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk is not permitted here")
    try:
        shutil.copytree(out, disk / "set")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code = (
            "import sys; from tasteprint.data.dataset import Dataset; data = Dataset(sys.argv[1]); "
            "user = data.users('test')[0]; votes = data.votes_of(user); data.images.open(votes[0].image_0); "
            "print(len(votes), len(data.prompts()), len(data.image_names()))"
        )
        command = [sys.executable, "-c", code, str(disk / "set")]
        shown = subprocess.run(command, env={**os.environ, "HOME": str(disk)}, capture_output=True, text=True)
        assert shown.stdout == "20 3 60\n", shown.stderr
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_pictures_added_later_are_not_the_old_datasets(log: Path, out: Path) -> None:
    """What a replacement stores is its own: the old folder's images are not kept beside it."""
    (log.parent / "0.png").write_bytes(picture(1000))
    build(log, out, PLAIN, CONFIG, 0, images=log.parent, force=True)
    assert len(list(out.glob("images/*/*"))) == 60
    assert all(image in ImageStore(out / "images") for image in Dataset(out).image_names())
