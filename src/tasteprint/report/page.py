"""What a report shows, as plain data: people with their pictures, tastes, pictures made for them, figures, origins.

Enters: what was measured. Leaves: a `Page`. Does not know: how anything was measured, what figures are in words
(`evaluate/words.py`), nor how a page is drawn (`page_file.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from PIL import Image

from tasteprint.data.dataset import Summary

WAYS = ("accuracy.own", "accuracy.posterior")
"""The figures of the two ways to know a person: the model, and the taste posterior beside it."""


@runtime_checkable
class FigureLike(Protocol):
    """A measured number, as `tasteprint.evaluate.results.Figure`: `low` and `high` are its 95 % interval."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ScoredPicture:
    """A picture, decoded or as the bytes of a file, and `q`, the probability that this person likes it."""

    image: Image.Image | bytes
    q: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a probability."""
        if self.q is not None and not 0 <= self.q <= 1:
            raise ValueError(
                f"q is {self.q!r}; expected a probability from 0 to 1, or None: give Q of Eq. 6."
            )


@dataclass(frozen=True, slots=True)
class Choice:
    """Two pictures shown for one prompt; `chosen` is what the person took, 0 the first and 1 the second.

    `chance` is the probability that they take the first; where there is none, the two Q tell what the model
    prefers. `reasons` are the earlier choices that moved this pair most, the weightiest first.
    """

    prompt: str
    first: ScoredPicture
    second: ScoredPicture
    chosen: int
    chance: float | None = None
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a choice of neither picture, and what is not a probability."""
        if self.chosen not in (0, 1):
            raise ValueError(
                f"chosen is {self.chosen!r}; expected 0 (the first) or 1 (the second): leave ties out."
            )
        if self.chance is not None and not 0 <= self.chance <= 1:
            raise ValueError(
                f"chance is {self.chance!r}; expected a probability from 0 to 1, or None: give the first's."
            )

    @property
    def liked(self) -> ScoredPicture:
        """The picture that the person took."""
        return (self.first, self.second)[self.chosen]

    @property
    def disliked(self) -> ScoredPicture:
        """The picture that the person left."""
        return (self.second, self.first)[self.chosen]

    @property
    def pick(self) -> float | None:
        """What the model prefers: 0 the first, 1 the second, 0.5 neither; None where it was not asked."""
        first, second = self.first.q, self.second.q
        if self.chance is not None:
            first, second = self.chance, 1 - self.chance
        if first is None or second is None:
            return None
        return 0.5 if first == second else float(first < second)

    @property
    def right(self) -> float | None:
        """1 where the model prefers what the person took, 0 where not, 0.5 where neither; None if not asked."""
        return None if self.pick is None else 1 - abs(self.pick - self.chosen)


@dataclass(frozen=True, slots=True)
class Reason:
    """An earlier choice, and by how many logits it moved a pair: above 0 towards the first picture."""

    choice: Choice
    moved: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates for one prompt, in any order (the page sorts by Q); `liked` points at the liked one."""

    prompt: str
    candidates: tuple[ScoredPicture, ...]
    liked: int

    def __post_init__(self) -> None:
        """Refuse a ranking that cannot be drawn."""
        if not 0 <= self.liked < len(self.candidates) or any(shown.q is None for shown in self.candidates):
            raise ValueError(
                f"a ranking of {len(self.candidates)} candidates has the liked one at {self.liked}; "
                "expected a place among them and a Q for each: correct the ranking."
            )

    @property
    def ordered(self) -> list[tuple[ScoredPicture, bool]]:
        """Highest Q first, each with whether it is the liked one."""
        marked = [(shown, place == self.liked) for place, shown in enumerate(self.candidates)]
        return sorted(marked, key=lambda item: -(item[0].q or 0))


@dataclass(frozen=True, slots=True)
class TasteCard:
    """One learned taste: its share of the population (0 to 1), the pictures that it likes most and least.

    Both are the most extreme of `among` training pictures, the most extreme first.
    """

    share: float
    most: tuple[ScoredPicture, ...]
    least: tuple[ScoredPicture, ...]
    among: int


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person: the votes the model was shown (oldest first), new pairs, candidates ranked.

    `members` are the shares (0 to 1) of the page's tastes, in their order, that the person is made of.
    """

    user_id: str
    history: tuple[Choice, ...]
    pairs: tuple[Choice, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    members: tuple[float, ...] = ()

    @property
    def judged(self) -> list[float]:
        """`Choice.right` of every new pair that has Q."""
        return [pair.right for pair in self.pairs if pair.right is not None]


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """One logged step, counted from the start of training over all stages; None for what was not measured.

    `loss` is the total; `base`, `plus` and `minus` its parts (method.md section 2); `accuracy` is held out.
    """

    step: int
    stage: str
    loss: float | None = None
    base: float | None = None
    plus: float | None = None
    minus: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Admirer:
    """A person for whom pictures were made, and some that they liked in their votes, which tell why."""

    user_id: str
    liked: tuple[ScoredPicture, ...]


@dataclass(frozen=True, slots=True)
class Guided:
    """A picture made for one person; `chances` are how probable it is that each prefers it to the unguided one."""

    picture: ScoredPicture
    chances: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one prompt and one noise: unguided, and guided for each person, in their order."""

    prompt: str
    unguided: ScoredPicture
    guided: tuple[Guided, ...]


@dataclass(frozen=True, slots=True)
class Guidance:
    """Pictures from the same prompts and noise for several people, who are called A, B, C on the page.

    `steps` is how often the noise was changed, `seconds` what all took.
    """

    people: tuple[Admirer, ...]
    made: tuple[Made, ...]
    steps: int
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a table with holes, and what is not a probability."""
        for made in self.made:
            sizes = {len(made.guided), *(len(guided.chances) for guided in made.guided)}
            chances = [chance for guided in made.guided for chance in guided.chances]
            if sizes != {len(self.people)} or not all(0 <= chance <= 1 for chance in chances):
                raise ValueError(
                    f"prompt {made.prompt!r} has {len(made.guided)} guided pictures with chances {chances}; expected "
                    f"{len(self.people)}, each with as many probabilities from 0 to 1: one for every person."
                )


@dataclass(frozen=True, slots=True)
class Page:
    """All that the report shows; an empty part is left out.

    `figures` are found by their names (house.md): those of `words.COMPARED`; `accuracy.N`, `accuracy.posterior.N`
    and `bound.bayes.N` for N votes of history; `own_minus_other.N`; `topK`, the liked picture among the first K
    of four. All others are listed at the end. `main` names the one of `WAYS` that the people are shown with;
    `tastes` are the posterior's, the commonest first. `history_length` is N of the main figures, `about` a sentence on
    whose votes these are, `seconds` the time by part, `commands` what to type to run again. `settings` may be
    nested. `went_on_from` names the model from which the learning curve goes on, empty where it began from nothing.
    """

    title: str
    figures: Sequence[FigureLike]
    people: Sequence[PersonPage] = ()
    learning: Sequence[LearningPoint] = ()
    counts: Summary | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    commands: Sequence[str] = ()
    seeds: Sequence[int] = ()
    commit: str = "unknown"
    hardware: str = "unknown"
    about: str = ""
    history_length: int = 8
    main: str = WAYS[0]
    tastes: Sequence[TasteCard] = ()
    guidance: Guidance | None = None
    went_on_from: str = ""

    def __post_init__(self) -> None:
        """Refuse a way that is not known, and people made of other tastes than the page's."""
        if self.main not in WAYS:
            raise ValueError(f"main is {self.main!r}; expected one of {', '.join(WAYS)}: name the figure.")
        for person in self.people:
            if person.members and len(person.members) != len(self.tastes):
                raise ValueError(
                    f"user {person.user_id!r} is made of {len(person.members)} tastes; expected the page's "
                    f"{len(self.tastes)}: give the page the tastes of the same posterior."
                )
