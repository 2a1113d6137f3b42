"""Both ways to know a person, looking at the same pictures.

Enters: a preference model, a taste posterior, pictures by name. Leaves: readers of people. Does not know: worlds,
figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from tasteprint.evaluate.predictors import Candidate, PosteriorPredictor, Predictor
from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.prints import OpenImage
from tasteprint.methods import open_model
from tasteprint.posterior.model import Embeddings, TastePosterior
from tasteprint.simulate.painter import Picture, paint
from tasteprint.types import History
from tasteprint.vision.feature_store import FeatureStore


@dataclass(frozen=True)
class ModelPair:
    """A model, the posterior beside it, how pictures are opened, and the folder that keeps what both see of them."""

    model: InContextModel
    posterior: TastePosterior
    open_image: OpenImage
    folder: Path

    @cached_property
    def images(self) -> FeatureStore:
        """What the model sees."""
        return FeatureStore(self.folder, self.model, self.open_image)

    @property
    def rows(self) -> Embeddings:
        """What the posterior sees."""
        return self._embedded.rows

    @property
    def in_context(self) -> Predictor:
        """The model; a pair's difference of margins is its log odds, at the model's temperature where it has one."""
        temperature = float(getattr(self.model.settings, "temperature", 1.0))

        def read(histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]) -> list[np.ndarray]:
            return [margins / temperature for margins in self.model.margins(histories, candidates, self.images)]

        return read

    @property
    def by_posterior(self) -> PosteriorPredictor:
        """The posterior: log odds of pairs, and expected utilities where it is called."""
        return PosteriorPredictor(self.posterior, self.rows)

    def with_model(self, model: InContextModel) -> ModelPair:
        """The same with another model."""
        return replace(self, model=model.requires_grad_(False))

    @cached_property
    def _embedded(self) -> FeatureStore:
        return FeatureStore(self.folder, self.posterior.encoder, self.open_image)


def open_pair(model: str, posterior: str, pictures: Mapping[str, Picture], folder: Path) -> ModelPair:
    """Open both by folder (a run's or a model's) or Hub name, to look at painted pictures.

    ValueError where one is the other way to know a person.
    """
    one, other = open_model(model), open_model(posterior)
    if not isinstance(one, InContextModel) or not isinstance(other, TastePosterior):
        raise ValueError(
            f"model {model!r} is a {type(one).__name__} and posterior {posterior!r} a {type(other).__name__}; expected "
            "a PreferenceModel and a TastePosterior: exchange or correct them."
        )

    def painted(name: str) -> Image.Image:
        picture = pictures[name]
        return paint(picture.subject, picture.attributes, picture.seed)

    return ModelPair(one.requires_grad_(False), other, painted, folder)
