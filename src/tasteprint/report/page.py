"""What a report shows, as plain data: people with their pictures, tastes, pictures made for them, figures, origins.

Enters: what was measured. Leaves: a `Page`. Does not know: how anything was measured, what figures are in words
(`evaluate/results.py`), nor how a page is drawn (`html.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from tasteprint.data.dataset import Summary
    from tasteprint.evaluate.results import Figure

WAYS = ("accuracy.own", "accuracy.posterior")
"""The figures of the two ways to know a person: the model, and the taste posterior beside it."""


@dataclass(frozen=True, slots=True)
class ScoredPicture:
    """A picture, decoded or as the bytes of a file, and `q`, the probability that this person likes it."""

    image: Image.Image | bytes
    q: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a probability."""
        _require_probability("q", self.q)


@dataclass(frozen=True, slots=True)
class Choice:
    """Two pictures compared for one prompt; `chosen` is the one that the person preferred, 0 the first, 1 the second.

    `probability` is the model's, from 0 to 1, that they prefer the first; where there is none, the two Q decide what
    the model predicts. `reasons` are the earlier choices with the most influence on it, the largest first.
    """

    prompt: str
    first: ScoredPicture
    second: ScoredPicture
    chosen: int
    probability: float | None = None
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a choice of neither picture, and what is not a probability."""
        if self.chosen not in (0, 1):
            raise ValueError(f"chosen is {self.chosen!r}; expected 0 (first) or 1 (second): leave ties out.")
        _require_probability("probability", self.probability)

    @property
    def liked(self) -> ScoredPicture:
        """The picture that the person preferred."""
        return self.second if self.chosen else self.first

    @property
    def disliked(self) -> ScoredPicture:
        """The other picture."""
        return self.first if self.chosen else self.second

    @property
    def predicted(self) -> float | None:
        """What the model says is preferred: 0 the first, 1 the second, 0.5 neither; None without a prediction."""
        first, second = self.first.q, self.second.q
        if self.probability is not None:
            first, second = self.probability, 1 - self.probability
        if first is None or second is None:
            return None
        return 0.5 if first == second else float(first < second)

    @property
    def outcome(self) -> float | None:
        """1 where the model predicts the choice, 0 where not, 0.5 where neither; None without a prediction."""
        return None if self.predicted is None else 1 - abs(self.predicted - self.chosen)


@dataclass(frozen=True, slots=True)
class Reason:
    """An earlier choice, and its influence on a pair in logits: above 0 towards the first picture."""

    choice: Choice
    influence: float


@dataclass(frozen=True, slots=True)
class CandidateRanking:
    """Candidates for one prompt, in any order (the page sorts by Q); `liked` points at the liked one."""

    prompt: str
    candidates: tuple[ScoredPicture, ...]
    liked: int

    def __post_init__(self) -> None:
        """Refuse a ranking that cannot be drawn."""
        if not 0 <= self.liked < len(self.candidates) or None in [one.q for one in self.candidates]:
            raise ValueError(
                f"a ranking of {len(self.candidates)} candidates has the liked one at {self.liked}; "
                "expected a place among them and a Q for each: correct the ranking."
            )

    @property
    def ordered(self) -> list[tuple[ScoredPicture, bool]]:
        """Highest Q first, each with whether it is the liked one."""
        marked = [(picture, place == self.liked) for place, picture in enumerate(self.candidates)]
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
    """One person: the history that the model read (oldest first), new pairs, ranked candidates.

    `memberships` are the probabilities (0 to 1) of the page's tastes, in their order, for this person.
    """

    user_id: str
    history: tuple[Choice, ...]
    pairs: tuple[Choice, ...] = ()
    rankings: tuple[CandidateRanking, ...] = ()
    memberships: tuple[float, ...] = ()

    @property
    def outcomes(self) -> list[float]:
        """`Choice.outcome` of every new pair with a prediction."""
        return [pair.outcome for pair in self.pairs if pair.outcome is not None]


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
class GuidedPerson:
    """A person for whom pictures were made, and some pictures that they liked in their votes."""

    user_id: str
    liked: tuple[ScoredPicture, ...]


@dataclass(frozen=True, slots=True)
class GuidedPicture:
    """A picture made for one person; of each person, the probability that they prefer it to the unguided one."""

    picture: ScoredPicture
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GuidedPrompt:
    """One prompt from one noise: the unguided picture, and a guided one for each person, in their order."""

    prompt: str
    unguided: ScoredPicture
    guided: tuple[GuidedPicture, ...]


@dataclass(frozen=True, slots=True)
class Guidance:
    """Pictures from the same prompts and noise for several people, who are called A, B, C on the page.

    `steps` is how often the noise was changed, `seconds` what all took.
    """

    people: tuple[GuidedPerson, ...]
    prompts: tuple[GuidedPrompt, ...]
    steps: int
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a table with holes, and what is not a probability."""
        for row in self.prompts:
            sizes = {len(row.guided), *(len(guided.probabilities) for guided in row.guided)}
            given = [p for guided in row.guided for p in guided.probabilities]
            if sizes != {len(self.people)} or not all(0 <= p <= 1 for p in given):
                raise ValueError(
                    f"prompt {row.prompt!r} has {len(row.guided)} guided pictures with probabilities {given}; expected "
                    f"{len(self.people)}, each with as many numbers from 0 to 1: one for every person."
                )


@dataclass(frozen=True, slots=True)
class Page:
    """All that the report shows; an empty part is left out.

    `figures` are found by their names: those of `results.COMPARED`; `accuracy.N`, `accuracy.posterior.N` and
    `bound.bayes.N` for N votes of history; `own_minus_other.N`; `topK`, the liked picture among the first K of four.
    All others are listed at the end. `main` is the one of `WAYS` whose model made the people's predictions; `tastes`
    are the posterior's, the commonest first. `history_length` is N of the main figures, `about` a sentence on whose
    votes these are, `seconds` the time by part, `commands` what to type to run again. `settings` may be nested.
    `init_from` names the model that training continued from, empty where there was none.
    """

    title: str
    figures: Sequence[Figure]
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
    init_from: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown `main`, and people with memberships of other tastes than the page's."""
        if self.main not in WAYS:
            raise ValueError(f"main is {self.main!r}; expected one of {', '.join(WAYS)}: name the figure.")
        for person in self.people:
            if person.memberships and len(person.memberships) != len(self.tastes):
                raise ValueError(
                    f"user {person.user_id!r} has {len(person.memberships)} memberships; expected the page's "
                    f"{len(self.tastes)}: give the page the tastes of the same posterior."
                )


def _require_probability(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1, or None: correct it.")
