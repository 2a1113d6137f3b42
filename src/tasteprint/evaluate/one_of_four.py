"""One liked image against three disliked ones of the same person (P table 2), from margins already read.

Enters: examples and the margins of their targets. Leaves: each person's chances of the first places.
Does not know: readers, images.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tasteprint.evaluate.ranking import top_outcomes
from tasteprint.types import Example

OTHERS = 3


def one_of_four(
    examples: Sequence[Example], margins: Sequence[Float[np.ndarray, "_ 2"]], seed: int
) -> list[Float[np.ndarray, "_ 3"]]:
    """Each person's liked target images against three disliked ones, one row a liked image: top 1, 2, 3.

    P leaves the draw open; here the three come at random, seeded by person, from the person's disliked
    target images, which the history does not show; the liked image's own rival may be among them. Each image
    counts once, with the prompt it was first shown for; images that the person liked in one target and
    disliked in another are left out, and so are people with fewer than three disliked images.
    """
    rows = [_person(example, pairs, seed) for example, pairs in zip(examples, margins, strict=True)]
    return [row for row in rows if len(row)]


def _person(example: Example, pairs: Float[np.ndarray, "_ 2"], seed: int) -> Float[np.ndarray, "_ 3"]:
    liked: dict[str, float] = {}
    disliked: dict[str, float] = {}
    for vote, (plus, minus) in zip(example.targets, pairs.tolist(), strict=True):
        liked.setdefault(vote.liked, plus)
        disliked.setdefault(vote.disliked, minus)
    good = [value for image, value in liked.items() if image not in disliked]
    bad = [value for image, value in disliked.items() if image not in liked]
    if not good or len(bad) < OTHERS:
        return np.empty((0, OTHERS))
    rng = random.Random(f"{seed}:{example.history.user_id}")
    return top_outcomes(np.array(good), np.array([rng.sample(bad, OTHERS) for _ in good]))
