"""Whole or absent: files and folders, whatever ends the writing."""

import errno
import json
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from logs import small_disk  # noqa: F401
from tasteprint.files import whole, write_bytes, write_folder, write_json
from tasteprint.tensor_files import write_tensors


def test_a_file_is_replaced_in_one_step_and_stays_when_writing_fails(tmp_path):
    path = tmp_path / "new" / "file"
    write_bytes(path, b"old")
    with pytest.raises(KeyboardInterrupt), whole(path) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]
    write_json(path, {"é": [1]})
    assert json.loads(path.read_text("utf-8")) == {"é": [1]} and path.read_bytes().endswith(b"}\n")
    write_tensors(path, {"x": torch.arange(6).view(2, 3).T}, {"format": "1"})
    assert torch.equal(load_file(path)["x"], torch.arange(6).view(2, 3).T)
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "below", tmp_path / ("a" * 250)):
        with pytest.raises(
            OSError, match=r"^writing .* failed \(.*\); expected room and a writable folder: .*\.$"
        ) as fault:
            write_bytes(path, b"")
        assert fault.value.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_really_full_disk_leaves_nothing(small_disk):  # noqa: F811
    with pytest.raises(OSError, match="No space left on device"):
        write_tensors(small_disk / "big", {"x": torch.zeros(1_000_000)})
    assert not list(small_disk.iterdir())


def test_an_empty_folder_is_taken_and_a_fault_in_the_middle_leaves_it_empty(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(TypeError):
        write_folder(out, {"a": b"1", "b": "no bytes"})
    assert list(tmp_path.iterdir()) == [out] and not list(out.iterdir())
    write_folder(out, {"a": b"1"})
    assert (out / "a").read_bytes() == b"1" and list(tmp_path.iterdir()) == [out]
    with pytest.raises(OSError, match=r"writing .* failed \(Directory not empty\)"):
        write_folder(out, {"a": b"2"})
    assert (out / "a").read_bytes() == b"1" and list(tmp_path.iterdir()) == [out]


def test_kill_9_leaves_nothing_under_the_name(tmp_path):
    code = f"""if True:
        import os, signal
        from pathlib import Path
        from tasteprint.files import write_folder

        class Deadly(dict):
            def items(self):
                yield "best.png", b"whole"
                os.kill(os.getpid(), signal.SIGKILL)

        write_folder(Path({str(tmp_path / "out")!r}), Deadly())
    """
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    write_folder(tmp_path / "out", {"best.png": b"whole"})
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["best.png"]
