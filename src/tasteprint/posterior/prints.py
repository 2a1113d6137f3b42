"""A person as the posterior sees them: a few kilobytes, a dot product a score.

Enters: a fitted model, a person's opinions. Leaves: a `Print`, calibrated choices, scores of many people at once.
Does not know: how priors are fitted, logs of votes. Nothing here changes a print once it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from tasteprint.data.decode import open_image as open_picture
from tasteprint.files import write_bytes
from tasteprint.posterior.inference import answer_shares, infer
from tasteprint.posterior.likelihoods import Answers, images_of, opinion_numbers, opinions_of
from tasteprint.posterior.mixture import MixturePosterior
from tasteprint.posterior.storage import print_parts, read_print
from tasteprint.posterior.threads import one_thread
from tasteprint.posterior.utilities import Embeddings, ImageUtilities, UtilityModel
from tasteprint.reopening import reopened
from tasteprint.tensor_files import tensors_as_bytes
from tasteprint.types import History, Opinion, Scorer
from tasteprint.vision.pixels import checked_pictures, require_pairs

if TYPE_CHECKING:
    from tasteprint.types import OpenImage, Pictures

ROWS = 2048
"""Images that are set against all the pictures at hand together."""


@dataclass(frozen=True, eq=False)
class PosteriorPrint:
    """One person. A score is the expected utility in logits, higher is better; prompts are not read.

    `opinions` stand in a fixed order, `images` are those that they are about, `belief` is the posterior given them.
    """

    model: UtilityModel
    user_id: str
    opinions: tuple[Opinion, ...]
    images: ImageUtilities
    belief: MixturePosterior

    @property
    def fingerprint(self) -> str:
        """That of the model."""
        return self.model.fingerprint

    @property
    def memberships(self) -> Float[Tensor, " r"]:
        """Shares of the R tastes that the person is made of; they sum to 1."""
        return self.belief.log_weights.exp()

    @property
    def shares(self) -> Float[Tensor, " r"]:
        """How common each of these tastes is in the population; they sum to 1."""
        return self.model.prior.log_weights.exp()

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that the print holds in memory; its file holds the images' alone."""
        return sum(part.nbytes for part in (self.images.shared, self.images.features, *self.belief))

    def score(
        self,
        images: Float[Tensor, "b 3 h w"],
        prompts: Sequence[str] = (),
        pessimism: float = 0.0,
        names: Sequence[str] = (),
    ) -> Float[Tensor, " b"]:
        """Score images in [0, 1], with gradients to the pixels; see `score_embeddings` for the rest."""
        return self.score_embeddings(self._embedded(images), pessimism, names)

    @torch.no_grad()
    def score_pictures(
        self,
        pictures: Sequence[Image.Image],
        prompts: Sequence[str] = (),
        pessimism: float = 0.0,
        names: Sequence[str] = (),
    ) -> Float[Tensor, " b"]:
        """Score PIL pictures through the encoder's own processor, without gradients."""
        return self.score_embeddings(self._embedded(pictures), pessimism, names)

    def score_embeddings(
        self, embeddings: Float[Tensor, "b e"], pessimism: float = 0.0, names: Sequence[str] = ()
    ) -> Float[Tensor, " b"]:
        """Score images by their embeddings; `pessimism` takes off so many standard deviations of the utility.

        The expected utility is `m + E[w] · h`, one dot product; a pessimistic one does not reward what is unknown. With
        `names`, one an image, what raters said of the very image counts, where the posterior was estimated from them.
        """
        shared, features = self.model.utilities(embeddings, names)
        if not pessimism:
            return shared + features @ self.belief.taste.to(features)
        mean, variance = self.belief.utility(shared.double(), features.double())
        return (mean - pessimism * variance.sqrt()).to(features)

    def pessimistic(self, deviations: float) -> Scorer:
        """Give the scorer of mean − deviations · standard deviation. ValueError unless that is a number from 0 on."""
        if not 0 <= deviations < float("inf"):
            raise ValueError(f"pessimism is {deviations}; expected a number of at least 0: correct it.")
        return PessimisticScorer(self, deviations)

    def prefers(
        self, a: Pictures, b: Pictures, prompts: Sequence[str] = (), names: Sequence[tuple[str, str]] = ()
    ) -> Float[Tensor, " b"]:
        """Probability that the person prefers each of `a` to the one of `b` at its place; calibrated.

        `names` are both images', a pair each; see `score_embeddings`.
        """
        require_pairs(a, b)
        return self.prefers_embeddings(self._embedded(a), self._embedded(b), names)

    def prefers_embeddings(
        self, a: Float[Tensor, "b e"], b: Float[Tensor, "b e"], names: Sequence[tuple[str, str]] = ()
    ) -> Float[Tensor, " b"]:
        """Do the same by embeddings: the weighted mean over tastes of σ(k mean), k = 1 / sqrt(1 + π/8 variance)."""
        shared_a, features_a = self.model.utilities(a, [pair[0] for pair in names])
        shared_b, features_b = self.model.utilities(b, [pair[1] for pair in names])
        pairs = Answers.choices((features_a - features_b).double(), (shared_a - shared_b).double())
        return self.belief.predict_proba(pairs).to(features_a)

    @torch.no_grad()
    def assess(
        self, embeddings: Float[Tensor, "b e"], names: Sequence[str] = ()
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
        """Give scores and standings of images by their embeddings, which are read once.

        A standing is the probability that the person prefers the image to one at random of the pictures at hand; of a
        posterior that has none at hand, to an image of utility 0: an average one.
        """
        shared, features = self.model.utilities(embeddings, names)
        return shared + features @ self.belief.taste.to(features), self._standing(shared, features)

    def _standing(self, shared: Float[Tensor, " b"], features: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        against = [part.double() for part in self.model.fitted.references()]
        parts = zip(shared.double().split(ROWS), features.double().split(ROWS), strict=True)
        found = [self.belief.preferred(*part, *against).mean(dim=-1) for part in parts]
        return torch.cat([shared.new_zeros(0), *found]).to(shared)

    @torch.no_grad()
    def evidence(
        self, embeddings: Float[Tensor, "b e"], names: Sequence[str] = ()
    ) -> Float[Tensor, "b opinions"]:
        """What each of `opinions` adds to the expected utility of each image, in logits; above 0 it speaks for it.

        The mean taste is the prior's and a sum over answers on top, so what they add to a utility is a sum too.
        """
        _, features = self.model.utilities(embeddings, names)
        rows = [opinions_of(self.opinions, self.images.place)]
        observed = self.model.fitted.answers_of(rows, self.images.shared, self.images.features)
        adds = answer_shares(self.model.prior, self.belief, Answers(*(part[0] for part in observed)))
        summed = adds.new_zeros(len(self.opinions), adds.shape[1])
        summed.index_add_(0, opinion_numbers(self.opinions), adds)
        return features @ summed.T.to(features)

    def influence(self, a: Pictures, b: Pictures) -> Float[Tensor, "opinions b"]:
        """By how much log odds each opinion moves the choice of `a` over `b`: see `leave_one_out_influence`."""
        return leave_one_out_influence(self, self._embedded(a), self._embedded(b))

    def extended(
        self,
        opinions: Iterable[Opinion],
        open_image: OpenImage = open_picture,
        embeddings: Embeddings | None = None,
    ) -> PosteriorPrint:
        """Give the print of all earlier opinions and these; only new images are looked at, or looked up."""
        everything = (*self.opinions, *opinions)
        new = sorted(set(images_of(everything)) - set(self.images.names))
        added = self.model.images(new, embeddings or partial(self.model.embed, open_image=open_image))
        images = self.images.joined(added)
        return infer_prints(self.model, [(self.user_id, everything)], images, self.belief.batched())[0]

    def save(self, path: str | Path) -> None:
        """Write a safetensors file: some 400 bytes an opinion with 16 features."""
        write_bytes(Path(path), self.as_bytes())

    @staticmethod
    def load(path: str | Path, model: UtilityModel) -> PosteriorPrint:
        """Read a file that `save` wrote. ValueError where it is damaged, no print, or another posterior's."""
        return _read(Path(path), model)

    def as_bytes(self) -> bytes:
        """Give the bytes of the file that `save` writes."""
        tensors = {"shared": self.images.shared, "features": self.images.features}
        about = print_parts(self.fingerprint, self.user_id, self.opinions, self.images.names)
        return tensors_as_bytes(f"the print of {self.user_id!r}", tensors, about)

    @staticmethod
    def from_bytes(data: bytes, model: UtilityModel) -> PosteriorPrint:
        """Read what `as_bytes` gave; errors as for `load`."""
        return _read(data, model)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process without the model, which is found there by its fingerprint, or opened by its name."""
        model = self.model
        return reopened, (type(self), type(model), model.source, self.fingerprint, self.as_bytes())

    def _embedded(self, pictures: Pictures) -> Float[Tensor, "b e"]:
        if isinstance(pictures, Tensor):
            self.model.range.pictures([(pictures.shape[3], pictures.shape[2])] if pictures.ndim == 4 else [])
            return self.model.encoder.embed(pictures)
        pictures = list(checked_pictures(pictures))
        self.model.range.pictures(picture.size for picture in pictures if isinstance(picture, Image.Image))
        return self.model.encoder.embed_pictures(pictures)


def _read(source: Path | bytes, model: UtilityModel) -> PosteriorPrint:
    user, opinions, names, kept = read_print(source, model.fingerprint, model.prior.means.shape[1])
    images = ImageUtilities(names, kept["shared"], kept["features"])
    return infer_prints(model, [(user, opinions)], images)[0]


@dataclass(frozen=True, slots=True)
class PessimisticScorer:
    """A person's print as a scorer that does not reward what is unknown; see `PosteriorPrint.pessimistic`."""

    taste: PosteriorPrint
    deviations: float

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score images in [0, 1], higher is better, with gradients to the pixels."""
        return self.taste.score(images, prompts, self.deviations)


@torch.no_grad()
def infer_prints(
    model: UtilityModel,
    people: Sequence[tuple[str, Sequence[Opinion]]],
    images: ImageUtilities,
    near: MixturePosterior | None = None,
) -> list[PosteriorPrint]:
    """Make prints of (user, opinions), all in one pass, from a table of all the images that they are about.

    A print keeps its opinions in one order, whatever order they come in, so that nothing depends on it. The search
    begins `near` what was believed of these people before, if given.
    """
    if not people:
        return []
    ordered = [(user, tuple(sorted(opinions, key=repr))) for user, opinions in people]
    rows = [opinions_of(opinions, images.place) for _, opinions in ordered]
    with one_thread():
        belief = infer(model.prior, model.fitted.answers_of(rows, images.shared, images.features), near=near)
    return [
        PosteriorPrint(model, user, opinions, images.selected(sorted(images_of(opinions))), belief.of(person))
        for person, (user, opinions) in enumerate(ordered)
    ]


@torch.no_grad()
def leave_one_out_influence(
    taste: PosteriorPrint, a: Float[Tensor, "b e"], b: Float[Tensor, "b e"]
) -> Float[Tensor, "opinions b"]:
    """By how much log odds each of `taste.opinions` moves the choice of `a` over `b`: with it, minus without it.

    Exact: the posterior is inferred anew without each opinion in turn, all in one pass. Above 0 it speaks for `a`.
    """
    opinions = taste.opinions
    rest = [(taste.user_id, [*opinions[:i], *opinions[i + 1 :]]) for i in range(len(opinions))]
    prints = infer_prints(taste.model, [(taste.user_id, opinions), *rest], taste.images)
    odds = torch.stack([torch.logit(one.prefers_embeddings(a, b).double(), eps=1e-9) for one in prints])
    return odds[:1] - odds[1:]


def read_histories(
    model: UtilityModel, histories: Sequence[History], embeddings: Embeddings
) -> list[PosteriorPrint]:
    """Make prints of histories, each as it would be alone."""
    people = [(history.user_id, history.opinions) for history in histories]
    names = sorted({name for _, opinions in people for name in images_of(opinions)})
    return infer_prints(model, people, model.images(names, embeddings))
