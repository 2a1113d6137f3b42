"""What a report shows, as plain data: people with their pictures, figures, the learning curve, where it comes from.

Enters: what was measured. Leaves: a `Page`, and the words that explain its figures. Does not know: how anything was
measured, nor how a page is drawn (`page_file.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from PIL import Image

from tasteprint.data.summary import Summary

CONTROLS: dict[str, tuple[str, str]] = {
    "bound.oracle": (
        "the true taste",
        "The ceiling: the true taste of a simulated person, known exactly. Not 100 %, because people do not "
        "always choose alike.",
    ),
    "bound.bayes": (
        "the best possible",
        "What an ideal observer would reach that knows how tastes are spread over people and sees the same "
        "votes.",
    ),
    "accuracy.own": ("own history", "The model, shown this person’s own earlier votes. This is the result."),
    "accuracy.tastes": (
        "a mix of known tastes",
        "A simpler rival: a few typical tastes, mixed so that they fit this person’s votes best.",
    ),
    "accuracy.population": (
        "the majority",
        "What other people preferred, the same for everyone. A model that only learned what everybody likes "
        "would stop here.",
    ),
    "bound.average": (
        "the average person",
        "The best guess of someone who knows everything about people in general and nothing about this "
        "person.",
    ),
    "accuracy.no_history": (
        "no history",
        "The same model, shown no votes at all: what it believes that everybody likes.",
    ),
    "accuracy.other_history": (
        "another person’s history",
        "The same model, shown somebody else’s votes. If this were as good as the person’s own, nothing "
        "personal would have been learned.",
    ),
    "accuracy.own_only": (
        "own votes only",
        "An untrained copy of the model, taught this person’s few votes and nothing from other people.",
    ),
    "accuracy.logistic": (
        "simple statistics",
        "A logistic regression on features of the pictures, fitted to this person’s votes alone.",
    ),
}
"""The predictors that the page compares, from the ceiling down: name of figure to label and plain words."""


@runtime_checkable
class Measured(Protocol):
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
class Shown:
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
    """Two pictures shown for one prompt; `chosen` is what the person took, 0 the first and 1 the second."""

    prompt: str
    first: Shown
    second: Shown
    chosen: int

    def __post_init__(self) -> None:
        """Refuse a choice of neither picture."""
        if self.chosen not in (0, 1):
            raise ValueError(
                f"chosen is {self.chosen!r}; expected 0 (the first) or 1 (the second): leave ties out."
            )

    @property
    def liked(self) -> Shown:
        """The picture that the person took."""
        return (self.first, self.second)[self.chosen]

    @property
    def disliked(self) -> Shown:
        """The picture that the person left."""
        return (self.second, self.first)[self.chosen]

    @property
    def right(self) -> float | None:
        """1 where the model prefers what the person took, 0 where not, 0.5 at equal Q; None without Q."""
        liked, disliked = self.liked.q, self.disliked.q
        if liked is None or disliked is None:
            return None
        return 0.5 if liked == disliked else float(liked > disliked)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates for one prompt, in any order (the page sorts by Q); `liked` points at the liked one."""

    prompt: str
    candidates: tuple[Shown, ...]
    liked: int

    def __post_init__(self) -> None:
        """Refuse a ranking that cannot be drawn."""
        if not 0 <= self.liked < len(self.candidates) or any(shown.q is None for shown in self.candidates):
            raise ValueError(
                f"a ranking of {len(self.candidates)} candidates has the liked one at {self.liked}; "
                "expected a place among them and a Q for each: correct the ranking."
            )

    @property
    def ordered(self) -> list[tuple[Shown, bool]]:
        """Highest Q first, each with whether it is the liked one."""
        marked = [(shown, place == self.liked) for place, shown in enumerate(self.candidates)]
        return sorted(marked, key=lambda item: -(item[0].q or 0))


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person: the votes the model was shown (oldest first), new pairs, candidates ranked."""

    user_id: str
    history: tuple[Choice, ...]
    pairs: tuple[Choice, ...] = ()
    rankings: tuple[Ranking, ...] = ()

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
class Page:
    """All that the report shows; an empty part is left out.

    `figures` are found by their names (house.md): those of `CONTROLS`; `accuracy.N` and `bound.bayes.N`
    for N votes of history; `own_minus_other.N`; `topK`, the liked picture among the first K of four. All
    others are listed at the end. `n_ref` is N of the main figures, `about` a sentence on whose votes these
    are, `seconds` the time by part, `commands` what to type to run again. `settings` may be nested.
    """

    title: str
    figures: Sequence[Measured]
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
    n_ref: int = 8
