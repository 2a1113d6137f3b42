"""Why the posterior sees a person so, as parts of a page: the tastes, who is made of which, what moved a pair.

Enters: a posterior, a print, a dataset. Leaves: `TasteCard`s, shares, pairs with their probability and reasons.
Does not know: how a page looks, how anything is learned.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from tasteprint.app.page import Choice, Reason, Shown, TasteCard
from tasteprint.data.decode import open_image
from tasteprint.data.table import Dataset
from tasteprint.model.features import FeatureStore
from tasteprint.taste.model import TastePosterior
from tasteprint.taste.prints import TastePrint
from tasteprint.taste.reasons import likings, moved_by
from tasteprint.types import Vote

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
    if dataset.images is None:
        raise ValueError(f"dataset {dataset.folder} has no images; expected some: build it with its images.")
    names = _some_of_training(dataset, seed)
    store = FeatureStore(dataset.folder / "features", posterior.encoder, dataset.images.open)
    found = likings(posterior, posterior.shown(names, store.rows), min(PICTURES, len(names) // 2))
    opened = dataset.images.open
    cards = [
        TasteCard(
            liking.share,
            tuple(Shown(opened(name)) for name in liking.most),
            tuple(Shown(opened(name)) for name in liking.least),
            len(names),
        )
        for liking in found
    ]
    return tuple(cards[taste] for taste in _commonest_first(posterior))


def members_of(person: TastePrint) -> tuple[float, ...]:
    """The shares of the tastes that a person is made of, in the order of `taste_cards`."""
    shares = person.members.tolist()
    return tuple(min(1.0, shares[taste]) for taste in _commonest_first(person.posterior))


def explained(
    person: TastePrint, pairs: Sequence[Choice], history: Mapping[Vote, Choice]
) -> tuple[Choice, ...]:
    """Give new pairs their probability, and the choices of the history that moved it most: see `moved_by`."""
    if not pairs:
        return ()
    shown = [pair.first for pair in pairs] + [pair.second for pair in pairs]
    first, second = person.posterior.encoder.embed_pictures(open_image(one.image) for one in shown).split(
        len(pairs)
    )
    chances = person.prefers_rows(first, second)
    moved = moved_by(person, first, second)
    return tuple(
        replace(pair, chance=chance, reasons=_weightiest(person, by, history))
        for pair, chance, by in zip(pairs, chances.tolist(), moved.T.tolist(), strict=True)
    )


def _weightiest(
    person: TastePrint, moved: Sequence[float], history: Mapping[Vote, Choice]
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
