"""What everything is measured through: predictors, and how any model becomes one.

Enters: a `TasteModel` and a dataset; a predictor and examples. Leaves: a predictor; each person's margins at each
target pair, liked image first. Does not know: which model it is, what is computed from the margins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.types import Candidate, Example, History, Predictor, TasteModel

if TYPE_CHECKING:
    from PIL import Image

    from tasteprint.data.dataset import Dataset
    from tasteprint.types import OpenImage

PEOPLE_A_CALL = 16
"""So many people are in one call of a predictor, which bounds its memory."""


@runtime_checkable
class HasPredictor(Protocol):
    """A model with a predictor of its own, quicker than through its prints."""

    def predictor(self, open_image: OpenImage, folder: Path, at_hand: Sequence[str] = ()) -> Predictor:
        """Give a predictor for images known by name, which may keep what it computes of them in `folder`.

        `at_hand` names all of them, for models that learn from pictures without votes.
        """
        ...


def predictor_of(model: TasteModel, dataset: Dataset) -> Predictor:
    """Make any model a predictor for the images of a dataset: its own where it has one, else through its prints.

    ValueError where the dataset has no images.
    """
    images = dataset.images
    if isinstance(model, HasPredictor):
        return model.predictor(images.open, dataset.folder / "features", dataset.image_names())
    return PrintPredictor(model, images.open)


@dataclass(frozen=True)
class PrintPredictor:
    """Predicts through a model's prints. A call gives scores; `pairs` gives the log odds of `prefers`."""

    model: TasteModel
    open_image: OpenImage

    def __call__(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Score each person's candidates by that person's print."""
        prints = self.model.prints_of(histories, self.open_image)
        return [
            person.score_pictures(*self._opened(some), names=_names(some)).double().numpy(force=True)
            for person, some in zip(prints, candidates, strict=True)
        ]

    def pairs(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Margins whose difference within a pair (candidates 0 and 1, 2 and 3, ...) is the log odds of its choice."""
        found = []
        for person, some in zip(self.model.prints_of(histories, self.open_image), candidates, strict=True):
            pictures, prompts = self._opened(some)
            names = _names(some)
            pairs = list(zip(names[0::2], names[1::2], strict=True))
            chances = person.prefers(pictures[0::2], pictures[1::2], prompts[0::2], names=pairs)
            found.append(_half_log_odds(chances))
        return found

    def _opened(self, candidates: Sequence[Candidate]) -> tuple[list[Image.Image], list[str]]:
        return [self.open_image(name) for name, _ in candidates], [prompt for _, prompt in candidates]


def _names(candidates: Sequence[Candidate]) -> list[str]:
    return [name for name, _ in candidates]


def _half_log_odds(probabilities: Float[Tensor, " pairs"]) -> np.ndarray:
    """Give +/- half the log odds for the two candidates of each pair, one after the other."""
    odds = torch.logit(probabilities.double(), eps=1e-12) / 2
    return torch.stack([odds, -odds], dim=1).flatten().numpy(force=True)


def predict_pairs(
    predictor: Predictor,
    examples: Sequence[Example],
    people: int = PEOPLE_A_CALL,
    progress: Callable[[int], None] | None = None,
) -> list[Float[np.ndarray, "targets 2"]]:
    """Predict every target of every example: one row a target pair, its liked image in column 0.

    `progress` gets the number of people done so far. ValueError where the predictor gives something else than
    one finite margin a candidate.
    """
    margins: list[np.ndarray] = []
    for batch in _batches(examples, people):
        candidates = [target_candidates(example) for example in batch]
        given = predictor([example.history for example in batch], candidates)
        if len(given) != len(batch):
            raise ValueError(
                f"a predictor gave margins of {len(given)} people; expected {len(batch)}, one array a history: "
                "repair the predictor."
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
            f"a predictor gave user {example.history.user_id!r} margins of shape {values.shape}, "
            f"{int(np.isfinite(values).sum())} of them finite; expected {len(candidates)} finite numbers, "
            "one a candidate: look for a training that diverged, or repair the predictor."
        )
    return values.reshape(-1, 2)
