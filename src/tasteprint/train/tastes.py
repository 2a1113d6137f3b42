"""Shared tastes from a dataset's training people, on a model's own visual tokens.

Enters: votes by user and features by image name. Leaves: fitted `SharedTastes` and the features they saw.
Does not know: stages, trainers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.model.features import FeatureStore
from tasteprint.model.tastes import SharedTastes, Votes, fit
from tasteprint.types import Vote

VotesByUser = Mapping[str, Sequence[Vote]]


def fit_tastes(
    images: FeatureStore, train: VotesByUser, held_out: VotesByUser, tastes: int, steps: int, seed: int
) -> tuple[SharedTastes, Float[Tensor, "n d"]]:
    """Fit on training people, keep what foresees the held-out ones best; ties are left out."""
    votes = [vote for people in (train, held_out) for many in people.values() for vote in many]
    place = {
        name: row for row, name in enumerate(dict.fromkeys(image for vote in votes for image in vote.images))
    }
    features = images(list(place))["image_features"].flatten(1)
    learn, check = ([_rows(many, place) for many in people.values()] for people in (train, held_out))
    return fit(features, learn, check, tastes=tastes, steps=steps, seed=seed), features


def _rows(votes: Sequence[Vote], place: Mapping[str, int]) -> Votes:
    rows = [(place[vote.liked], place[vote.disliked]) for vote in votes if not vote.is_tie]
    return torch.tensor(rows, dtype=torch.long).reshape(-1, 2)
