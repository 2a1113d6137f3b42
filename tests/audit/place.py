"""A place with everything that a command can be given, whole and odd, and the rules that every ending keeps."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import socket
import stat
from pathlib import Path

from front import run
from worlds import small_world

LIMIT = 60
"""Seconds after which a command hangs."""

OURS = re.compile(r"^(tasteprint|note): ")
BAR = re.compile(r"\d+%\|")
"""A progress bar, which is drawn over itself."""
USAGE = re.compile(r"(Error|Invalid value|No such option|Missing)")
KEPT = ("features",)
"""Folders in which a command keeps what it may make again; a refused one may leave them."""


class Place:
    """Folders that are only read: `photos`, `votes.csv`, `log`, `data`, and below `odd` what nobody expects."""

    def __init__(self, root: Path, pictures):
        self.root, self.odd = root, root / "odd"
        self.temporary, self.cache = root.parent / "temporary", root.parent / "cache"
        for folder in (root / "photos", self.odd, self.temporary):
            folder.mkdir(parents=True)
        for name, picture in list(pictures.items())[:12]:
            picture.save(root / f"photos/{name}.png")
        pairs = [f"photos/{2 * n}.png,photos/{2 * n + 1}.png" for n in range(4)]
        (root / "votes.csv").write_text("\n".join(["liked,disliked", *pairs]) + "\n")
        (root / "stars.csv").write_text("image,stars\nphotos/0.png,5\nphotos/1.png,1\n")
        self.dataset = small_world(root / "world")
        self.user = self.dataset.users("test")[0]
        self._odd()

    def _odd(self) -> None:
        odd = self.odd
        (odd / "empty").touch()
        (odd / "folder").mkdir()
        os.mkfifo(odd / "fifo")
        (odd / "zero").symlink_to("/dev/zero")
        (odd / "null").symlink_to("/dev/null")
        (odd / "loop").symlink_to("loop")
        (odd / "dangling").symlink_to("nowhere")
        (odd / "random").write_bytes(bytes(range(256)) * 16)
        (odd / "pickle").write_bytes(pickle.dumps({"a": 1}))
        (odd / "zeros").write_bytes(bytes(5000))
        (odd / "lfs").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        (odd / "prose").write_text("This is a letter, and no table.\nNothing; is here.\n")
        (odd / "full").mkdir()
        (odd / "full/kept.txt").write_text("kept")
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(odd)  # the path of a socket is short
            server.bind("socket")
            os.chdir(here)

    def words(self, work: Path) -> dict[str, str]:
        """What the braces in a command stand for."""
        return {
            "photos": str(self.root / "photos"), "picture": str(self.root / "photos/0.png"),
            "votes": str(self.root / "votes.csv"), "stars": str(self.root / "stars.csv"),
            "log": str(self.root / "world/log/votes.csv"), "mapping": str(self.root / "world/log/mapping.toml"),
            "data": str(self.dataset.folder), "user": self.user, "work": str(work),
        }  # fmt: skip

    def run(self, work: Path, *command, limit: int = LIMIT, **more):
        """Run a command in a folder of its own; its caches and temporary files are elsewhere."""
        words = self.words(work)
        filled = [part.format(**words) if isinstance(part, str) and "{" in part else part for part in command]
        env = {"TMPDIR": str(self.temporary), "TASTEPRINT_CACHE": str(self.cache), "HF_HUB_OFFLINE": "1"}
        return run(*filled, env=env, cwd=work, timeout=limit, text=False, **more)


def snapshot(*folders: Path) -> dict[str, tuple]:
    """Every name below, of what kind, how large and when changed; what may be kept is left out."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if not set(path.parts) & set(KEPT):
                about = path.lstat()
                time = about.st_mtime_ns if stat.S_ISREG(about.st_mode) else 0
                found[str(path)] = (stat.S_IFMT(about.st_mode), time and about.st_size, time)
    return found


def faults_of(done, expected: str) -> list[str]:
    """What is wrong with an ending: of "refused", "done" or "either"."""
    said, shown = (part.decode("utf-8", "replace") for part in (done.stderr, done.stdout))
    faults = [] if done.returncode in (0, 2, 130) else [f"exit code {done.returncode}"]
    if expected != "either" and done.returncode != {"refused": 2, "done": 0, "stopped": 130}[expected]:
        faults.append(f"exit code {done.returncode}, {expected} was expected")
    if "Traceback" in said + shown:
        faults.append("traceback")
    if done.returncode == 0 and shown.startswith(("{", "[")):
        json.loads(shown, parse_constant=lambda word: faults.append(f"JSON says {word}"))
    if done.returncode == 2:
        faults += _faults_of_sentence(said)
    return faults


def _faults_of_sentence(said: str) -> list[str]:
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.strip() and not BAR.search(line)]
    if not lines:
        return ["no sentence"]
    if USAGE.search(said) and "Usage:" in said:
        return []
    last = lines[-1]
    faults = [] if OURS.match(last) else [f"no sentence: {last[:200]}"]
    if "expected" not in last:
        faults.append("does not say what to do")
    if re.search(r"\[Errno|[A-Z]\w*Error:|<class|object at 0x|\\\\n", last):
        faults.append("speaks of Python")
    foreign = [line for line in lines if not OURS.match(line) and not line.startswith("  ")]
    return faults + ([f"other lines: {foreign[0][:200]}"] if foreign and OURS.match(last) else [])


def audit(place: Place, work: Path, command, expected: str, new=(), goes_on=(), **more):
    """Run a command and hold its ending against the rules; give what it printed.

    `new` is what it may make; `goes_on` what it may leave where it fails: the same command goes on from there.
    """
    before = snapshot(place.root, work)
    done = place.run(work, *command, **more)
    after = snapshot(place.root, work)
    faults = faults_of(done, expected)
    allowed = tuple(str(work / name) for name in (new if done.returncode == 0 else goes_on))
    changed = sorted(
        name for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) and not (allowed and name.startswith(allowed))
    )  # fmt: skip
    faults += [f"left or changed: {changed[:5]}"] if changed else []
    left = [path for path in place.temporary.iterdir() if not path.name.endswith(".txt")]
    faults += [f"left in the temporary folder: {[path.name for path in left]}"] if left else []
    for path in list(place.temporary.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    words = " ".join(part if isinstance(part, str) else repr(part) for part in command)
    assert not faults, (
        f"{'; '.join(faults)}\n  {words}\n  exit {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-700:]}"
    )
    return done
