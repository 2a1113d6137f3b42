"""What published scorers say of pictures, as features: the literature's way to make general scorers personal.

Enters: scorers, what opens images, candidates. Leaves: a score a scorer, each computed once. Does not know: which
scorers they are, people. With `baselines.logistic_of_candidates` each person weighs the scorers by their own votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from tasteprint.types import Candidate, OpenImage

AT_ONCE = 64
"""Pictures that are open together."""


class ScorerFeatures:
    """Scores of candidates by several scorers, a column each, kept in memory."""

    def __init__(self, scorers: Sequence[Any], open_image: OpenImage) -> None:
        """Take scorers with `score_pictures` (`scorers.open_scorer`). ValueError for none."""
        if not scorers:
            raise ValueError("there are no scorers to make features of; expected at least one: name some.")
        self._scorers, self._open_image = scorers, open_image
        self._kept: dict[Candidate, np.ndarray] = {}

    def __call__(self, candidates: Sequence[Candidate]) -> Float[np.ndarray, "n k"]:
        """Give each candidate's scores, scoring those that are new."""
        new = [one for one in dict.fromkeys(candidates) if one not in self._kept]
        for start in range(0, len(new), AT_ONCE):
            some = new[start : start + AT_ONCE]
            pictures = [self._open_image(image) for image, _ in some]
            prompts = [prompt for _, prompt in some]
            columns = [np.asarray(scorer.score_pictures(pictures, prompts)) for scorer in self._scorers]
            self._kept.update(zip(some, np.stack(columns, axis=1).astype(np.float64), strict=True))
        return (
            np.stack([self._kept[one] for one in candidates])
            if candidates
            else np.zeros((0, len(self._scorers)))
        )
