"""What a picture of the simulated world can be: its dimensions, their values, and the subjects of prompts.

Enters: nothing. Leaves: the taxonomy as data, `Attributes` of one picture, one flat indexing of all values.
Does not know: how anything is painted, or who likes what.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "palette": ("sunset", "ocean", "forest", "candy", "monochrome", "neon"),
    "style": ("flat", "outlined", "dotted", "hatched"),
    "composition": ("centred", "corner", "pattern", "pair"),
    "background": ("plain", "sky", "busy"),
}
"""The dimensions of taste. The order is that of every index in this room."""

SUBJECTS: tuple[str, ...] = ("house", "tree", "fish", "star", "boat", "flower", "mountain", "cup")
"""What a prompt asks for. Both pictures of a vote share it, so that it carries no taste."""

READABLE: dict[str, tuple[str, ...]] = {**DIMENSIONS, "subject": SUBJECTS}
"""All that an eye can be taught to read from a picture: the dimensions of taste, then the subject."""

VALUES: tuple[tuple[str, str], ...] = tuple(
    (name, value) for name, values in DIMENSIONS.items() for value in values
)
"""Every (dimension, value), in the flat order of `one_hot` and of a person's utilities."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """One value for each dimension. ValueError for a value that the taxonomy does not name."""

    palette: str
    style: str
    composition: str
    background: str

    def __post_init__(self) -> None:
        """Refuse a value that cannot be painted."""
        for name, value in self.as_dict().items():
            require_value(name, value)

    def as_dict(self) -> dict[str, str]:
        """Dimension to value, in the order of `DIMENSIONS`."""
        return {name: getattr(self, name) for name in DIMENSIONS}


def require_value(dimension: str, value: str) -> int:
    """Position of a value in its dimension (`"subject"` is one too). ValueError where there is none."""
    if dimension not in READABLE:
        raise ValueError(
            f"dimension {dimension!r} is unknown; expected one of {list(READABLE)}: correct the name."
        )
    if value not in READABLE[dimension]:
        raise ValueError(
            f"{dimension} {value!r} is unknown; expected one of {list(READABLE[dimension])}: choose one."
        )
    return READABLE[dimension].index(value)


def attributes_from(values: dict[str, str]) -> Attributes:
    """Attributes from dimension -> value. ValueError for a dimension too many, missing or unknown."""
    if set(values) != set(DIMENSIONS):
        raise ValueError(
            f"attributes name {sorted(values)}; expected exactly {sorted(DIMENSIONS)}: "
            "give each dimension one value."
        )
    return Attributes(**values)


def prompt(subject: str) -> str:
    """The prompt that asks for a subject: `a fish`. ValueError for an unknown subject."""
    require_value("subject", subject)
    return f"a {subject}"


def one_hot(attributes: Attributes) -> Float[np.ndarray, " values"]:
    """Ones at the picture's values, zeros elsewhere, in the order of `VALUES`."""
    chosen = set(attributes.as_dict().items())
    return np.array([float(value in chosen) for value in VALUES])


def labels(attributes: Attributes, subject: str) -> Int[np.ndarray, " readable"]:
    """Position of each value in its dimension, then of the subject: the columns of `READABLE`."""
    named = {**attributes.as_dict(), "subject": subject}
    return np.array([require_value(name, value) for name, value in named.items()], dtype=np.int64)
