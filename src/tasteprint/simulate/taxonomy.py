"""What a picture of the simulated world can be, and the words for it: dimensions, their values, subjects, prompts.

Enters: nothing; a prompt to be read. Leaves: the taxonomy as data, `Attributes` of one picture, one flat indexing of
all values, prompts. Does not know: how anything is painted, or who likes what.

A prompt is a subject and one phrase for each dimension that is named, in the order of `PHRASE_ENDS`, as in
`a fish, Ukiyo-e style, Oceanic Tones palette, Symmetry composition, Polished execution, Intricate detail,
Cerulean hues, Watercolor medium`. The last word tells the dimension, since `Yellow` is in two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "style": ("Color Field Painting", "Art Deco", "Ukiyo-e", "Cubism", "Aboriginal Art", "Anime/Manga"),
    "palette": ("Oceanic Tones", "Neon", "Urban Industrial", "Pastels", "Earthy Palettes", "Vibrant Colors"),
    "composition": ("Centralized", "Rule of Thirds", "Grid-Based Layouts", "Symmetry"),
    "detail": ("Simplified", "Intricate", "Blurred"),
    "hue": ("Crimson", "Yellow", "Forest Green", "Cerulean", "Magenta"),
    "medium": ("Digital", "Watercolor", "Weaving", "Woodcut"),
}  # fmt: skip
"""The dimensions of taste that the painter has rules for. The order is that of every index in this room."""

PAPER: dict[str, tuple[str, ...]] = {
    "style": (
        *DIMENSIONS["style"],
        "Surrealism", "Romanticism", "Contemporary Abstraction", "Ancient Greek Art", "Baroque Art",
        "Abstract Expressionism", "Social Realism", "Mesoamerican Art", "Oceanic Art",
        "Traditional African Art", "Islamic Art", "Land Art", "Situationist Art", "Performance Art",
        "Naive Art", "Fauvism",
    ),
    "palette": (
        *DIMENSIONS["palette"],
        "Muted Shades", "Turquoise", "Deep Sea Blue", "Ocean Green", "Laser Blue", "Hot Magenta",
        "Electric Lime", "Alloy Silver", "Iron Black", "Charcoal Black", "Jet", "Mint Green", "Peach",
        "Buttercream", "Pink", "Dusty Rose", "Faded Denim", "Deep Indigo", "Jungle Green", "Vivid Purple",
        "Radiant Red", "Yellow",
    ),
    "composition": (
        *DIMENSIONS["composition"],
        "Invented Space", "Real Space", "Dynamic Tension", "Static Tension", "Pictorial", "Installation",
        "Foreground", "Background Contrast", "Negative Space", "Deep Space", "Shallow Space", "Closed Space",
        "Balanced", "Fragmented", "Rhythmic", "Illusion of Depth", "Golden Ratio",
    ),
    "skill": (
        "Rigorous", "Intuitive", "Spontaneous", "Experimental", "Polished", "Effortless", "Graceful",
        "Heavy-handed", "Sophisticated", "Controlled", "Inventive", "Free-flowing", "Powerful", "Meticulous",
        "Classic",
    ),
    "detail": (
        *DIMENSIONS["detail"],
        "Tactile", "Sharp", "Subtle", "Elaborate", "Vivid", "Defined", "Smooth", "Muted", "Textured",
        "Unfocused", "Ethereal", "Soft", "Expressive", "Fine", "Abstracted",
    ),
    "hue": (
        *DIMENSIONS["hue"],
        "Turquoise", "Burgundy", "Indigo", "Slate Gray", "Orange", "Blue", "Gold", "Emerald", "Teal", "Slate",
    ),
    "medium": (
        *DIMENSIONS["medium"],
        "Mixed Media", "Found Object", "Assemblage", "Printmaking", "Lithography", "3D", "Virtual Reality",
        "Traditional Painting", "Tempera", "Textile Arts", "Embroidery", "Ceramics", "Sculpture", "Drawing",
        "Collage", "Metal", "Crocheting", "Drypoint", "Decoupage", "Cyanotype", "Glass", "3D Modeling",
        "Digital Collage", "Ink", "Polaroid", "Spray Paint",
    ),
}  # fmt: skip
"""Every attribute named in P tables 7 and 8, by the seven dimensions of table 7.

A name that stands for two things (`Dynamic/Static Tension`) is two attributes; one that stands in two dimensions
(`Turquoise`) is one in each. All that `DIMENSIONS` does not name is words only: a text-to-image model can be asked
for it, the painter cannot.
"""

SUBJECTS: tuple[str, ...] = ("house", "tree", "fish", "star", "boat", "flower", "mountain", "cup")
"""What a prompt asks for. Both pictures of a vote share it, so that it carries no taste."""

READABLE: dict[str, tuple[str, ...]] = {**DIMENSIONS, "subject": SUBJECTS}
"""All that an eye can be taught to read from a picture: the dimensions of taste, then the subject."""

VALUES: tuple[tuple[str, str], ...] = tuple(
    (name, value) for name, values in DIMENSIONS.items() for value in values
)
"""Every (dimension, value), in the flat order of `one_hot` and of a person's utilities."""


PHRASE_ENDS: dict[str, str] = {
    "style": "style",
    "palette": "palette",
    "composition": "composition",
    "skill": "execution",
    "detail": "detail",
    "hue": "hues",
    "medium": "medium",
}
"""The word after an attribute that says of which dimension it is."""

_PHRASES = {f"{value} {PHRASE_ENDS[name]}".lower(): (name, value) for name in PAPER for value in PAPER[name]}


@dataclass(frozen=True, slots=True)
class Attributes:
    """One value for each dimension. ValueError for a value that the taxonomy does not name."""

    style: str
    palette: str
    composition: str
    detail: str
    hue: str
    medium: str

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


def describe(subject: str, values: Mapping[str, str]) -> str:
    """A subject and at most one attribute a dimension, in words. ValueError for an unknown subject."""
    return ", ".join(
        [prompt(subject), *(f"{values[name]} {PHRASE_ENDS[name]}" for name in PHRASE_ENDS if name in values)]
    )


def read_prompt(text: str) -> tuple[str, dict[str, str]]:
    """A prompt's subject and its attributes by dimension: `describe` backwards; case does not matter.

    The subject is the first known one before the first comma. Phrases that are not the template's are passed
    over, so that any prompt with a known subject can be read; of two for one dimension the later counts.
    ValueError where there is no known subject.
    """
    first, *phrases = text.split(",")
    subject = re.search(rf"\b({'|'.join(SUBJECTS)})\b", first.lower())
    if subject is None:
        raise ValueError(
            f"the prompt {text!r} names no subject; expected one of {', '.join(SUBJECTS)} before the first comma: "
            "name one."
        )
    return subject[0], dict(
        _PHRASES[p] for p in (phrase.strip().lower() for phrase in phrases) if p in _PHRASES
    )


def one_hot(attributes: Attributes) -> Float[np.ndarray, " values"]:
    """Ones at the picture's values, zeros elsewhere, in the order of `VALUES`."""
    chosen = set(attributes.as_dict().items())
    return np.array([float(value in chosen) for value in VALUES])


def labels(attributes: Attributes, subject: str) -> Int[np.ndarray, " readable"]:
    """Position of each value in its dimension, then of the subject: the columns of `READABLE`."""
    named = {**attributes.as_dict(), "subject": subject}
    return np.array([require_value(name, value) for name, value in named.items()], dtype=np.int64)
