"""Every option of every command acts: a value that it cannot have is refused by name, or a test shows what it does.

A new option without an entry here fails the first test.
"""

from pathlib import Path

import pytest
import typer

from tasteprint.cli.main import app

TESTS = Path(__file__).parent

FRONT, GENERATE, RANK, AGENTS = (
    f"test_{name}.py" for name in ("front", "generate", "rank_command", "agents")
)

MODEL, BOUNDS = ("no/such", "could not be opened"), "expected 0 to "

CSV, FOLDER = ("no-such.csv", "no-such.csv"), ("no-such", "no-such")

OPTIONS = {
    "data build": {
        "--out": "test_build.py", "--mapping": ("no-such", "mapping 'no-such'"), "--column": ("x", "'x'"),
        "--images": "test_votes.py", "--seed": (-1, BOUNDS), "--min-liked": (-1, "min_liked is -1"),
        "--validation": (2, "validation is 2"), "--test": (2, "test is 2"), "--temporal": "test_build.py",
        "--strict": "test_build.py", "--constant": "test_build_options.py",
        "--force": "test_build.py", "--json": "test_build.py",
    },
    "data look": {"--mapping": "test_look.py", "--out": "test_look.py"},
    "data convert": {"--out": "test_frames.py"},
    "agents build": {
        "--out": AGENTS, "--agents": (0, "agents is 0; expected 1 to 1,000"), "--seed": (-1, BOUNDS),
        "--min-jaccard": ("nan", BOUNDS), "--images": (0, "expected 1 to 1,000"),
        "--generator": ("no-such", "no-such"), "--size": (1, "expected 8 to 4,096"),
        "--steps": (0, "expected 1 to 1,000"), "--guidance": ("inf", BOUNDS),
    },
    "train": {
        "--data": ("no-such", "dataset 'no-such' is not there"), "--out": FRONT,
        "--config": ("maxi", "config 'maxi' is not known"), "--set": ("stage1.lr=inf", "stage1.lr is inf"),
        "--report-to": "test_resume.py", "--json": FRONT,
    },
    "evaluate": {
        "--model": FRONT, "--data": ("no-such", "dataset 'no-such' is not there"), "--split": FRONT,
        "--history-length": (-1, BOUNDS), "--targets": (0, "expected 1 to 10,000"), "--seed": (-1, BOUNDS),
        "--temporal": "test_histories.py", "--baseline": FRONT, "--out": FRONT, "--json": FRONT,
    },
    "score": {
        "--model": MODEL, "--votes": ("no-such.csv", "no-such.csv"), "--stars": ("no-such.csv", "no-such.csv"),
        "--liked": ("no-such", "no-such"), "--disliked": ("no-such", "no-such"),
        "--scorer": ("beauty", "both a model and a scorer"),
        "--weights": ("no-such", "without a scorer"), "--device": ("banana", "without a scorer"),
        "--data": ("no-such", "missing or named twice"),
        "--user": ("ann", "missing or named twice"), "--prompt": ("\udcff", "not UTF-8"),
        "--history-length": (-1, BOUNDS), "--json": FRONT,
    },
    "rank": {
        "--liked": RANK, "--disliked": RANK, "--votes": RANK, "--stars": CSV,
        "--model": MODEL, "--out": ("x.doc", "x.doc"), "--best": (0, "best is 0; expected 1 to"), "--copy-to": RANK,
        "--data": ("no-such", "missing or named twice"), "--user": ("ann", "missing or named twice"),
        "--prompt": ("\udcff", "not UTF-8"), "--history-length": (-1, BOUNDS), "--no-cache": FRONT, "--json": RANK,
        "--scorer": ("beauty", "no scorer 'beauty'"), "--weights": ("no-such", "without a scorer"),
        "--device": ("banana", "without a scorer"), "--shared": "test_verdict.py",
        "--write-xmp": "test_likes_command.py", "--dry-run": "test_likes_command.py",
    },
    "ask": {
        "--liked": RANK, "--disliked": RANK, "--votes": RANK, "--stars": CSV,
        "--model": MODEL, "--count": (0, "count is 0; expected 1 to"), "--out": ("x.doc", "x.doc"),
        "--seed": (-1, BOUNDS), "--no-cache": FRONT, "--json": RANK, "--shared": "test_verdict.py",
    },
    "likes": {
        "--out": "test_likes_command.py", "--moved": "test_likes_command.py",
        "--rejected-are-disliked": "test_likes_command.py",
    },
    "cache": {"--empty": RANK},
    "generate": {
        "--prompt": ("\udcff", "not UTF-8"), "--out": GENERATE, "--votes": ("no-such.csv", "no-such.csv"),
        "--stars": ("no-such.csv", "no-such.csv"), "--liked": ("no-such", "no-such"),
        "--disliked": ("no-such", "no-such"),
        "--data": ("no-such", "missing or named twice"), "--user": ("ann", "missing or named twice"),
        "--history-length": (10_001, BOUNDS), "--model": GENERATE, "--generator": GENERATE,
        "--steps": (0, "steps is 0"), "--seed": (-1, BOUNDS), "--num-noises": (1_000_000_000, "expected 1 to 1,000"),
        "--best-of": (-1, BOUNDS), "--loss": ("square", "loss 'square'"), "--weight": ("nan", "weight is nan"),
        "--pessimism": (-1, "pessimism is -1"), "--reward": ("beauty=1", "beauty=1"),
        "--patience": (-1, "patience is -1"), "--size": (7, "expected 8 to 4,096"), "--dtype": ("int8", "int8"),
        "--device": ("banana", "banana"), "--checkpointing": "test_generators.py", "--slicing": "test_generators.py",
        "--offload": "test_generators.py",
    },
    "demo": {
        "--out": FRONT, "--set": ("stage1.lr=inf", "stage1.lr is inf"), "--people": (0, "expected 20 to"),
        "--seed": (-1, BOUNDS),
    },
}  # fmt: skip
"""A value that is refused, and words of the sentence; or the file of the tests that show what the option does."""


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def options(command):
    return {one.opts[0] for one in command.params if one.opts[0].startswith("-") and one.name != "help"}


def test_every_option_has_an_entry():
    assert {name: options(command) for name, command in COMMANDS.items()} == {
        name: set(table) for name, table in OPTIONS.items()
    }


def test_every_file_that_shows_an_option_names_it():
    for table in OPTIONS.values():
        for option, file in table.items():
            if isinstance(file, str):
                words = option.removeprefix("--").replace("-", "_")
                text = (TESTS / file).read_text("utf-8")
                assert option in text or words in text, (option, file)


REFUSED = [
    (command, option, *entry)
    for command, table in OPTIONS.items()
    for option, entry in table.items()
    if isinstance(entry, tuple)
]


@pytest.fixture(scope="module")
def needed(dataset, tmp_path_factory):
    """What each command must be given, beside the option that is tried."""
    here = tmp_path_factory.mktemp("given")
    (here / "votes.csv").write_text("liked,disliked\na.png,b.png\n")
    (here / "log.csv").write_text("user_id,prompt,image_0,image_1,label_0\n")
    picture = here / "a.png"
    picture.write_bytes((next(dataset.folder.glob("images/**/*.png"))).read_bytes())
    (here / "b.png").write_bytes(picture.read_bytes())
    votes, data = ["--history", here / "votes.csv"], ["--data", dataset.folder]
    return here, {
        "data build": [here / "log.csv", "--out", here / "out"],
        "agents build": ["--out", here / "out"],
        "train": [*data, "--out", here / "out"],
        "evaluate": ["--model", "mini", *data],
        "score": [picture, "--model", "mini", *votes],
        "rank": [picture, *votes],
        "ask": [picture],
        "generate": ["--prompt", "a fish", "--out", here / "out", *votes],
        "demo": ["--out", here / "out"],
    }


@pytest.mark.parametrize(("command", "option", "value", "sentence"), REFUSED)
def test_a_value_that_an_option_cannot_have_is_refused(needed, command, option, value, sentence, monkeypatch):
    here, given = needed
    monkeypatch.chdir(here)
    before = {path.name for path in here.iterdir()}
    arguments = [*command.split(), *map(str, given[command]), option, str(value)]
    with pytest.raises((ValueError, OSError)) as fault:
        app(arguments, standalone_mode=False)
    assert sentence in str(fault.value)
    assert {path.name for path in here.iterdir()} == before  # nothing is left of what was refused
