"""What is asked of a generator: the template of prompts, read both ways, and the prompts of an agent.

Enters: agents, seeds. Leaves: `Request`s; a prompt's subject and attributes. Does not know: pixels, files.

The template is a subject and one phrase for each dimension that is named, in the order of `KINDS`, as in
`a fish, Ukiyo-e style, Oceanic Tones palette, Symmetry composition, Polished execution, Intricate detail,
Cerulean hues, Watercolor medium`. The last word tells the dimension, since `Yellow` is in two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasteprint.simulate.agents import Agent
from tasteprint.simulate.painter import stream
from tasteprint.simulate.taxonomy import DIMENSIONS, PAPER, SUBJECTS, prompt

KINDS: dict[str, str] = {
    "style": "style",
    "palette": "palette",
    "composition": "composition",
    "skill": "execution",
    "detail": "detail",
    "hue": "hues",
    "medium": "medium",
}
"""The word after an attribute that says of which dimension it is."""

_PHRASES = {f"{value} {KINDS[name]}".lower(): (name, value) for name in PAPER for value in PAPER[name]}


@dataclass(frozen=True, slots=True)
class Request:
    """One image to be made for an agent. The liked and the disliked request of one index share the subject."""

    agent: str
    liked: bool
    index: int
    subject: str
    values: Mapping[str, str]
    seed: int

    @property
    def prompt(self) -> str:
        """What the generator is asked."""
        return describe(self.subject, self.values)

    @property
    def file(self) -> str:
        """Where the image stands in the agents' folder: `images/agent-00/liked-00.png`."""
        return f"images/{self.agent}/{'liked' if self.liked else 'disliked'}-{self.index:02d}.png"


def describe(subject: str, values: Mapping[str, str]) -> str:
    """A subject and at most one attribute a dimension, in words. ValueError for an unknown subject."""
    return ", ".join(
        [prompt(subject), *(f"{values[name]} {KINDS[name]}" for name in KINDS if name in values)]
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


def requests(agent: Agent, images: int, seed: int, painted: bool) -> list[Request]:
    """Ask for `images` aligned with the agent's likes and as many with the dislikes (P section 3.2: 10).

    Every prompt names one random attribute of each dimension, where that side has one. For a generator that
    has rules for `DIMENSIONS` only (`painted`) it names those dimensions: an attribute of that side if one has
    a rule, else any that is not on the other side. It depends on this agent alone. ValueError for images < 1.
    """
    if images < 1:
        raise ValueError(f"{images} images a side were asked for; expected at least 1: raise the number.")
    rng = stream(seed, f"requests {agent.name}")
    pairs = [_pair(agent, index, painted, rng) for index in range(images)]
    return [request for pair in pairs for request in pair]


def _pair(agent: Agent, index: int, painted: bool, rng: np.random.Generator) -> list[Request]:
    subject = SUBJECTS[rng.integers(len(SUBJECTS))]
    pair = []
    for liked in (True, False):
        choices = {name: _choices(agent, name, liked, painted) for name in KINDS}
        values = {name: some[rng.integers(len(some))] for name, some in choices.items() if some}
        pair.append(Request(agent.name, liked, index, subject, values, int(rng.integers(2**31))))
    return pair


def _choices(agent: Agent, dimension: str, liked: bool, painted: bool) -> list[str]:
    """What a prompt of one side may name in a dimension."""
    wanted, unwanted = agent.attributes(dimension, liked), agent.attributes(dimension, not liked)
    if not painted:
        return list(wanted)
    ruled = DIMENSIONS.get(dimension, ())
    return (
        [value for value in ruled if value in wanted]
        or [value for value in ruled if value not in unwanted]
        or list(ruled)
    )
