"""Commands killed at a random moment, and given again: by hand `python tests/kills.py 200`, a few in the suite.

Each is run once undisturbed, which gives the result and the time it takes; then, in a folder of its own, killed some
times in a row, each after a random share of that time, and run again to its end. What it leaves must be the same files
with the same contents, and no others.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tasteprint.data.dataset import Dataset
from tiny import command
from worlds import small_world

ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
}

UNSTEADY = {"seconds", "date", "command", "arguments", "eval_runtime", "train_runtime", "total_flos"}
"""In JSON: what says when, how fast and where something was made, and not what it is."""


def train(dataset: Dataset, out: Path) -> list[str]:
    """Both stages and a posterior as their teacher."""
    return command(dataset, out)


def posterior(dataset: Dataset, out: Path) -> list[str]:
    """A taste posterior."""
    settings = ("posterior.steps=5", "posterior.encoder=statistics", "posterior.prior=learned")
    return command(dataset, out, *settings, config="posterior")


def generate(dataset: Dataset, out: Path) -> list[str]:
    """Two steps of guidance by the bundled posterior."""
    person = [
        "--data",
        str(dataset.folder),
        "--user",
        dataset.users("test")[0],
        "--model",
        "mini-posterior",
        "--steps",
        "2",
    ]
    return [sys.executable, "-m", "tasteprint", "generate", "--prompt", "a fish", *person, "--out", str(out)]


def build(dataset: Dataset, out: Path) -> list[str]:
    """The dataset once more."""
    log = dataset.folder.parent / "log"
    given = [str(log / "votes.csv"), "--mapping", str(log / "mapping.toml"), "--out", str(out)]
    return [sys.executable, "-m", "tasteprint", "data", "build", *given]


def cache(dataset: Dataset, out: Path) -> list[str]:
    """A ranking, for which embeddings are kept: of these `compare` begins anew, and so only the ranking is compared."""
    images = dataset.folder / "images"
    given = [str(images), "--liked", str(next(images.rglob("*.png"))), "--out", str(out / "ranking.csv")]
    kept = f"TASTEPRINT_CACHE={dataset.folder / 'features/cache'}"
    return ["env", kept, sys.executable, "-m", "tasteprint", "rank", *given]


COMMANDS = {"train": train, "posterior": posterior, "generate": generate, "build": build, "cache": cache}

WHOLE = ("out/best.png", "out/summary.json")
"""Results that appear in one step, and in whose place no other is made."""


def run(arguments: list[str]) -> float:
    """Run a command to its end, which must be a good one; seconds."""
    began = time.monotonic()
    done = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    return time.monotonic() - began


def run_and_kill(arguments: list[str], seconds: float) -> bool:
    """Kill a command and all its children after so many seconds; whether it was still at work."""
    process = subprocess.Popen(
        arguments,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, and what is in it: of JSON what is steady."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _content(path) for path in files}


def _content(path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(_steady(json.loads(path.read_text("utf-8"))), sort_keys=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _steady(value: object) -> object:
    if isinstance(value, dict):
        kept = {
            key: _steady(one) for key, one in value.items() if key not in UNSTEADY and "per_second" not in key
        }
        return {key: one for key, one in kept.items() if not str(key).endswith("_runtime")}
    return [_steady(one) for one in value] if isinstance(value, list) else value


def compare(name: str, dataset: Dataset, place: Path, shares: list[float], in_a_row: int = 4) -> int:
    """Kill a command at these shares of its time; how many kills came before its end."""
    arguments = COMMANDS[name](dataset, place / name / "out")
    seconds, killed = run(arguments), 0
    expected = contents(place / name)
    for start in range(0, len(shares), in_a_row):
        shutil.rmtree(place / name)
        shutil.rmtree(dataset.folder / "features", ignore_errors=True)
        for share in shares[start : start + in_a_row]:
            killed += run_and_kill(arguments, share * seconds)
        if not any((place / name / file).exists() for file in WHOLE):
            run(arguments)
        found = contents(place / name)
        assert found == expected, (name, shares[start : start + in_a_row], changes(expected, found))
    return killed


def changes(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names of the files that are missing, too many or others."""
    return sorted({name for name, _ in set(expected.items()) ^ set(found.items())})


def main(count: int) -> None:
    """Kill `count` times in all, at moments of a seed that is printed."""
    seed = random.SystemRandom().randrange(10_000)
    moments, each = random.Random(seed), -(-count // len(COMMANDS))
    with tempfile.TemporaryDirectory() as place:
        dataset = small_world(Path(place) / "world")
        for name in COMMANDS:
            began = time.monotonic()
            killed = compare(name, dataset, Path(place), [moments.uniform(0.2, 1.05) for _ in range(each)])
            print(
                f"{name}: {killed} of {each} killed before the end, all the same; {time.monotonic() - began:.0f} s",
                flush=True,
            )
    print(f"seed {seed}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
