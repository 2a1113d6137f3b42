"""What a report shows of a run: people with their pictures and scores, and the learning curve.

Enters: a model, a dataset, a run folder. Leaves: the plain parts of a `Page`. Does not know: how a page looks.

Why the posterior sees a person so, as parts of a page: the tastes, who is made of which, what moved a pair.

Enters: a posterior, a print, a dataset. Leaves: `TasteCard`s, shares, pairs with their probability and reasons.
Does not know: how a page looks, how anything is learned.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tasteprint.data.dataset import Dataset
from tasteprint.data.decode import open_image
from tasteprint.data.histories import fixed_examples
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.reasons import leave_one_out_influence, likings
from tasteprint.report.page import (
    Choice,
    LearningPoint,
    PersonPage,
    Ranking,
    Reason,
    ScoredPicture,
    TasteCard,
)
from tasteprint.types import Example, Vote
from tasteprint.vision.feature_store import FeatureStore

if TYPE_CHECKING:
    from tasteprint.cli.models import AnyModel
    from tasteprint.data.dataset import Dataset
    from tasteprint.incontext.prints import InContextPrint
    from tasteprint.posterior.prints import PosteriorPrint


PEOPLE = 3
PAIRS = 6


def person_pages(model: AnyModel, dataset: Dataset, history_length: int, seed: int) -> tuple[PersonPage, ...]:
    """Show the first people of the test split: history, new pairs with Q, one liked among three disliked.

    A taste posterior also says what tastes a person is made of, how probable a choice is, and why.
    """
    examples, _ = fixed_examples(dataset.votes_by_user("test"), history_length, PAIRS, seed)
    return tuple(_person(model, dataset, example) for example in examples[:PEOPLE])


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


def _person(model: AnyModel, dataset: Dataset, example: Example) -> PersonPage:
    person = model.print_of(example.history, dataset.images.open)
    scores = _scores(person, dataset, example.targets)
    history = tuple(_choice(vote, dataset, {}) for vote in example.history.votes)
    page = PersonPage(
        example.history.user_id,
        history,
        tuple(_choice(vote, dataset, scores) for vote in example.targets),
        (_ranking(example.targets, dataset, scores),),
    )
    return _with_reasons(page, person, dict(zip(example.history.votes, history, strict=True)))


def _with_reasons(
    page: PersonPage, person: InContextPrint | PosteriorPrint, history: Mapping[Vote, Choice]
) -> PersonPage:
    """Add what only a taste posterior can say."""
    from tasteprint.posterior.prints import PosteriorPrint

    if not isinstance(person, PosteriorPrint):
        return page
    return replace(page, pairs=explained(person, page.pairs, history), members=members_of(person))


def _scores(
    person: InContextPrint | PosteriorPrint, dataset: Dataset, votes: Sequence[Vote]
) -> dict[str, float]:
    asked = [(image, vote.prompt) for vote in votes for image in vote.images]
    pictures = [dataset.images.open(image) for image, _ in asked]
    margins = person.score_pictures(pictures, [prompt for _, prompt in asked])
    return dict(zip([image for image, _ in asked], margins.sigmoid().tolist(), strict=True))


def _choice(vote: Vote, dataset: Dataset, scores: dict[str, float]) -> Choice:
    first, second = (_shown(image, dataset, scores) for image in vote.images)
    return Choice(vote.prompt, first, second, 0 if vote.label_0 == 1 else 1)


def _shown(image: str, dataset: Dataset, scores: dict[str, float]) -> ScoredPicture:
    return ScoredPicture(dataset.images.open(image), scores.get(image))


def _ranking(votes: Sequence[Vote], dataset: Dataset, scores: dict[str, float]) -> Ranking:
    images = [votes[0].liked, *(vote.disliked for vote in votes[:3])]
    random.Random(0).shuffle(images)
    candidates = tuple(_shown(image, dataset, scores) for image in images)
    return Ranking(votes[0].prompt, candidates, images.index(votes[0].liked))


PICTURES = 6
"""Pictures shown that a taste likes most, and as many that it likes least."""

LOOKED_AT = 1500
"""Training pictures among which these are sought, at most."""

REASONS, LEAST_MOVE = 3, 0.05
"""How many earlier choices are shown for a pair, and by how much log odds they must move it by to be shown."""


def taste_cards(posterior: TastePosterior, dataset: Dataset, seed: int = 0) -> tuple[TasteCard, ...]:
    """What each taste likes most and least among the training pictures, the commonest taste first.

    Of more than 1,500 pictures so many are drawn, by `seed`. ValueError where the dataset has no images.
    """
    names = _some_of_training(dataset, seed)
    store = FeatureStore(dataset.folder / "features", posterior.encoder, dataset.images.open)
    found = likings(posterior, posterior.shown(names, store.rows), min(PICTURES, len(names) // 2))
    opened = dataset.images.open
    cards = [
        TasteCard(
            liking.share,
            tuple(ScoredPicture(opened(name)) for name in liking.most),
            tuple(ScoredPicture(opened(name)) for name in liking.least),
            len(names),
        )
        for liking in found
    ]
    return tuple(cards[taste] for taste in _commonest_first(posterior))


def members_of(person: PosteriorPrint) -> tuple[float, ...]:
    """The shares of the tastes that a person is made of, in the order of `taste_cards`."""
    shares = person.members.tolist()
    return tuple(min(1.0, shares[taste]) for taste in _commonest_first(person.posterior))


def explained(
    person: PosteriorPrint, pairs: Sequence[Choice], history: Mapping[Vote, Choice]
) -> tuple[Choice, ...]:
    """Give new pairs their probability, and the choices of the history that moved it most: see `leave_one_out_influence`."""
    if not pairs:
        return ()
    shown = [pair.first for pair in pairs] + [pair.second for pair in pairs]
    first, second = person.posterior.encoder.embed_pictures(open_image(one.image) for one in shown).split(
        len(pairs)
    )
    chances = person.prefers_rows(first, second)
    moved = leave_one_out_influence(person, first, second)
    return tuple(
        replace(pair, chance=chance, reasons=_weightiest(person, by, history))
        for pair, chance, by in zip(pairs, chances.tolist(), moved.T.tolist(), strict=True)
    )


def _weightiest(
    person: PosteriorPrint, moved: Sequence[float], history: Mapping[Vote, Choice]
) -> tuple[Reason, ...]:
    found = [
        Reason(history[said], by)
        for said, by in zip(person.said, moved, strict=True)
        if isinstance(said, Vote) and abs(by) >= LEAST_MOVE
    ]
    return tuple(sorted(found, key=lambda reason: -abs(reason.moved))[:REASONS])


def _commonest_first(posterior: TastePosterior) -> list[int]:
    order: list[int] = torch.argsort(-posterior.learner.prior.log_weights, stable=True).tolist()
    return order


def _some_of_training(dataset: Dataset, seed: int) -> list[str]:
    votes = dataset.votes_by_user("train").values()
    names = sorted({name for said in votes for vote in said for name in vote.images})
    return names if len(names) <= LOOKED_AT else random.Random(seed).sample(names, LOOKED_AT)
