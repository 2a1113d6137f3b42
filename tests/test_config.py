"""Settings: read from small files, checked, refused in one sentence."""

import dataclasses
import json
import math
import pickle
import re
from typing import Literal, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasteprint.config import Config, GuideConfig, StageConfig, bundled_configs, load_config

SETTINGS = {
    f"{section.name}.{field.name}": getattr(getattr(Config(), section.name), field.name)
    for section in dataclasses.fields(Config)
    if dataclasses.is_dataclass(getattr(Config(), section.name))
    for field in dataclasses.fields(getattr(Config(), section.name))
}
"""Every setting of every section, with its default."""

VALUES = st.one_of(
    st.booleans(), st.integers(-5, 5), st.floats(-2, 2), st.sampled_from(["", "eye", "auto", "x y"])
)


def written(value):
    """A value as TOML has it."""
    return json.dumps(value) if isinstance(value, bool | str) else repr(value)


def held(config, name):
    section, key = name.split(".")
    return getattr(getattr(config, section), key)


@pytest.mark.parametrize("name", bundled_configs())
def test_a_bundled_config_is_the_same_after_any_journey(name):
    config = load_config(name)
    assert pickle.loads(pickle.dumps(config)) == config == Config(**dataclasses.asdict(config))
    assert dataclasses.replace(config, stage1=dataclasses.replace(config.stage1, steps=7)).stage1.steps == 7


@given(name=st.sampled_from(sorted(SETTINGS)), value=VALUES)
def test_a_setting_is_taken_as_it_is_or_refused_in_one_sentence(name, value):
    try:
        config = load_config("mini", (f"{name}={written(value)}",))
    except ValueError as fault:
        assert str(fault).startswith(f"config.{name} is {value!r}; expected ")
        assert str(fault).endswith(": correct it.") and "\n" not in str(fault)
        return
    default, got = SETTINGS[name], held(config, name)
    assert got == value and type(got) is type(default)
    assert type(value) is type(default) or (type(value), type(default)) == (int, float)
    others = set(SETTINGS) - {name}
    assert all(held(config, other) == held(load_config("mini"), other) for other in others)


@given(
    section=st.sampled_from(["", "data.", "model.", "teacher.", "posterior.", "stage1.", "stage2."]),
    key=st.from_regex(r"[a-z][a-z_0-9]{0,12}", fullmatch=True),
    value=VALUES,
)
def test_an_unknown_setting_is_always_refused(section, key, value):
    names = {name.removeprefix(section) for name in SETTINGS} | {
        field.name for field in dataclasses.fields(Config)
    }
    if key in names:
        return
    with pytest.raises(
        ValueError, match=rf"^config.* has no setting '{key}'; expected one of .*: correct it\.$"
    ):
        load_config("mini", (f"{section}{key}={written(value)}",))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("stage1", "setting 'stage1' has no value; expected section.key=value"),
        ("seed.x=1", "setting 'seed.x=1' lies in 'seed'; expected a section"),
        ("stage1=4", "config.stage1 is 4; expected a section of settings"),
        ("method=guess", "config.method is 'guess'; expected one of in-context, posterior"),
        ("stage1.steps=many", "config.stage1.steps is 'many'; expected a whole number"),
        ("stage1.lr=fast", "config.stage1.lr is 'fast'; expected a number"),
        ("stage1.lr=inf", "config.stage1.lr is inf; expected a finite number"),
        ("stage1.binary_loss=1", "config.stage1.binary_loss is 1; expected true or false"),
        ("data.test=1.5", "config.data.test is 1.5; expected a number below 1"),
        ("eye.steps=3", "config has no setting 'eye'"),
    ],
)
def test_what_is_wrong_is_said(override, sentence):
    with pytest.raises(ValueError) as fault:
        load_config("mini", (override,))
    assert str(fault.value).startswith(sentence)


def test_settings_made_in_code_are_checked_too():
    with pytest.raises(ValueError, match=r"^weight is nan; expected a finite number: correct it\.$"):
        GuideConfig(weight=math.nan)
    with pytest.raises(ValueError, match=r"^steps is 0; expected a number of at least 1: correct it\.$"):
        dataclasses.replace(GuideConfig(), steps=0)
    with pytest.raises(ValueError, match=r"^StageConfig has no setting 'step'; expected one of steps, "):
        StageConfig(step=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        GuideConfig().steps = 3


def test_a_config_that_is_no_config(tmp_path):
    (tmp_path / "own.toml").write_text("seed = ")
    with pytest.raises(ValueError, match="is not TOML"):
        load_config(tmp_path / "own.toml")
    with pytest.raises(
        ValueError, match=r"expected one of idefics2-8b, mini, posterior, or the path of a \.toml file"
    ):
        load_config("maxi")


def test_every_number_has_a_least_and_a_most_and_every_word_is_one_of_few_or_a_name():
    free = {"init_from", "teacher.posterior", "model.vision_weights"}
    for section in (Config(), GuideConfig()):
        for name, annotation in annotations(section):
            bounds = "".join(map(repr, getattr(annotation, "__metadata__", ())))
            if get_origin(annotation) is Literal or name in free or annotation.__origin__ is bool:
                continue
            if annotation.__origin__ is str:
                assert "min_length=1" in bounds, name
            else:
                assert re.search(r"\bg[et]=", bounds) and re.search(r"\bl[et]=", bounds), name


def annotations(section, path=""):
    """Every setting's dotted name and annotation."""
    for name, annotation in get_type_hints(type(section), include_extras=True).items():
        value = getattr(section, name)
        if dataclasses.is_dataclass(value):
            yield from annotations(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", annotation


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("stage1.lr=-1", "config.stage1.lr is -1; expected a number of at least 0"),
        ("stage1.lr=1e300", "config.stage1.lr is 1e+300; expected a number of at most 1,000"),
        ("stage1.contrastive=nan", "config.stage1.contrastive is nan; expected a finite number"),
        ("stage1.targets=0", "config.stage1.targets is 0; expected a number of at least 1"),
        ("stage1.max_grad_norm=-1", "config.stage1.max_grad_norm is -1; expected a number of at least 0"),
        ("stage1.beta2=1", "config.stage1.beta2 is 1; expected a number below 1"),
        ("stage1.schedule=foo", "config.stage1.schedule is 'foo'; expected one of linear, cosine"),
        ("posterior.components=0", "config.posterior.components is 0; expected a number of at least 1"),
        ("posterior.batch_size=1000000", "config.posterior.batch_size is 1000000; expected a number of at most 10,000"),
        ("seed=4294967296", "config.seed is 4294967296; expected a number below 4,294,967,296"),
        ("model.backbone=''", "config.model.backbone is ''; expected a name"),
    ],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_refused(override, sentence):
    with pytest.raises(ValueError) as fault:
        load_config("mini", (override,))
    assert str(fault.value).startswith(sentence)
