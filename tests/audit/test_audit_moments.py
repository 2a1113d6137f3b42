"""Ctrl-C at many moments of every command, and two of everything at once."""

import os
import subprocess
import sys

import pytest
from place import audit, faults_of, snapshot

HISTORY = ("--history", "{votes}")
COMMANDS = {
    "build": ("data", "build", "{log}", "--mapping", "{mapping}", "--out", "{work}/out"),
    "guessed": ("data", "build", "{work}/long.csv", "--out", "{work}/out"),
    "look": ("data", "look", "{work}/long.csv", "--out", "{work}/out.toml"),
    "train": ("train", "--config", "posterior", "--set", "posterior.steps=30",
              "--data", "{data}", "--out", "{work}/out"),
    "evaluate": ("evaluate", "--model", "mini", "--data", "{data}", "--out", "{work}/out.json"),
    "rank": ("rank", "{photos}", *HISTORY, "--no-cache", "--out", "{work}/out.html"),
    "ask": ("ask", "{photos}", *HISTORY, "--no-cache", "--out", "{work}/out.csv"),
    "score": ("score", "{picture}", "--model", "mini", *HISTORY),
    "generate": ("generate", "--prompt", "a fish", *HISTORY, "--steps", "9", "--out", "{work}/out"),
    "agents": ("agents", "build", "--agents", "3", "--images", "2", "--steps", "2", "--out", "{work}/out"),
}  # fmt: skip

MOMENTS = (0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3.0)


def long_log(work):
    """Votes that take the database a while."""
    rows = (f"u{n % 300},a fish,i{n},j{n},{n % 2}" for n in range(60_000))
    (work / "long.csv").write_text("\n".join(["user_id,prompt,image_0,image_1,label_0", *rows]) + "\n")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_leaves_what_was_there(place, tmp_path, name, moment):
    long_log(tmp_path)
    stays = {"train": ("out",), "agents": ("out.part",)}.get(name, ())  # the same command goes on from there
    before = snapshot(place.root, tmp_path)
    done = place.run(tmp_path, *COMMANDS[name], interrupt=moment)
    after = snapshot(place.root, tmp_path)
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode in (0, 130), said[-500:]
    assert not faults_of(done, "either")
    if done.returncode == 130:
        assert said.splitlines()[-1].startswith("tasteprint: stopped"), said[-500:]
        left = {one for one in after if before.get(one) != after[one]} - {
            str(tmp_path / name) for name in stays
        }
        assert not [
            one for one in left if not one.startswith(tuple(str(tmp_path / name) for name in stays) or "-")
        ]
        assert not list(place.temporary.iterdir())


TWICE = {name: command for name, command in COMMANDS.items() if name not in ("score", "guessed")}


@pytest.mark.parametrize("name", TWICE)
def test_two_at_once(place, tmp_path, name):
    """Both end well, or one is told of the other; what is left is one whole result."""
    long_log(tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    command = TWICE[name]
    audit(
        place,
        alone,
        [part.replace("{work}/long.csv", str(tmp_path / "long.csv")) for part in command],
        "done",
        ("out",),
    )
    expected = names(alone)
    filled = [part.format(**place.words(tmp_path)) for part in command]
    environment = {
        **os.environ,
        "TMPDIR": str(place.temporary),
        "TASTEPRINT_CACHE": str(place.cache),
        "HF_HUB_OFFLINE": "1",
    }
    both = [
        subprocess.Popen([sys.executable, "-m", "tasteprint", *filled], env=environment, cwd=tmp_path,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    ends = [(process.communicate(timeout=120), process.returncode) for process in both]
    for (shown, said), code in ends:
        assert not faults_of(subprocess.CompletedProcess(filled, code, shown, said), "either"), said[-500:]
    assert 0 in [code for _, code in ends]
    (tmp_path / "long.csv").unlink()
    assert names(tmp_path, alone) == expected
    assert not list(place.temporary.iterdir())


def names(folder, but=None):
    """Names of all files, without those that are numbered at random."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*")
        if path.is_file() and not (but and path.is_relative_to(but))
    )  # fmt: skip
