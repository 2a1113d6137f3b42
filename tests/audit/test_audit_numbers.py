"""Every number of every command, and every setting of every config, with what a number never is."""

from dataclasses import fields, is_dataclass

import pytest
from place import audit

from tasteprint.config import Config, bundled_configs, load_config

COMMANDS = {
    "data build": ("{log}", "--mapping", "{mapping}", "--out", "{work}/out"),
    "agents build": ("--out", "{work}/out"),
    "evaluate": ("--model", "mini", "--data", "{data}"),
    "score": ("{picture}", "--model", "mini-posterior", "--history", "{votes}"),
    "rank": ("{photos}", "--votes", "{votes}"),
    "ask": ("{photos}", "--votes", "{votes}"),
    "generate": ("--prompt", "a fish", "--out", "{work}/out", "--history", "{votes}"),
    "demo": ("--out", "{work}/out"),
}

NUMBERS = {
    "data build": ("seed", "min-liked", "validation", "test"),
    "agents build": ("agents", "seed", "min-jaccard", "images", "size", "steps", "guidance"),
    "evaluate": ("history-length", "targets", "seed"),
    "score": ("history-length",),
    "rank": ("best", "history-length"),
    "ask": ("count", "seed"),
    "generate": (
        "history-length",
        "steps",
        "seed",
        "num-noises",
        "best-of",
        "weight",
        "pessimism",
        "patience",
        "size",
    ),
    "demo": ("people", "seed"),
}
NONE = ("nan", "inf", "-inf", "-1", "1e30", "1" + "0" * 40, "text", "", "1,5")


def numbers():
    for name, options in NUMBERS.items():
        for option in options:
            for value in NONE:
                command = (*name.split(), *COMMANDS[name], f"--{option}", value)
                yield pytest.param(command, id=f"{name}-{option}-{value[:5]}")


@pytest.mark.parametrize("command", list(numbers()))
def test_what_is_no_number_is_refused(place, tmp_path, command):
    audit(place, tmp_path, command, "refused")


WRONG = (
    "nan",
    "-inf",
    "inf",
    "-1",
    "1e30",
    "1" + "0" * 40,
    "[1]",
    "{a=1}",
    "1979-05-27",
    '"\\u0000"',
    "text",
)


def settings(kind=Config, path=()):
    for field in fields(kind):
        default = getattr(kind(), field.name)
        if is_dataclass(default):
            yield from settings(type(default), (*path, field.name))
        else:
            yield ".".join((*path, field.name)), default


TEXTS = ("init_from", "model.backbone", "model.template", "teacher.posterior", "posterior.encoder")
"""Settings that may be any text; what is behind the name is sought when it is opened."""


@pytest.mark.parametrize("config", bundled_configs())
@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("key", [key for key, _ in settings()])
def test_a_setting_that_cannot_be_is_refused(key, value, config):
    if key in TEXTS and value in ("text", '"\\u0000"'):
        assert load_config(config, (f"{key}={value}",))
        return
    with pytest.raises(ValueError) as fault:
        load_config(config, (f"{key}={value}",))
    said = str(fault.value)
    assert key.rpartition(".")[2] in said and "expected" in said and "\n" not in said


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(
    "section", ["seed", "data", "model", "teacher", "posterior", "stage1", "stage2", "stage1.lr"]
)
def test_a_refused_setting_leaves_no_run(place, tmp_path, section, value):
    audit(
        place,
        tmp_path,
        (
            "train",
            "--data",
            "{data}",
            "--out",
            "{work}/out",
            "--set",
            f"{section}={value}".replace("{", "{{").replace("}", "}}"),
        ),
        "refused",
    )
