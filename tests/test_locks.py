"""One writer a folder: the second is refused by name, a dead one is no obstacle, nothing is left."""

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from tasteprint.locks import held, is_lock, lock_file

HOLD = """if True:
    import sys, time
    from pathlib import Path
    from tasteprint.locks import held
    with held(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(600)
"""


def holder(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_process_is_told_by_whom_and_a_killed_owner_is_no_obstacle(tmp_path):
    folder = tmp_path / "run"
    process = holder(folder)
    try:
        with (
            pytest.raises(
                ValueError, match=rf"'{folder}' is being written by process {process.pid} on this machine"
            ),
            held(folder),
        ):
            pytest.fail("held twice")
    finally:
        kill(process)
    assert lock_file(folder).exists()  # what a kill leaves
    with held(folder):
        assert lock_file(folder).read_text() == f"{os.getpid()}\n{socket.gethostname()}\n"
    assert not list(tmp_path.iterdir())


def test_names_of_one_folder_are_one_lock_and_another_folder_is_another(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path / "a")
    for name in (tmp_path / "link", Path(), Path("../a")):
        with held(tmp_path / "a"), pytest.raises(ValueError, match=f"by process {os.getpid()}"), held(name):
            pytest.fail("held twice")
    with held(tmp_path / "a"), held(tmp_path / "b"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"a", "link"}


def test_the_folder_may_be_replaced_while_it_is_held(tmp_path):
    folder, new = tmp_path / "data", tmp_path / "new"
    folder.mkdir()
    new.mkdir()
    with held(folder):
        folder.rmdir()
        new.rename(folder)
        with pytest.raises(ValueError, match="one at a time"), held(folder):
            pytest.fail("held twice")
    assert list(tmp_path.iterdir()) == [folder]


def test_it_is_let_go_when_the_body_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), held(tmp_path / "run"):
        raise KeyboardInterrupt
    with held(tmp_path / "run"):
        pass


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that knows no locks."""

    def refuse(self):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.UnixFileLock, "_acquire", refuse)


def test_without_locks_of_the_file_system_the_file_is_the_lock(tmp_path, no_locks):
    folder = tmp_path / "run"
    with (
        held(folder),
        pytest.raises(ValueError, match=f"by process {os.getpid()} on this machine"),
        held(folder),
    ):
        pytest.fail("held twice")
    assert not list(tmp_path.iterdir())
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.communicate()
    lock_file(folder).write_text(f"{process.pid}\n{socket.gethostname()}\n")
    with held(folder):  # its owner was here and is gone
        pass
    lock_file(folder).write_text("1\nelsewhere\n")
    with (
        pytest.raises(
            ValueError,
            match=r"process 1 on machine 'elsewhere'.*if that process is gone: remove '.*\.run\.lock'",
        ),
        held(folder),
    ):
        pytest.fail("held twice")


def test_a_folder_whose_parent_is_shut_is_held_inside(tmp_path, monkeypatch):
    from tasteprint import locks

    monkeypatch.setattr(locks, "lock_file", lambda folder: (tmp_path / "shut") / "x")
    shut = OSError(errno.EROFS, "Read-only file system")
    real = locks._taken

    def taken(folder, path):
        if path.parent.name == "shut":
            raise shut
        return real(folder, path)

    monkeypatch.setattr(locks, "_taken", taken)
    folder = tmp_path / "run"
    with (
        pytest.raises(OSError, match=r"^locking folder .*run' failed \(Read-only file system\)"),
        held(folder),
    ):
        pytest.fail("there is no place for a lock")
    folder.mkdir()
    with held(folder):
        assert [is_lock(path) for path in folder.iterdir()] == [True]
    assert not list(folder.iterdir())
