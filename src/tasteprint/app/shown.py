"""What a report shows of a run: people with their pictures and scores, and the learning curve.

Enters: a model, a dataset, a run folder. Leaves: the plain parts of a `Page`. Does not know: how a page looks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.app.page import Choice, LearningPoint, PersonPage, Ranking, Shown
from tasteprint.data.histories import fixed_examples
from tasteprint.types import Example, Vote

if TYPE_CHECKING:
    from tasteprint.app.models import AnyModel
    from tasteprint.data.table import Dataset
    from tasteprint.model.prints import Tasteprint
    from tasteprint.taste.prints import TastePrint

PEOPLE = 3
PAIRS = 6


def person_pages(model: AnyModel, dataset: Dataset, n_ref: int, seed: int) -> tuple[PersonPage, ...]:
    """Show the first people of the test split: history, new pairs with Q, one liked among three disliked.

    A taste posterior also says what tastes a person is made of, how probable a choice is, and why.
    """
    examples, _ = fixed_examples(dataset.votes_by_user("test"), n_ref, PAIRS, seed)
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
    assert dataset.images is not None
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
    page: PersonPage, person: Tasteprint | TastePrint, history: Mapping[Vote, Choice]
) -> PersonPage:
    """Add what only a taste posterior can say."""
    from tasteprint.app.tastes_shown import explained, members_of
    from tasteprint.taste.prints import TastePrint

    if not isinstance(person, TastePrint):
        return page
    return replace(page, pairs=explained(person, page.pairs, history), members=members_of(person))


def _scores(person: Tasteprint | TastePrint, dataset: Dataset, votes: Sequence[Vote]) -> dict[str, float]:
    assert dataset.images is not None
    asked = [(image, vote.prompt) for vote in votes for image in vote.images]
    pictures = [dataset.images.open(image) for image, _ in asked]
    margins = person.score_pictures(pictures, [prompt for _, prompt in asked])
    return dict(zip([image for image, _ in asked], margins.sigmoid().tolist(), strict=True))


def _choice(vote: Vote, dataset: Dataset, scores: dict[str, float]) -> Choice:
    first, second = (_shown(image, dataset, scores) for image in vote.images)
    return Choice(vote.prompt, first, second, 0 if vote.label_0 == 1 else 1)


def _shown(image: str, dataset: Dataset, scores: dict[str, float]) -> Shown:
    assert dataset.images is not None
    return Shown(dataset.images.open(image), scores.get(image))


def _ranking(votes: Sequence[Vote], dataset: Dataset, scores: dict[str, float]) -> Ranking:
    images = [votes[0].liked, *(vote.disliked for vote in votes[:3])]
    random.Random(0).shuffle(images)
    candidates = tuple(_shown(image, dataset, scores) for image in images)
    return Ranking(votes[0].prompt, candidates, images.index(votes[0].liked))
