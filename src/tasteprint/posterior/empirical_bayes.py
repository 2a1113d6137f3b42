"""A prior estimated from few raters, where one learned end to end would overfit (method.md section 10).

Enters: the taste that raters share, each rater's own effects, scales. Leaves: an `EmpiricalBayesPrior`: a fixed utility
map and a prior of one taste. Does not know: where the scales come from, encoders, files.

A person's utility is `u(z) = m(z) + w · h(z)` with `w ~ N(0, I)`, so that what a person adds to the shared m has over
images the covariance `h(z) · h(z')`. It is estimated (empirical Bayes) as

    linear² l(z) · l(z') + rbf² r(z) · r(z') + others² Σ_i f_i(z) f_i(z') / N + what is not known of m(z) and m(z')

with l and r the features of `basis.py`, and f_i the effect of each of N raters (`rater_effects.py`). At images that
they rated, m and f_i hold an effect of the image itself as well; at others, that of its features alone. Of h the
leading directions over the images are kept; what an unrated image has beyond them is not counted as doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tasteprint.posterior.basis import DIRECTIONS, Basis, KernelMap, leading_directions
from tasteprint.posterior.likelihoods import (
    ALONE,
    FIXED_BOUNDS,
    SCALE_CUTS,
    Answers,
    Cutpoints,
    Opinions,
    answers,
    own_cutpoints,
    rating_shares,
)
from tasteprint.posterior.rater_effects import RaterEffects, SharedTaste, standard_normal
from tasteprint.posterior.utilities import FittedPrior
from tasteprint.types import MOST_STARS


class Scales(NamedTuple):
    """Standard deviations in logits at an average image, and the RBF kernel's `width` in median distances.

    `shared` and `image` are the shared taste's, by features and of the image itself; `rater` is that of a rater's
    effect while it is found; `linear`, `rbf` and `others` make the prior. The shared taste is multiplied by `strength`,
    since choices may be surer than the ratings that it was found from, and where nobody rated by `trust` as well.
    `components` is how many the features are made of.
    """

    shared: float = 1.0
    image: float = 1.0
    rater: float = 1.0
    linear: float = 0.3
    rbf: float = 0.3
    others: float = 2.0
    width: float = 2.0
    trust: float = 1.0
    strength: float = 1.0
    components: float = 60


class RatedImagesMap(KernelMap):
    """A `KernelMap` that knows the raters' images: `table` holds m and h of each; `scales` are the estimate's.

    `seen` says of which scales of stars, from two on, raters gave any; `level` is the middle of utilities over images,
    and by how much cuts lie further apart than where all utilities are 0.
    """

    table: Tensor
    scales: Tensor
    seen: Tensor
    level: Tensor

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the tensors above by name; they are kept in float32."""
        super().__init__(tensors)
        for name in RatedImagesMap.__annotations__:
            self.register_buffer(name, tensors[name].float().contiguous())


class EmpiricalBayesPrior(FittedPrior):
    """A prior of one taste, estimated from raters; `names` are the images that they rated, the rows of its table."""

    kind = "estimated"
    map: RatedImagesMap
    names: tuple[str, ...]

    def __init__(self, tensors: dict[str, Tensor], cutpoints: Cutpoints, names: Sequence[str]) -> None:
        """Put the parts together: one taste, in the middle, of spread 1."""
        super().__init__()
        self.map = RatedImagesMap(tensors)
        self.prior = standard_normal(self.map.table.shape[1] - 1)
        self.prior.averaged = True
        self.cutpoints = cutpoints
        self.names = tuple(names)
        self._place = {name: row for row, name in enumerate(self.names)}
        self.eval().requires_grad_(False)

    @classmethod
    def from_state(cls, state: dict[str, Tensor], names: Sequence[str], width: int) -> EmpiricalBayesPrior:
        """Make it again from its state dict. KeyError or RuntimeError where that does not fit names or embeddings."""
        inside = {name.removeprefix("map."): value for name, value in state.items()}
        made = cls(inside, Cutpoints(), names)
        if (len(made.map.table), len(made.map.mean)) != (len(names), width):
            raise RuntimeError(f"{len(made.map.table)} rows of {len(made.map.mean)} for {len(names)} images")
        made.load_state_dict(state)
        return made

    def utilities(
        self, embeddings: Float[Tensor, "*n e"], names: Sequence[str] = ()
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h; at images that raters rated, by their names, what raters said of the image itself."""
        shared, features = self.map(embeddings)
        here = [row for row, name in enumerate(names) if name in self._place]
        if not here:
            return shared, features
        known = self.map.table[[self._place[names[row]] for row in here]]
        shared, features = shared.clone(), features.clone()
        shared[here], features[here] = known[:, 0], known[:, 1:]
        return shared, features

    def answers_of(
        self, people: Sequence[Opinions], shared: Float[Tensor, " n"], features: Float[Tensor, "n d"]
    ) -> Answers:
        """Opinions of many people on a table of images; where no rater used a scale, between a person's own cuts."""
        bounds = Scales(*self.map.scales.tolist()).strength * self.cutpoints.table()
        if any((one.images[:, 1] == ALONE).any() for one in people):
            bounds = torch.stack([self._bounds(one, bounds) for one in people])
        return answers(people, shared, features, bounds)

    def _bounds(self, one: Opinions, raters: Float[Tensor, " bounds"]) -> Float[Tensor, " bounds"]:
        """The raters' cuts, and of scales that they did not use the person's own, in the middle of utilities."""
        middle, stretch = self.map.level.double()
        sizes = torch.tensor([len(FIXED_BOUNDS), *(end - begin for begin, end in SCALE_CUTS)])
        seen = torch.cat([torch.ones(1), self.map.seen]).repeat_interleave(sizes) > 0
        return torch.where(seen, raters, middle + stretch * own_cutpoints(one))


def assemble_prior(
    basis: Basis,
    taste: SharedTaste,
    raters: RaterEffects,
    people: Sequence[Opinions],
    names: Sequence[str],
    scales: Scales,
    directions: int = DIRECTIONS,
) -> EmpiricalBayesPrior:
    """Put m and the leading directions of h together, in a table of the images that people rated.

    Where all opinions are choices, an average image has utility 0 for everybody: they do not say where zero lies.
    """
    images = torch.cat([one.images for one in people])
    rated = torch.unique(images[images != ALONE])
    weights, own = _kernel_root(basis, taste, raters, scales)
    weights = torch.cat([taste.weights[:, None], weights], dim=1)
    table = basis.rows @ weights + torch.cat([taste.own[:, None], own], dim=1)
    choices_only = not (images == ALONE).any()
    bias = -table[rated].mean(dim=0) if choices_only else torch.zeros_like(table[0])
    rotation = _keeping_shared((table + bias)[:, 1:], directions)
    weights, table, bias = weights @ rotation, (table + bias) @ rotation, bias @ rotation
    stretch = torch.ones_like(bias)
    stretch[0] = scales.strength * _flattening(table[:, 1:], images)
    unrated = stretch.clone()
    unrated[0] *= scales.trust
    tensors = {
        **basis.parts,
        "weights": unrated * weights / basis.sizes[:, None],
        "bias": unrated * bias,
        "table": stretch * table[rated],
        "scales": torch.tensor(scales),
        "seen": _seen_scales(people),
        "level": _level(stretch * table[rated]),
    }
    return EmpiricalBayesPrior(tensors, taste.cutpoints, [names[row] for row in rated.tolist()])


def _kernel_root(
    basis: Basis, taste: SharedTaste, raters: RaterEffects, scales: Scales
) -> tuple[Float[Tensor, "q k"], Float[Tensor, "images k"]]:
    """The covariance's square root: h is `rows · weights`, and on top each image's own."""
    size = torch.full_like(basis.sizes, scales.rbf)
    size[: basis.linear] = scales.linear
    others = scales.others / len(raters.own) ** 0.5
    doubt_of_weights, doubt_of_own = taste.root.split([len(size), len(basis.rows)])
    weights = torch.cat([torch.diag(size), others * raters.weights.T, doubt_of_weights], dim=1)
    own = torch.cat([torch.zeros_like(basis.rows), others * raters.own.T, doubt_of_own], dim=1)
    return weights, own


def _keeping_shared(table: Float[Tensor, "images k"], width: int) -> Float[Tensor, "_ _"]:
    """Keep m, rotate h into its leading directions; zeros where there are fewer."""
    kept = leading_directions(table, width)
    rotation = table.new_zeros(1 + len(kept), 1 + width)
    rotation[0, 0] = 1
    rotation[1:, 1 : 1 + kept.shape[1]] = kept
    return rotation


def _seen_scales(people: Sequence[Opinions]) -> Float[Tensor, " scales"]:
    """1 for every scale of stars that anybody used."""
    bounds = torch.cat([one.bounds[one.images[:, 1] == ALONE] for one in people])
    used, _ = rating_shares(bounds)
    return torch.isin(torch.arange(2, MOST_STARS + 1), used).float()


def _level(table: Float[Tensor, "images k"]) -> Float[Tensor, " 2"]:
    """Mean utility over images and people, and the deviation that logistic noise has with utilities on top."""
    shared, features = table[:, 0], table[:, 1:]
    variance = shared.var(correction=0) + (features - features.mean(dim=0)).square().sum(dim=1).mean()
    return torch.stack([shared.mean(), (1 + 3 / torch.pi**2 * variance).sqrt()])


def _flattening(features: Float[Tensor, "images d"], images: Int[Tensor, "n 2"]) -> float:
    """By how much the shared taste looks flatter than it is, since it was found as if all raters agreed.

    Averaged over rater effects of variance v, a utility u looks like `u / sqrt(1 + π/8 v)` (see `answer_probability`).
    """
    second = torch.where(images[:, 1:] == ALONE, 0.0, features[images[:, 1].clamp(min=0)])
    variance = (features[images[:, 0]] - second).square().sum(dim=1).mean()
    return float((1 + torch.pi / 8 * variance).sqrt())
