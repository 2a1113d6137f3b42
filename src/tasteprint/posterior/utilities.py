"""What an image is worth to people: a utility that all share, and features that people differ in.

Enters: an encoder, a prior fitted to many people, images. Leaves: shared utilities m and features h by image; names of
a model. Does not know: any one person, prints, how priors are fitted, files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.config import PosteriorConfig
from tasteprint.data.decode import open_image as open_picture
from tasteprint.posterior.inference import STEPS, infer
from tasteprint.posterior.likelihoods import Answers, Cutpoints, Opinions, answers
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.provenance import fingerprint
from tasteprint.vision.encoder import ImageEncoder

if TYPE_CHECKING:
    from tasteprint.types import OpenImage

Embeddings = Callable[[Sequence[str]], Float[np.ndarray, "n e"]]
"""Image names to one row each: a `FeatureStore`'s `rows`, or anything that computes them."""

LEAST_PROBABILITY = 1e-12
"""Of an answer, where its logarithm is taken."""


class UtilityMap(nn.Module):
    """An image's embedding to its shared utility m and its features h, through a small network."""

    mean: Tensor
    scale: Tensor
    axes: Tensor | None

    def __init__(
        self,
        mean: Float[Tensor, " e"],
        scale: Float[Tensor, " i"],
        hidden: Sequence[int],
        features: int,
        axes: Float[Tensor, "e i"] | None = None,
    ) -> None:
        """Take the statistics by which embeddings are standardised; GELU between layers.

        With `axes` the network reads the i components that they give, and `scale` is that of the components.
        """
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("axes", axes)
        widths = (len(scale), *hidden)
        inner = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.GELU())]
        self.layers = nn.Sequential(*inner, nn.Linear(widths[-1], 1 + features))

    def forward(self, embeddings: Float[Tensor, "*n e"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h, in logits."""
        out = self.layers(self.inputs(embeddings))
        return out[..., 0], out[..., 1:]

    def inputs(self, embeddings: Float[Tensor, "*n e"]) -> Float[Tensor, "*n i"]:
        """Give what the network reads of an image, each number of deviation 1 over those learned from."""
        centred = embeddings - self.mean
        return (centred if self.axes is None else centred @ self.axes) / self.scale


class FittedPrior(nn.Module):
    """What many people leave: how images are read (`map`), how people vary (`prior`), where stars part (`cutpoints`).

    Subclasses say how it is fitted, and which images they know by name; `kind` is the word of `PosteriorConfig.prior`.
    """

    kind: Literal["learned", "estimated", "alone"]

    map: nn.Module
    prior: MixturePrior
    cutpoints: Cutpoints
    names: tuple[str, ...] | None = None
    """Images known by name, which are written beside the tensors; None where a prior knows embeddings only."""

    def utilities(
        self, embeddings: Float[Tensor, "*n e"], names: Sequence[str] = ()
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h in logits, differentiable; `names`, one an image or none at all, may tell more."""
        return self.map(embeddings)

    def references(self) -> tuple[Float[Tensor, " k"], Float[Tensor, "k d"]]:
        """Give m and h of images that others are compared with: one of utility 0, where none are at hand."""
        return torch.zeros(1), torch.zeros(1, self.prior.means.shape[1])

    def answers_of(
        self, people: Sequence[Opinions], shared: Float[Tensor, " n"], features: Float[Tensor, "n d"]
    ) -> Answers:
        """Opinions of many people on a table of images, between the bounds that the cuts set."""
        return answers(people, shared, features, self.cutpoints.table())

    def nats(
        self,
        context: Sequence[Opinions],
        targets: Sequence[Opinions],
        shared: Float[Tensor, " n"],
        features: Float[Tensor, "n d"],
        steps: int = STEPS,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Minus the log-probability of all targets, each person's given their context; and the number of targets."""
        posterior = infer(self.prior, self.answers_of(context, shared, features), steps)
        observed = self.answers_of(targets, shared, features)
        log_probabilities = posterior.predict_proba(observed).clamp_min(LEAST_PROBABILITY).log()
        return -(log_probabilities * observed.weights).sum(), observed.weights.sum()


@dataclass(frozen=True, eq=False)
class ImageUtilities:
    """A table of images by name: shared utility m, features h, in logits."""

    names: tuple[str, ...]
    shared: Float[Tensor, " images"]
    features: Float[Tensor, "images d"]

    @cached_property
    def place(self) -> Mapping[str, int]:
        """The row of each name."""
        return {name: row for row, name in enumerate(self.names)}

    def selected(self, names: Sequence[str]) -> ImageUtilities:
        """Some of them, in the order given. KeyError for a name that is not there."""
        rows = torch.tensor([self.place[name] for name in names], dtype=torch.long)
        return ImageUtilities(tuple(names), self.shared[rows], self.features[rows])

    def joined(self, other: ImageUtilities) -> ImageUtilities:
        """These and others, in the order of their names."""
        both = ImageUtilities(
            self.names + other.names,
            torch.cat([self.shared, other.shared]),
            torch.cat([self.features, other.features]),
        )
        return both.selected(sorted(both.names))


class TasteExtremes(NamedTuple):
    """One taste: how common it is (0 to 1), and the images that it likes most and least, the most extreme first."""

    share: float
    most: tuple[str, ...]
    least: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class UtilityModel:
    """An encoder and a fitted prior, both frozen: all that scoring an image for a person takes, beside the person."""

    encoder: ImageEncoder
    config: PosteriorConfig
    fitted: FittedPrior

    @property
    def image_encoder(self) -> ImageEncoder:
        """What embeds images, as every model names it."""
        return self.encoder

    @property
    def prior(self) -> MixturePrior:
        """The tastes that people vary around."""
        return self.fitted.prior

    @cached_property
    def fingerprint(self) -> str:
        """Name of the encoder's weights and of all that was fitted; a print belongs to one of these."""
        return sha256(f"{self.encoder.fingerprint} {fingerprint(self.fitted)}".encode()).hexdigest()

    def utilities(
        self, embeddings: Float[Tensor, "*n e"], names: Sequence[str] = ()
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give the shared utility m and the features h of images, differentiable; see `FittedPrior.utilities`."""
        return self.fitted.utilities(embeddings, names)

    @torch.no_grad()
    def images(self, names: Sequence[str], embeddings: Embeddings) -> ImageUtilities:
        """Give what a print keeps of images, in float32. ValueError for embeddings that do not fit the encoder."""
        rows = checked_embeddings(embeddings(names), self.encoder)
        return ImageUtilities(tuple(names), *self.utilities(rows, names))

    @torch.no_grad()
    def taste_extremes(self, images: ImageUtilities, count: int = 6) -> list[TasteExtremes]:
        """What each of the R tastes likes among images, by the utility at its centre; ties in the order given."""
        utilities = images.shared.double() + self.prior.means.double() @ images.features.double().T
        order = utilities.argsort(dim=1, descending=True, stable=True).tolist()
        named = [tuple(images.names[place] for place in row) for row in order]
        shares = self.prior.log_weights.exp().tolist()
        return [
            TasteExtremes(share, row[:count], row[::-1][:count])
            for share, row in zip(shares, named, strict=True)
        ]

    def embed(self, names: Sequence[str], open_image: OpenImage = open_picture) -> Float[np.ndarray, "n e"]:
        """Embed images by name, anew; names are paths unless `open_image` opens them."""
        return embed_named(self.encoder, names, open_image)


def embed_named(
    encoder: ImageEncoder, names: Sequence[str], open_image: OpenImage = open_picture
) -> Float[np.ndarray, "n e"]:
    """Open images and embed them, a row each, on the CPU."""
    return encoder.embed_pictures(open_image(name) for name in names).numpy(force=True)


def checked_embeddings(rows: np.ndarray, encoder: ImageEncoder) -> Float[Tensor, "n e"]:
    """Embeddings as a float32 tensor. ValueError where they are not finite or not of the encoder's width."""
    if rows.ndim != 2 or rows.shape[1] != encoder.width:
        raise ValueError(
            f"embeddings of shape {rows.shape} came in; expected {encoder.width} numbers an image, as "
            f"{encoder.name} gives: embed with the encoder that the posterior was fitted on."
        )
    if not np.isfinite(rows).all():
        row = int(np.nonzero(~np.isfinite(rows).all(axis=1))[0][0])
        raise ValueError(f"embedding {row} of {len(rows)} is not finite; expected numbers: embed it again.")
    return torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
