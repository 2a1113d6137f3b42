"""The taste posterior as one thing that learns, is kept, and makes prints of people.

Enters: an image encoder, many people's votes and ratings. Leaves: `PosteriorPrint`s, features of images.
Does not know: training folders, evaluation, the multimodal model but as one encoder among others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.data.decode import open_image as open_picture
from tasteprint.hub import push_folder as push
from tasteprint.provenance import fingerprint

if TYPE_CHECKING:
    from tasteprint.types import OpenImage
from tasteprint.posterior.cross_validation import find_prior
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior, utilities
from tasteprint.posterior.learned_prior import LearnedPrior, Progress
from tasteprint.posterior.likelihoods import Opinion, images_of, opinions_of
from tasteprint.posterior.prints import ImageUtilities, PosteriorPrint, believe
from tasteprint.posterior.storage import load, save, sketch, some_are_in
from tasteprint.types import History, Rating
from tasteprint.vision.encoder import ImageEncoder

Embeddings = Callable[[Sequence[str]], Float[np.ndarray, "n e"]]
"""Image names to one row each: a `FeatureStore`'s `rows`, or anything that computes them."""

People = Mapping[str, Sequence[Opinion]]
"""What each person said, by user id."""


class TastePosterior:
    """Knows a person from a few votes, in closed form: `u(z) = m(z) + w · h(z)`, w from a mixture of tastes."""

    def __init__(
        self,
        encoder: ImageEncoder,
        config: PosteriorConfig,
        learner: LearnedPrior | EmpiricalBayesPrior | None = None,
        learned_from: tuple[int, ...] = (),
    ) -> None:
        """Hold a frozen encoder, what was learned, and a sketch of the images' names; without, `fit` comes first."""
        self.encoder = encoder
        self.config = config
        self._learner = learner
        self._learned_from = learned_from
        self._fingerprint: str | None = None

    @classmethod
    def from_config(cls, config: PosteriorConfig) -> TastePosterior:
        """Open the config's encoder; nothing is learned yet."""
        return cls(ImageEncoder.from_pretrained(config.encoder), config)

    @classmethod
    def from_pretrained(cls, name: str | Path) -> TastePosterior:
        """Load a folder or a Hub repository. ValueError where it is damaged, or its encoder is not the one it had."""
        return cls(*load(name))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write what was learned (safetensors), and the encoder's name and fingerprint; not its weights."""
        save(Path(folder), self.encoder, self.config, self.learner, self._learned_from)

    def push_to_hub(self, repository: str, private: bool = False) -> str:
        """Save and upload to the Hub; returns the commit's address."""
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push(Path(folder), repository, private)

    @property
    def learner(self) -> LearnedPrior | EmpiricalBayesPrior:
        """What was learned. ValueError before `fit`."""
        if self._learner is None:
            raise ValueError(
                "this posterior has learned from nobody; expected one that has: call `fit` first."
            )
        return self._learner

    @property
    def fingerprint(self) -> str:
        """Name of the encoder's weights and of all that was learned; a print belongs to one of these."""
        if self._fingerprint is None:
            told = f"{self.encoder.fingerprint} {fingerprint(self.learner)}"
            self._fingerprint = sha256(told.encode()).hexdigest()
        return self._fingerprint

    def fit(
        self,
        people: People,
        embeddings: Embeddings | None = None,
        held_out: People | None = None,
        seed: int = 0,
        progress: Progress = lambda step, loss: None,
    ) -> TastePosterior:
        """Learn from what many people said; keeps what foretells `held_out` people best, where there are any.

        From few people a prior is estimated instead, if `config.prior` says so or "auto" finds it better. Without
        `embeddings`, image names are paths. ValueError for fewer than two people with two opinions, and for embeddings
        that are not finite, of another width than the encoder's, or all the same.
        """
        everyone = [*people.values(), *(held_out or {}).values()]
        names = images_of([one for said in everyone for one in said])
        rows = self.checked((embeddings or self.embed)(names))
        if len(rows) and not (rows.std(dim=0) > 0).any():
            raise ValueError(
                f"the embeddings of all {len(rows)} images are the same; expected some that differ: check the encoder."
            )
        place = {name: row for row, name in enumerate(names)}
        taught, asked = (
            [opinions_of(said, place) for said in group.values()] for group in (people, held_out or {})
        )
        self._learner = find_prior(names, rows, taught, self.config, asked, seed, progress)
        self._learned_from, self._fingerprint = sketch(names), None
        return self

    def expect_known(self, names: Sequence[str]) -> None:
        """ValueError where the posterior learned from other images: the names that it remembers are not among these."""
        if self._learned_from and not some_are_in(names, self._learned_from):
            raise ValueError(
                f"the taste posterior learned from other images, none of these {len(names)}; expected one that learned "
                "from this dataset: let the run learn its own (teacher.posterior=learn)."
            )

    def print_of(
        self, history: History, open_image: OpenImage = open_picture, ratings: Sequence[Rating] = ()
    ) -> PosteriorPrint:
        """Believe what a person's votes (and ratings) tell; `open_image` opens the names in them."""
        said: People = {history.user_id: (*history.votes, *ratings)}
        return self.prints_of(said, partial(self.embed, open_image=open_image))[0]

    def prints_of(self, people: People, embeddings: Embeddings | None = None) -> list[PosteriorPrint]:
        """Prints of many people at once, each as it would be alone. The order of what they said does not matter."""
        names = sorted(images_of([one for said in people.values() for one in said]))
        shown = self.shown(names, embeddings or self.embed)
        return believe(self, {user: sorted(said, key=repr) for user, said in people.items()}, shown)

    @torch.no_grad()
    def shown(self, names: Sequence[str], embeddings: Embeddings) -> ImageUtilities:
        """Give what a print keeps of images: their shared utility and features, in float32.

        An estimated prior knows the images that its raters rated by name.
        """
        return ImageUtilities(tuple(names), *utilities(self.learner, names, self.checked(embeddings(names))))

    @torch.no_grad()
    def embed(self, names: Sequence[str], open_image: OpenImage = open_picture) -> Float[np.ndarray, "n e"]:
        """Embed images by name, anew."""
        return self.encoder.embed_pictures([open_image(name) for name in names]).numpy(force=True)

    def utilities(
        self, embeddings: Float[Tensor, "*n e"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give the shared utility m and the features h of images by their embeddings alone, differentiable."""
        return self.learner.map(embeddings)

    def checked(self, rows: Float[np.ndarray, "n e"]) -> Float[Tensor, "n e"]:
        """Embeddings as a tensor. ValueError where they are not finite or not of the encoder's width."""
        if rows.ndim != 2 or rows.shape[1] != self.encoder.width:
            raise ValueError(
                f"embeddings of shape {rows.shape} came in; expected {self.encoder.width} numbers an image, as "
                f"{self.encoder.name} gives: embed with the encoder that the posterior learned from."
            )
        if not np.isfinite(rows).all():
            row = int(np.nonzero(~np.isfinite(rows).all(axis=1))[0][0])
            raise ValueError(
                f"embedding {row} of {len(rows)} is not finite; expected numbers: embed it again."
            )
        return torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
