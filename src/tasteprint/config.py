"""Ground floor: the shape of every setting, read from a small TOML file that names the source of each number.

Enters: the name of a bundled config (`mini`, `idefics2-8b`, `posterior`) or a path, and `section.key=value` overrides.
Leaves: a frozen `Config`. Does not know: what the numbers are used for.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which users, how they are split, and how an example is drawn."""

    history_length: int = 8
    min_liked: int = 11
    validation: float = 0.1
    test: float = 0.1
    temporal: bool = False


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which backbone, read in which words; `lora_r` 0 trains it whole, `lora_vision` its tower beside LoRA."""

    backbone: str = "mini"
    template: str = "default"
    prompt_tokens: int = 100
    image_size: int = 48
    quantize: bool = False
    lora_r: int = 0
    lora_alpha: int = 8
    lora_dropout: float = 0.1
    lora_vision: bool = True


@dataclass(frozen=True, slots=True)
class EyeConfig:
    """What the vision part knows before the stages: the bundled eye's weights, then a lesson of so many steps."""

    bundled: bool = False
    steps: int = 0
    pictures: int = 20_000
    batch: int = 128
    lr: float = 2e-3


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The taste posterior that teaches the stages by belief supervision (method.md section 11).

    `posterior` is a folder or Hub name of one, "learn" for one that the run learns first, as `[posterior]` says, or
    empty for none. The layers are counted from 1; the three weights, at least 0, are of utilities at images, beliefs at
    votes, and the soft label of a target pair's margin.
    """

    posterior: str = ""
    utility_layer: int = 2
    posterior_layer: int = 4
    utility_weight: float = 1.0
    posterior_weight: float = 1.0
    soft_label_weight: float = 1.0

    def __post_init__(self) -> None:
        """ValueError for a weight that is negative or not a number."""
        for name in ("utility_weight", "posterior_weight", "soft_label_weight"):
            weight = getattr(self, name)
            if not 0 <= weight < float("inf"):
                raise ValueError(f"teacher.{name} is {weight}; expected a weight of at least 0: correct it.")


@dataclass(frozen=True, slots=True)
class PosteriorConfig:
    """The taste posterior (method.md section 10): on which embeddings, how large, learned from episodes how.

    `prior` is "learned", "estimated" (one taste, for few raters) or "auto" (`taste/crossval.py`). `components` is R,
    `features` d. An episode of learning takes 0 to `max_context` opinions of a person and foresees up to `max_targets` others.
    """

    encoder: str = "eye"
    prior: str = "auto"
    components: int = 16
    features: int = 16
    hidden: int = 64
    layers: int = 1
    steps: int = 1000
    batch_size: int = 128
    max_context: int = 16
    max_targets: int = 8
    lr: float = 1e-2
    weight_decay: float = 0.3


@dataclass(frozen=True, slots=True)
class GuideConfig:
    """How noise is optimised for a reward (method.md section 8): P's own weight and count of steps, the rest as ReNO.

    A step is one change of the noise; ReNO counts the image before the first one too. `weight` is what a person's own
    taste weighs, shared by all prints of the person. With `patience` n above 0 a noise ends after n steps without a
    better image.
    """

    steps: int = 30
    weight: float = 0.75
    lr: float = 5.0
    momentum: float = 0.9
    max_grad_norm: float = 0.1
    regulariser: float = 0.01
    patience: int = 0

    def __post_init__(self) -> None:
        """ValueError for no step, and for a number that is negative or not finite."""
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; expected at least 1: raise the number.")
        for name in ("weight", "lr", "momentum", "max_grad_norm", "regulariser", "patience"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(
                    f"{name} is {getattr(self, name)}; expected a number of at least 0: correct it."
                )


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage of training: what moves, for how long, by which loss."""

    steps: int = 100
    batch_size: int = 16
    targets: int = 1
    gradient_accumulation_steps: int = 1
    short_history_share: float = 0.0
    lr: float = 1e-5
    weight_decay: float = 1e-2
    beta2: float = 0.999
    warmup: float = 0.0
    schedule: str = "constant"
    max_grad_norm: float = 1.0
    n_tokens: int = 0
    train_language: bool = True
    train_vision: bool = True
    train_tokens: bool = False
    contrastive: float = 1.0
    history_labels: float = 0.0
    binary_loss: bool = False
    checkpointing: bool = False
    evaluate_every: int = 50
    evaluate_people: int = 32


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a run depends on, beside its data. `method` is one of `METHODS`: the way to know a person.

    `init_from` is a model to go on from, by folder, Hub name or "mini"; empty for the backbone of `model` alone.
    """

    method: str = "in-context"
    init_from: str = ""
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    eye: EyeConfig = field(default_factory=EyeConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    posterior: PosteriorConfig = field(default_factory=PosteriorConfig)
    stage1: StageConfig = field(default_factory=StageConfig)
    stage2: StageConfig = field(default_factory=StageConfig)


METHODS = ("in-context", "posterior")


def load_config(name: str | Path = "mini", overrides: tuple[str, ...] = ()) -> Config:
    """Read a bundled config by name, or a TOML file by path, then apply `section.key=value` overrides.

    Raises ValueError naming the unknown config, section or key, or the value of a wrong type.
    """
    table = tomllib.loads(_text(name))
    for override in overrides:
        _override(table, override)
    config: Config = _build(Config, table, "config")
    if config.method not in METHODS:
        raise ValueError(f"config.method is {config.method!r}; expected one of {', '.join(METHODS)}.")
    return config


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
    table[last] = _value(value.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _build(kind: type, table: dict[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ValueError(f"{where} has no setting {unknown[0]!r}; expected one of {', '.join(hints)}.")
    values = {key: _checked(value, hints[key], f"{where}.{key}") for key, value in table.items()}
    return kind(**values)


def _checked(value: Any, kind: type, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is {value!r}; expected a section of settings.")
        return _build(kind, value, where)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{where} is {value!r}; expected {kind.__name__}.")
    return value
