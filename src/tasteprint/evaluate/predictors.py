"""The one form in which everything is measured: a reader of people.

Enters: a reader and examples. Leaves: each person's margins at each target pair, liked image first.
Does not know: what a reader is made of, a model or a count of votes, nor what is made of the margins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float

from tasteprint.types import Example, History

Candidate = tuple[str, str]
"""An image id and the prompt it was shown for."""

Predictor = Callable[[Sequence[History], Sequence[Sequence[Candidate]]], list[np.ndarray]]
"""Histories, one a person, and each person's candidates give each person's margins `M+ - M-`.

A margin is a float, one a candidate, higher is better; `sigmoid(margin of a - margin of b)` is read as the
probability that the person prefers a to b. A person's margins must not depend on who else is in the call.
A reader whose probability of a pair is no difference of two scores has a method `pairs` of the same form, for
candidates that come as pairs.
"""

PEOPLE_A_CALL = 16
"""So many people are read at once, which bounds the memory of a call."""


def predict_pairs(
    predictor: Predictor,
    examples: Sequence[Example],
    people: int = PEOPLE_A_CALL,
    progress: Callable[[int], None] | None = None,
) -> list[Float[np.ndarray, "targets 2"]]:
    """Read every target of every example: one row a target pair, its liked image in column 0.

    `progress` is told the number of people read so far. ValueError where the reader gives something else than
    one finite margin a candidate.
    """
    margins: list[np.ndarray] = []
    for batch in _batches(examples, people):
        candidates = [target_candidates(example) for example in batch]
        given = predictor([example.history for example in batch], candidates)
        if len(given) != len(batch):
            raise ValueError(
                f"a reader gave margins of {len(given)} people; expected {len(batch)}, one array a history: "
                "repair the reader."
            )
        margins += [_checked(*row) for row in zip(given, candidates, batch, strict=True)]
        if progress is not None:
            progress(len(margins))
    return margins


def target_candidates(example: Example) -> list[Candidate]:
    """Give both images of every target as candidates, the liked one first."""
    return [(image, vote.prompt) for vote in example.targets for image in (vote.liked, vote.disliked)]


def _batches(examples: Sequence[Example], people: int) -> Iterator[Sequence[Example]]:
    for start in range(0, len(examples), people):
        yield examples[start : start + people]


def _checked(given: np.ndarray, candidates: Sequence[Candidate], example: Example) -> np.ndarray:
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (len(candidates),) or not np.isfinite(values).all():
        raise ValueError(
            f"a reader gave user {example.history.user_id!r} margins of shape {values.shape}, "
            f"{int(np.isfinite(values).sum())} of them finite; expected {len(candidates)} finite numbers, "
            "one a candidate: look for a training that diverged, or repair the reader."
        )
    return values.reshape(-1, 2)
