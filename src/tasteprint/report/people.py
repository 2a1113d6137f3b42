"""The people, learned tastes and learning curve of a report, from a model, a dataset and a run folder.

Enters: a model of any kind, a taste posterior, a dataset, a run folder. Leaves: `PersonPage`s, `TasteCard`s and
`LearningPoint`s. Does not know: how a page looks, how anything is learned.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tasteprint.data.decode import open_image
from tasteprint.data.histories import fixed_examples
from tasteprint.report.page import (
    CandidateRanking,
    Choice,
    LearningPoint,
    PersonPage,
    Reason,
    ScoredPicture,
    TasteCard,
)
from tasteprint.types import Example, Opinion, Print, TasteModel, Vote
from tasteprint.vision.feature_store import FeatureStore

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from tasteprint.data.dataset import Dataset
    from tasteprint.data.images import ImageStore
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.types import Pictures

PEOPLE = 3
PAIRS = 6

PICTURES = 6
"""Pictures shown that a taste likes most, and as many that it likes least."""

SAMPLE = 1500
"""Training pictures among which these are sought, at most."""

REASONS, LEAST_INFLUENCE = 3, 0.05
"""How many earlier choices are shown for a pair, and the least influence in logits that each must have."""


@runtime_checkable
class Explainable(Protocol):
    """A print that can explain itself: which of the model's shared tastes the person has, and which opinions matter.

    Whatever model made it: a print that has these is shown with its reasons.
    """

    def prefers(self, a: Pictures, b: Pictures) -> Float[Tensor, " b"]:
        """Probability that the person prefers each of `a` to the one of `b` at its place."""
        ...

    @property
    def opinions(self) -> Sequence[Opinion]:
        """The person's votes and ratings, in the order of the rows of `influence`."""
        ...

    @property
    def memberships(self) -> Float[Tensor, " r"]:
        """Probability of each of the model's R tastes for this person; they sum to 1."""
        ...

    @property
    def shares(self) -> Float[Tensor, " r"]:
        """How common each taste is in the population; they sum to 1."""
        ...

    def influence(self, a: Pictures, b: Pictures) -> Float[Tensor, "opinions b"]:
        """By how many logits each opinion moves the choice of `a` over `b`; above 0 it speaks for `a`."""
        ...


def person_pages(
    model: TasteModel, dataset: Dataset, history_length: int, seed: int
) -> tuple[PersonPage, ...]:
    """Show the first people of the test split: history, new pairs with Q, one liked among three disliked.

    A person whose print is `Explainable` also has memberships, probabilities and reasons.
    """
    examples, _ = fixed_examples(dataset.votes_by_user("test"), history_length, PAIRS, seed)
    images = dataset.images
    return tuple(_person(model, images, example) for example in examples[:PEOPLE])


def learning_points(run: Path) -> tuple[LearningPoint, ...]:
    """Read a run's learning curve; steps count on from stage to stage."""
    points: list[LearningPoint] = []
    before, stage = 0, ""
    for entry in json.loads((run / "learning.json").read_text("utf-8")):
        if entry["stage"] != stage:
            before, stage = points[-1].step if points else 0, entry["stage"]
        points.append(
            LearningPoint(
                before + entry["step"], stage, entry.get("loss"), entry.get("base"), entry.get("plus"),
                entry.get("minus"), entry.get("eval_accuracy"),
            )
        )  # fmt: skip
    return tuple(points)


def taste_cards(posterior: TastePosterior, dataset: Dataset, seed: int = 0) -> tuple[TasteCard, ...]:
    """What each taste likes most and least among the training pictures, the commonest taste first.

    Of more than 1,500 pictures so many are drawn, by `seed`. ValueError where the dataset has no images.
    """
    images, names = dataset.images, _training_pictures(dataset, seed)
    store = FeatureStore(dataset.folder / "features", posterior.encoder, images.open)
    found = posterior.taste_extremes(posterior.images(names, store.rows), min(PICTURES, len(names) // 2))

    def pictures(chosen: Iterable[str]) -> tuple[ScoredPicture, ...]:
        return tuple(ScoredPicture(images.open(name)) for name in chosen)

    cards = [TasteCard(one.share, pictures(one.most), pictures(one.least), len(names)) for one in found]
    return tuple(cards[taste] for taste in _commonest_first([card.share for card in cards]))


def ordered_memberships(person: Explainable) -> tuple[float, ...]:
    """The probabilities of the tastes for a person, in the order of `taste_cards`."""
    memberships = person.memberships.tolist()
    return tuple(min(1.0, memberships[taste]) for taste in _commonest_first(person.shares.tolist()))


def with_reasons(
    person: Explainable, pairs: Sequence[Choice], history: Mapping[Vote, Choice]
) -> tuple[Choice, ...]:
    """Give new pairs their probability, and the choices of the history that had most influence on it."""
    if not pairs:
        return ()
    first, second = ([open_image(one.image) for one in side] for side in _sides(pairs))
    probabilities, influence = person.prefers(first, second), person.influence(first, second)
    return tuple(
        replace(pair, probability=probability, reasons=_strongest_reasons(person.opinions, moves, history))
        for pair, probability, moves in zip(pairs, probabilities.tolist(), influence.T.tolist(), strict=True)
    )


def _person(model: TasteModel, images: ImageStore, example: Example) -> PersonPage:
    person = model.print_of(example.history, images.open)
    q = _q_by_image(person, images, example.targets)
    history = tuple(_choice(vote, images, {}) for vote in example.history.votes)
    pairs = tuple(_choice(vote, images, q) for vote in example.targets)
    page = PersonPage(example.history.user_id, history, pairs, (_ranking(example.targets, images, q),))
    if not isinstance(person, Explainable):
        return page
    by_vote = dict(zip(example.history.votes, history, strict=True))
    return replace(page, pairs=with_reasons(person, pairs, by_vote), memberships=ordered_memberships(person))


def _q_by_image(person: Print, images: ImageStore, votes: Sequence[Vote]) -> dict[str, float]:
    candidates = [(image, vote.prompt) for vote in votes for image in vote.images]
    pictures = [images.open(image) for image, _ in candidates]
    scores = person.score_pictures(pictures, [prompt for _, prompt in candidates])
    return dict(zip([image for image, _ in candidates], scores.sigmoid().tolist(), strict=True))


def _choice(vote: Vote, images: ImageStore, q: Mapping[str, float]) -> Choice:
    first, second = (ScoredPicture(images.open(image), q.get(image)) for image in vote.images)
    return Choice(vote.prompt, first, second, 0 if vote.label_0 == 1 else 1)


def _ranking(votes: Sequence[Vote], images: ImageStore, q: Mapping[str, float]) -> CandidateRanking:
    names = [votes[0].liked, *(vote.disliked for vote in votes[:3])]
    random.Random(0).shuffle(names)
    candidates = tuple(ScoredPicture(images.open(name), q.get(name)) for name in names)
    return CandidateRanking(votes[0].prompt, candidates, names.index(votes[0].liked))


def _sides(pairs: Sequence[Choice]) -> tuple[list[ScoredPicture], list[ScoredPicture]]:
    return [pair.first for pair in pairs], [pair.second for pair in pairs]


def _strongest_reasons(
    opinions: Sequence[Opinion], influence: Sequence[float], history: Mapping[Vote, Choice]
) -> tuple[Reason, ...]:
    found = [
        Reason(history[opinion], moves)
        for opinion, moves in zip(opinions, influence, strict=True)
        if isinstance(opinion, Vote) and abs(moves) >= LEAST_INFLUENCE
    ]
    return tuple(sorted(found, key=lambda reason: -abs(reason.influence))[:REASONS])


def _commonest_first(shares: Sequence[float]) -> list[int]:
    return sorted(range(len(shares)), key=lambda taste: -shares[taste])


def _training_pictures(dataset: Dataset, seed: int) -> list[str]:
    people = dataset.votes_by_user("train").values()
    names = sorted({name for votes in people for vote in votes for name in vote.images})
    return names if len(names) <= SAMPLE else random.Random(seed).sample(names, SAMPLE)
