"""A person as the posterior sees them: a few kilobytes, a dot product a score.

Enters: a posterior, what a person said, the belief that follows. Leaves: a `Scorer`, and calibrated choices.
Does not know: training, files of votes. Nothing here changes a print once it is made.

Many people at once: a person is one row of numbers, so all scores of all people are one matrix product.

Enters: prints, or rows of tastes. Leaves: scores of people by images. Does not know: how prints are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from tasteprint.data.decode import open_image as open_picture
from tasteprint.posterior.likelihoods import Answers, Opinion, answers, images_of, opinions_of
from tasteprint.posterior.mixture import MixturePosterior, infer
from tasteprint.posterior.storage import read_print, write_print

if TYPE_CHECKING:
    from tasteprint.posterior.model import Embeddings, TastePosterior
    from tasteprint.types import OpenImage


Pictures = Sequence[Image.Image] | Float[Tensor, "b 3 h w"]
"""PIL pictures, read by the encoder's own processor, or images in [0, 1], with gradients to their pixels."""


class ImageUtilities(NamedTuple):
    """Images as the posterior reads them: name, shared utility m, features h."""

    names: tuple[str, ...]
    shared: Float[Tensor, " images"]
    features: Float[Tensor, "images d"]

    @property
    def place(self) -> dict[str, int]:
        """The row of each name."""
        return {name: row for row, name in enumerate(self.names)}

    def only(self, names: Sequence[str], place: Mapping[str, int]) -> ImageUtilities:
        """Some of them, in the order given."""
        rows = torch.tensor([place[name] for name in names], dtype=torch.long)
        return ImageUtilities(tuple(names), self.shared[rows], self.features[rows])

    def with_more(self, other: ImageUtilities) -> ImageUtilities:
        """These and others, by name."""
        both = ImageUtilities(
            self.names + other.names,
            torch.cat([self.shared, other.shared]),
            torch.cat([self.features, other.features]),
        )
        return both.only(sorted(both.names), both.place)


class PosteriorPrint:
    """One person. `score` is the expected utility in logits, higher is better; prompts are not read."""

    def __init__(
        self,
        posterior: TastePosterior,
        user_id: str,
        said: Sequence[Opinion],
        shown: ImageUtilities,
        belief: MixturePosterior,
    ) -> None:
        """Hold what was said, the images that it was about, and what is believed for it: see `believe`."""
        self.posterior = posterior
        self.user_id = user_id
        self.said = tuple(said)
        self.shown = shown
        self.belief = belief
        self.made_from = posterior.fingerprint

    @property
    def members(self) -> Float[Tensor, " r"]:
        """Shares of the R tastes that the person is made of; they sum to 1."""
        return self.belief.log_weights.exp()

    def check(self) -> None:
        """ValueError where the posterior has learned anew since the print was made."""
        if self.made_from != self.posterior.fingerprint:
            raise ValueError(
                f"the print of user {self.user_id!r} was made by another state of the posterior; expected the one "
                "that it scores with: make it again with `print_of`."
            )

    def score(
        self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str] = (), pessimism: float = 0.0
    ) -> Float[Tensor, " b"]:
        """Score images in [0, 1], with gradients to the pixels; see `score_rows` for `pessimism`."""
        return self.score_rows(self.posterior.encoder.embed(images), pessimism)

    @torch.no_grad()
    def score_pictures(
        self, pictures: Sequence[Image.Image], prompts: Sequence[str] = (), pessimism: float = 0.0
    ) -> Float[Tensor, " b"]:
        """Score PIL pictures through the encoder's own processor, without gradients."""
        return self.score_rows(self.posterior.encoder.embed_pictures(pictures), pessimism)

    def score_rows(self, embeddings: Float[Tensor, "b e"], pessimism: float = 0.0) -> Float[Tensor, " b"]:
        """Score images by their embeddings; `pessimism` takes off so many standard deviations of the belief.

        The expected utility is `m + E[w] · h`, one dot product; a cautious one does not reward what is unknown.
        """
        self.check()
        shared, features = self.posterior.utilities(embeddings)
        if not pessimism:
            return shared + features @ self.belief.taste.to(features)
        mean, variance = self.belief.utility(shared.double(), features.double())
        return (mean - pessimism * variance.sqrt()).to(features)

    def prefers(self, a: Pictures, b: Pictures) -> Float[Tensor, " b"]:
        """Probability that the person prefers each of `a` to the one of `b` at its place; calibrated."""
        if len(a) != len(b):
            raise ValueError(f"{len(a)} pictures were set against {len(b)}; expected as many: give pairs.")
        return self.prefers_rows(self._embedded(a), self._embedded(b))

    def prefers_rows(self, a: Float[Tensor, "b e"], b: Float[Tensor, "b e"]) -> Float[Tensor, " b"]:
        """Do the same by embeddings: the weighted mean over tastes of σ(k mean), k = 1 / sqrt(1 + π/8 variance)."""
        self.check()
        (shared_a, features_a), (shared_b, features_b) = map(self.posterior.utilities, (a, b))
        asked = Answers.choices((features_a - features_b).double(), (shared_a - shared_b).double())
        return self.belief.predict_proba(asked).to(features_a)

    def extended(
        self,
        said: Sequence[Opinion],
        open_image: OpenImage = open_picture,
        embeddings: Embeddings | None = None,
    ) -> PosteriorPrint:
        """Give the print of all that was said before and this; only new images are looked at, or looked up."""
        self.check()
        new = sorted(set(images_of(said)) - set(self.shown.names))
        added = self.posterior.shown(new, embeddings or partial(self.posterior.embed, open_image=open_image))
        everything = sorted([*self.said, *said], key=repr)
        return believe(self.posterior, {self.user_id: everything}, self.shown.with_more(added))[0]

    def save(self, path: str | Path) -> None:
        """Write a safetensors file: some 400 bytes an opinion with 16 features."""
        self.check()
        tensors = {"shared": self.shown.shared, "features": self.shown.features}
        write_print(Path(path), self.made_from, self.user_id, self.said, self.shown.names, tensors)

    @staticmethod
    def load(path: str | Path, posterior: TastePosterior) -> PosteriorPrint:
        """Read a file that `save` wrote. ValueError where it is damaged, no print, or another posterior's."""
        user, said, names, kept = read_print(Path(path), posterior.fingerprint, posterior.config.features)
        return believe(posterior, {user: said}, ImageUtilities(names, kept["shared"], kept["features"]))[0]

    def _embedded(self, pictures: Pictures) -> Float[Tensor, "b e"]:
        if isinstance(pictures, Tensor):
            return self.posterior.encoder.embed(pictures)
        return self.posterior.encoder.embed_pictures(pictures)


@torch.no_grad()
def believe(
    posterior: TastePosterior, people: Mapping[str, Sequence[Opinion]], shown: ImageUtilities
) -> list[PosteriorPrint]:
    """Make prints of people, all in one pass, from what they said in a fixed order and the images that show in it."""
    place = shown.place
    rows = [opinions_of(said, place) for said in people.values()]
    belief = infer(posterior.learner.prior, answers(rows, *shown[1:], posterior.learner.cutpoints.table()))
    return [
        PosteriorPrint(posterior, user, said, shown.only(sorted(images_of(said)), place), belief.of(i))
        for i, (user, said) in enumerate(people.items())
    ]


@dataclass(frozen=True, slots=True)
class Crowd:
    """People of one posterior, by their expected tastes: 4 bytes a feature and person."""

    posterior: TastePosterior
    users: Sequence[str]
    tastes: Float[Tensor, "people d"]

    @classmethod
    def of(cls, prints: Sequence[PosteriorPrint]) -> Crowd:
        """Gather prints. ValueError for none, or for prints of several posteriors."""
        if not prints or any(taste.made_from != prints[0].made_from for taste in prints):
            raise ValueError(
                f"{len(prints)} prints of {len({taste.made_from for taste in prints})} posteriors came in; expected "
                "some, of one: gather them apart."
            )
        tastes = torch.stack([taste.belief.taste for taste in prints]).float()
        return cls(prints[0].posterior, [taste.user_id for taste in prints], tastes)

    @torch.no_grad()
    def score_rows(self, embeddings: Float[Tensor, "b e"]) -> Float[Tensor, "people b"]:
        """Expected utility of every image for every person, each as that person's print gives it."""
        shared, features = self.posterior.utilities(embeddings)
        return torch.addmm(shared[None, :], self.tastes, features.T)
