"""Both models of one person, looking at the same pictures.

Enters: an in-context model, a taste posterior, pictures by name. Leaves: predictors. Does not know: worlds, figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tasteprint.incontext.images import StoredTokens
from tasteprint.incontext.model import InContextModel
from tasteprint.methods import open_model
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.predictor import PosteriorPredictor
from tasteprint.simulate.painter import Picture, paint
from tasteprint.types import Predictor
from tasteprint.vision.feature_store import FeatureStore

if TYPE_CHECKING:
    from tasteprint.posterior.utilities import Embeddings
    from tasteprint.types import OpenImage


@dataclass(frozen=True)
class ModelPair:
    """A model, the posterior beside it, how pictures are opened, and the folder that keeps what both see of them."""

    model: InContextModel
    posterior: TastePosterior
    open_image: OpenImage
    folder: Path

    @cached_property
    def images(self) -> StoredTokens:
        """What the model sees: visual tokens by image name."""
        store = FeatureStore(self.folder, self.model.image_encoder, self.open_image)
        return StoredTokens(store, self.model.network.backbone.width)

    @cached_property
    def embeddings(self) -> Embeddings:
        """What the posterior sees."""
        return FeatureStore(self.folder, self.posterior.encoder, self.open_image).rows

    @cached_property
    def in_context(self) -> Predictor:
        """Predict by the model; a pair's difference of margins is its log odds."""
        return self.model.predictor(self.open_image, self.folder)

    @cached_property
    def by_posterior(self) -> PosteriorPredictor:
        """Predict by the posterior: log odds of pairs, and expected utilities where it is called."""
        return PosteriorPredictor(self.posterior, self.embeddings)

    def with_model(self, model: InContextModel) -> ModelPair:
        """The same with another model."""
        return replace(self, model=model)


def open_pair(model: str, posterior: str, pictures: Mapping[str, Picture], folder: Path) -> ModelPair:
    """Open both by folder (a run's or a model's) or Hub name, to look at painted pictures.

    ValueError where one is not of its kind.
    """
    one, other = open_model(model), open_model(posterior)
    if not isinstance(one, InContextModel) or not isinstance(other, TastePosterior):
        raise ValueError(
            f"model {model!r} is a {type(one).__name__} and posterior {posterior!r} a {type(other).__name__}; expected "
            "an InContextModel and a TastePosterior: exchange or correct them."
        )
    return ModelPair(one, other, painted(pictures), folder)


def painted(pictures: Mapping[str, Picture]) -> Callable[[str], Image.Image]:
    """Open pictures by painting them."""

    def opened(name: str) -> Image.Image:
        picture = pictures[name]
        return paint(picture.subject, picture.attributes, picture.seed)

    return opened
