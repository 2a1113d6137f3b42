"""Ground floor: the shape of every setting, read from a small TOML file that names the source of each number.

Enters: the name of a bundled config (`mini`, `idefics2-8b`, `posterior`) or a path, and `section.key=value` overrides.
Leaves: a frozen `Config`. Does not know: what the numbers are used for.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from tasteprint.checked import (
    Amount,
    Count,
    Fraction,
    Name,
    Positive,
    Rate,
    Seed,
    Share,
    Size,
    SizeOrNone,
    Switch,
    checked,
)

Schedule = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"
]  # fmt: skip
"""Those of transformers that need no further argument."""


@checked()
class DataConfig:
    """Which users, how they are split, and how an example is drawn."""

    history_length: SizeOrNone = 8
    min_liked: Count = 11
    validation: Fraction = 0.1
    test: Fraction = 0.1
    temporal: Switch = False


@checked()
class ModelConfig:
    """Which backbone, read in which words; `lora_r` 0 trains it whole, `lora_vision` its tower beside LoRA.

    `image_size` is the side of the square that pictures are squashed to before the backbone's own processor (P); 0
    leaves them as they are. `vision_weights` are put into the vision part of a backbone built from nothing: "eye", the
    bundled ones, or none.
    """

    backbone: Name = "mini"
    template: Name = "default"
    prompt_tokens: SizeOrNone = 100
    image_size: SizeOrNone = 48
    quantize: Switch = False
    lora_r: SizeOrNone = 0
    lora_alpha: Size = 8
    lora_dropout: Fraction = 0.1
    lora_vision: Switch = True
    vision_weights: Literal["", "eye"] = ""


@checked()
class TeacherConfig:
    """The taste posterior that the stages are distilled from (method.md section 11).

    `posterior` is a folder or Hub name of one, "learn" for one that the run learns first, as `[posterior]` says, or
    empty for none. The layers are counted from 1; the three weights, at least 0, are of utilities at images, beliefs at
    votes, and the soft label of a target pair's margin.
    """

    posterior: str = ""
    utility_layer: Size = 2
    posterior_layer: Size = 4
    utility_weight: Amount = 1.0
    posterior_weight: Amount = 1.0
    soft_label_weight: Amount = 1.0


@checked()
class PosteriorConfig:
    """The taste posterior (method.md section 10): on which embeddings, how large, learned from episodes how.

    `prior` is "learned", "estimated" (one taste, for few raters), "alone" (nobody's, `posterior/alone.py`) or "auto"
    (`posterior/cross_validation.py`).
    `components` is R and `features` d of a learned prior. An episode of learning takes 0 to `max_context` opinions of
    a person and predicts up to `max_targets` others.
    """

    encoder: Name = "photo"
    prior: Literal["auto", "learned", "estimated", "alone"] = "auto"
    components: Size = 16
    features: Size = 16
    hidden: Size = 64
    layers: SizeOrNone = 1
    steps: Count = 1000
    batch_size: Size = 128
    max_context: SizeOrNone = 16
    max_targets: Size = 8
    lr: Rate = 1e-2
    weight_decay: Amount = 0.3


@checked()
class GuideConfig:
    """How noise is optimised for a reward (method.md section 8): P's own weight and count of steps, the rest as ReNO.

    A step is one change of the noise; ReNO counts the image before the first one too. `weight` is what a person's own
    taste weighs, shared by all prints of the person. With `patience` n above 0 a noise ends after n steps without a
    better image.
    """

    steps: Size = 30
    weight: Amount = 0.75
    lr: Rate = 5.0
    momentum: Fraction = 0.9
    max_grad_norm: Amount = 0.1
    regulariser: Amount = 0.01
    patience: Count = 0


@checked()
class StageConfig:
    """One stage of training: what moves, for how long, by which loss.

    `warmup` is a number of steps, or below 1 a share of all; `max_grad_norm` 0 clips nothing.
    """

    steps: Count = 100
    batch_size: Size = 16
    targets: Size = 1
    gradient_accumulation_steps: Size = 1
    short_history_share: Share = 0.0
    lr: Rate = 1e-5
    weight_decay: Amount = 1e-2
    beta2: Fraction = 0.999
    warmup: Amount = 0.0
    schedule: Schedule = "constant"
    max_grad_norm: Amount = 1.0
    n_tokens: SizeOrNone = 0
    train_language: Switch = True
    train_vision: Switch = True
    train_tokens: Switch = False
    contrastive: Amount = 1.0
    history_labels: Amount = 0.0
    binary_loss: Switch = False
    checkpointing: Switch = False
    evaluate_every: Positive = 50
    evaluate_people: Positive = 32


@checked("config")
class Config:
    """Everything a run depends on, beside its data. `method` is the way to know a person.

    `init_from` is a model to go on from, by folder, Hub name or "mini"; empty for the backbone of `model` alone.
    """

    method: Literal["in-context", "posterior"] = "in-context"
    init_from: str = ""
    seed: Seed = 0
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    teacher: TeacherConfig = TeacherConfig()
    posterior: PosteriorConfig = PosteriorConfig()
    stage1: StageConfig = StageConfig()
    stage2: StageConfig = StageConfig()


def load_config(name: str | Path = "mini", overrides: tuple[str, ...] = ()) -> Config:
    """Read a bundled config by name, or a TOML file by path, then apply `section.key=value` overrides.

    Raises ValueError naming the unknown config, section or key, or the value of a wrong type.
    """
    try:
        table = tomllib.loads(_text(name))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ValueError(
            f"config {str(name)!r} is not TOML ({fault}); expected sections of settings: correct it."
        ) from fault
    for override in overrides:
        _override(table, override)
    return Config(**table)


def bundled_configs() -> list[str]:
    """Names of the configs that come with the package."""
    files = resources.files("tasteprint").joinpath("configs").iterdir()
    return sorted(item.name.removesuffix(".toml") for item in files if item.name.endswith(".toml"))


def _text(name: str | Path) -> str:
    if str(name) in bundled_configs():
        return resources.files("tasteprint").joinpath(f"configs/{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix != ".toml" or not path.is_file():
        known = ", ".join(bundled_configs())
        raise ValueError(
            f"config {str(name)!r} is not known; expected one of {known}, or the path of a .toml file."
        )
    return path.read_text("utf-8")


def _override(table: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise ValueError(
            f"setting {override!r} has no value; expected section.key=value, as in stage1.steps=100."
        )
    *sections, last = key.strip().split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ValueError(f"setting {override!r} lies in {section!r}; expected a section: correct it.")
    table[last] = _value(value.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
