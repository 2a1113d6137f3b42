"""Agents as in the paper: people given by the attributes they like and dislike, and the images they would ask for.

Enters: how many agents, of what size, how far apart, a seed. Leaves: `Agent`s whose taste is known, no two of them much
alike; for each of them `Request`s for images that they like and dislike. Does not know: pixels, files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tasteprint.simulate.painter import stream
from tasteprint.simulate.taxonomy import (
    DIMENSIONS,
    PAPER,
    PHRASE_ENDS,
    SUBJECTS,
    VALUES,
    Attributes,
    describe,
    one_hot,
)

TRIES = 10_000
"""Candidates refused in a row before a request counts as impossible; a choice of this project."""

Named = tuple[str, str]
"""A dimension and one of its attributes, as in `taxonomy.PAPER`."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Someone who likes some attributes and dislikes others (P section 3.2, table 8).

    ValueError for an attribute that the taxonomy does not name, and for one that is both liked and disliked.
    """

    name: str
    liked: tuple[Named, ...]
    disliked: tuple[Named, ...]

    def __post_init__(self) -> None:
        """Refuse what is no taste."""
        for dimension, attribute in (*self.liked, *self.disliked):
            if attribute not in PAPER.get(dimension, ()):
                raise ValueError(
                    f"{self.name} names {dimension!r} {attribute!r}; expected a dimension and an attribute of "
                    "taxonomy.PAPER: correct the name."
                )
        if both := set(self.liked) & set(self.disliked):
            raise ValueError(
                f"{self.name} likes and dislikes {min(both)}; expected each attribute on one side at most: "
                "take it out of one."
            )

    @property
    def profile(self) -> frozenset[tuple[str, str, bool]]:
        """The set of (dimension, attribute, whether liked), which agents are compared by."""
        return frozenset(
            [(*named, True) for named in self.liked] + [(*named, False) for named in self.disliked]
        )

    def attributes(self, dimension: str, liked: bool) -> tuple[str, ...]:
        """What this agent likes, or dislikes, of one dimension."""
        side = self.liked if liked else self.disliked
        return tuple(attribute for name, attribute in side if name == dimension)

    def utilities(self) -> Float[np.ndarray, " values"]:
        """1 for a liked value, -1 for a disliked one, else 0: over what the painter has rules for (`VALUES`)."""
        liked, disliked = set(self.liked), set(self.disliked)
        return np.array([float((value in liked) - (value in disliked)) for value in VALUES])

    def utility(self, attributes: Attributes) -> float:
        """How much this agent truly likes a painted picture: its liked attributes minus its disliked ones.

        A whole number from -6 to 6, one step a painted dimension; P states no utility, so this is ours.
        """
        return float(self.utilities() @ one_hot(attributes))


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
        """What the generator gets."""
        return describe(self.subject, self.values)

    @property
    def file(self) -> str:
        """Where the image stands in the agents' folder: `images/agent-00/liked-00.png`."""
        return f"images/{self.agent}/{'liked' if self.liked else 'disliked'}-{self.index:02d}.png"


def jaccard_distance(a: Agent, b: Agent) -> float:
    """1 - |shared| / |in either|, over profiles: 0 for one and the same taste, 1 where nothing is shared."""
    either = len(a.profile | b.profile)
    return 1 - len(a.profile & b.profile) / either if either else 0.0


def draw_agents(
    count: int = 30, seed: int = 0, distance: float = 0.8, liked: int = 27, disliked: int = 26
) -> list[Agent]:
    """Draw agents by rejection: each is at least `distance` (Jaccard) from every other (P section 3.2).

    A candidate has the same number of likes and of dislikes in each dimension, four each by default, drawn at
    random without an overlap and then thinned at random to `liked` and `disliked`: that is how table 8 looks.
    More agents from one seed begin with the same ones. ValueError for a count, distance, seed or size that
    makes no sense, and after `TRIES` candidates in a row were refused.
    """
    _require(count, distance, liked, disliked)
    rng = stream(seed, "agents")
    agents: list[Agent] = []
    while len(agents) < count:
        name = f"agent-{len(agents):02d}"
        candidates = (_candidate(name, liked, disliked, rng) for _ in range(TRIES))
        fitting = (c for c in candidates if all(jaccard_distance(c, other) >= distance for other in agents))
        agents.append(next(fitting, None) or _give_up(len(agents), count, distance))
    return agents


def requests(agent: Agent, images: int, seed: int, painted: bool) -> list[Request]:
    """Ask for `images` aligned with the agent's likes and as many with the dislikes (P section 3.2: 10).

    Every prompt names one random attribute of each dimension, where that side has one. For a generator that
    has rules for `DIMENSIONS` only (`painted`) it names those dimensions: an attribute of that side if one has
    a rule, else any that is not on the other side. It depends on this agent alone. ValueError for images < 1.
    """
    if images < 1:
        raise ValueError(f"{images} images a side were requested; expected at least 1: raise the number.")
    rng = stream(seed, f"requests {agent.name}")
    pairs = [_pair(agent, index, painted, rng) for index in range(images)]
    return [request for pair in pairs for request in pair]


def _candidate(name: str, liked: int, disliked: int, rng: np.random.Generator) -> Agent:
    likes: list[Named] = []
    dislikes: list[Named] = []
    each, others = _in_each(liked), _in_each(disliked)
    for dimension, attributes in PAPER.items():
        mixed = [(dimension, attributes[i]) for i in rng.permutation(len(attributes))[: each + others]]
        likes += mixed[:each]
        dislikes += mixed[each:]
    return Agent(name, _thinned(likes, liked, rng), _thinned(dislikes, disliked, rng))


def _thinned(named: list[Named], count: int, rng: np.random.Generator) -> tuple[Named, ...]:
    return tuple(named[i] for i in sorted(rng.permutation(len(named))[:count]))


def _in_each(count: int) -> int:
    """Attributes to draw in each dimension before thinning."""
    return math.ceil(count / len(PAPER))


def _give_up(found: int, count: int, distance: float) -> Agent:
    raise ValueError(
        f"{count} agents at a Jaccard distance of {distance} were requested, and after {found} of them "
        f"{TRIES:,} candidates in a row were too near; expected a request that can be met: ask for fewer "
        "agents or a smaller distance."
    )


def _require(count: int, distance: float, liked: int, disliked: int) -> None:
    if count < 1:
        raise ValueError(f"{count} agents were requested; expected at least 1: raise the number.")
    if not 0 <= distance <= 1:
        raise ValueError(
            f"the distance is {distance}; expected 0 to 1, as Jaccard distances are: correct it."
        )
    room = min(len(attributes) for attributes in PAPER.values())
    if liked < 1 or disliked < 1 or _in_each(liked) + _in_each(disliked) > room:
        raise ValueError(
            f"{liked} likes and {disliked} dislikes were requested; expected at least 1 of each and together at "
            f"most {room} in each of the {len(PAPER)} dimensions, so that none is both: lower them."
        )


def _pair(agent: Agent, index: int, painted: bool, rng: np.random.Generator) -> list[Request]:
    subject = SUBJECTS[rng.integers(len(SUBJECTS))]
    pair = []
    for liked in (True, False):
        choices = {name: _choices(agent, name, liked, painted) for name in PHRASE_ENDS}
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
