"""The taste posterior as one thing: fitted to many people, kept on disk, making prints of one person or of many.

Enters: an image encoder, many people's votes and ratings; later one person's. Leaves: `PosteriorPrint`s.
Does not know: runs and their folders, evaluation, the in-context model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from tasteprint.config import PosteriorConfig
from tasteprint.data.decode import open_image as open_picture
from tasteprint.hub import push_folder
from tasteprint.posterior.alone import AlonePrior
from tasteprint.posterior.choice import find_prior
from tasteprint.posterior.learned_prior import Progress
from tasteprint.posterior.likelihoods import images_of, opinions_of
from tasteprint.posterior.predictor import PosteriorPredictor
from tasteprint.posterior.prints import PosteriorPrint, read_histories
from tasteprint.posterior.storage import load_posterior, overlaps, save_posterior, smallest_hashes
from tasteprint.posterior.threads import one_thread
from tasteprint.posterior.utilities import Embeddings, UtilityModel, checked_embeddings, embed_named
from tasteprint.posterior.verdict import ScoringEncoder
from tasteprint.types import History, Opinion, Scorer
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.feature_store import FeatureStore

if TYPE_CHECKING:
    from tasteprint.types import OpenImage

People = Mapping[str, Sequence[Opinion]]
"""Each person's opinions, by user id."""


@dataclass(frozen=True, eq=False)
class TastePosterior(UtilityModel):
    """Knows a person from a few votes by Bayes' rule: `u(z) = m(z) + w · h(z)`, w from a mixture of tastes.

    `fitted_on` are hashes of the names of images that it was fitted on.
    """

    fitted_on: tuple[int, ...] = ()

    @classmethod
    def fit(
        cls,
        people: People,
        config: PosteriorConfig,
        *,
        encoder: ImageEncoder | None = None,
        embeddings: Embeddings | None = None,
        held_out: People | None = None,
        at_hand: Sequence[str] = (),
        seed: int = 0,
        progress: Progress = lambda step, loss: None,
    ) -> TastePosterior:
        """Fit to what many people said; of a learned prior, keep what predicts `held_out` people best, if any.

        With "auto" the prior that predicts people best is taken: estimated from few people, nobody's for one alone; the
        model's config says which, and the log why. `at_hand` names more pictures, of which nobody said anything: they
        teach the features of priors that are not learned. Without `encoder` the config's is opened; without
        `embeddings`, image names are paths. ValueError where nobody has two opinions, for fewer than two such people
        where the prior is to be learned or estimated, and for embeddings that are not finite, of another width than the
        encoder's, or all the same.
        """
        encoder = encoder or ImageEncoder.from_pretrained(config.encoder)
        groups = [list(group.values()) for group in (people, held_out or {})]
        said = images_of(opinion for group in groups for opinions in group for opinion in opinions)
        names = list(dict.fromkeys([*said, *at_hand]))
        rows = checked_embeddings((embeddings or partial(embed_named, encoder))(names), encoder)
        if len(rows):
            _differing(rows)
        place = {name: row for row, name in enumerate(names)}
        train, validation = ([opinions_of(opinions, place) for opinions in group] for group in groups)
        fitted = find_prior(names, rows, train, config, validation, seed, progress, encoder.column_weights)
        return cls(encoder, replace(config, prior=fitted.kind), fitted, smallest_hashes(said))

    @classmethod
    def alone(
        cls,
        config: PosteriorConfig,
        embeddings: Float[np.ndarray, "n e"],
        encoder: ImageEncoder | None = None,
    ) -> TastePosterior:
        """Know a person by their own answers alone; nobody else's are needed, and nothing is trained.

        `embeddings` are those of pictures at hand, the more the better, whether or not anybody said anything of them.
        Of a `ScoringEncoder` they end in a scorer's verdict, which is a taste that the person may share; see `sharing`.
        ValueError where they are fewer than two, do not fit the encoder or are all the same.
        """
        encoder = encoder or ImageEncoder.from_pretrained(config.encoder)
        rows = _differing(checked_embeddings(embeddings, encoder))
        judged = isinstance(encoder, ScoringEncoder)
        with one_thread():
            fitted = AlonePrior.of(rows, encoder.column_weights, judged)
        return cls(encoder, replace(config, prior="alone"), fitted)

    def sharing(self, scorer: Scorer, prompt: str = "") -> TastePosterior:
        """Give the model whose people may share a scorer's taste, by how much their answers say; this one stays.

        A scorer is any reward model or a print; it sees every picture with `prompt`. Its verdict counts as soon as the
        model knows which pictures are `at_hand`. ValueError for a prior that was fitted to people, who have a shared
        taste of their own.
        """
        if not isinstance(self.fitted, AlonePrior):
            raise ValueError(
                f"a prior that was {self.fitted.kind} from other people has their shared taste; expected one that "
                "needs nobody to take a scorer's: open 'photos'."
            )
        eye = self.encoder.eye if isinstance(self.encoder, ScoringEncoder) else self.encoder
        return type(self)(
            ScoringEncoder.of(eye, scorer, prompt), self.config, self.fitted.awaiting_verdicts()
        )

    def at_hand(self, embeddings: Float[np.ndarray, "n e"]) -> TastePosterior:
        """Give the model that knows people by features learned from these pictures; this one stays as it is.

        A prior that was fitted to people has features of its own, and is given back.
        """
        if not isinstance(self.fitted, AlonePrior):
            return self
        return type(self).alone(self.config, embeddings, self.encoder)

    @classmethod
    def from_pretrained(cls, name: str | Path, scorer: Scorer | None = None) -> TastePosterior:
        """Load a folder or a Hub repository; with the scorer whose taste its people may share, if there was one.

        ValueError where it is damaged, or its encoder or scorer is not the one it had.
        """
        return cls(*load_posterior(name, scorer))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write what was fitted (safetensors), and the encoder's name and fingerprint; not its weights."""
        save_posterior(Path(folder), self.encoder, self.config, self.fitted, self.fitted_on)

    def push_to_hub(self, repository: str, private: bool = False) -> str:
        """Save and upload to the Hub; returns the commit's address."""
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push_folder(Path(folder), repository, private)

    def expect_known(self, names: Sequence[str]) -> None:
        """ValueError where the posterior was fitted on other images: none of the names that it keeps is among these."""
        if self.fitted_on and not overlaps(names, self.fitted_on):
            raise ValueError(
                f"the taste posterior learned from other images, none of these {len(names)}; expected one that learned "
                "from this dataset: let the run learn its own (teacher.posterior=learn)."
            )

    def print_of(self, history: History, open_image: OpenImage = open_picture) -> PosteriorPrint:
        """Infer a person's taste from their votes and ratings; `open_image` opens the names in them."""
        return self.prints_of([history], open_image)[0]

    def prints_of(
        self,
        histories: Sequence[History],
        open_image: OpenImage = open_picture,
        embeddings: Embeddings | None = None,
    ) -> list[PosteriorPrint]:
        """Prints of many people at once, each as it would be alone. The order of opinions does not matter.

        With `embeddings` no image is opened.
        """
        return read_histories(self, histories, embeddings or partial(self.embed, open_image=open_image))

    def predictor(
        self, open_image: OpenImage, folder: str | Path, at_hand: Sequence[str] = ()
    ) -> PosteriorPredictor:
        """Give what evaluation reads people through; embeddings are kept in `folder`.

        `at_hand` names the pictures at hand, from which a prior that needs nobody has its features.
        """
        rows = FeatureStore(Path(folder), self.encoder, open_image).rows
        model = self.at_hand(rows(at_hand)) if at_hand and isinstance(self.fitted, AlonePrior) else self
        return PosteriorPredictor(model, rows)


def _differing(rows: Float[Tensor, "n e"]) -> Float[Tensor, "n e"]:
    if len(rows) < 2:
        raise ValueError(
            f"{len(rows)} pictures are at hand; expected at least two different ones: give more."
        )
    if not (rows.std(dim=0) > 0).any():
        raise ValueError(
            f"the embeddings of all {len(rows)} images are the same; expected some that differ: check the encoder."
        )
    return rows
