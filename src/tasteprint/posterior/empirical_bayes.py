"""A prior estimated from few raters, where one learned end to end would overfit (method.md section 10).

Enters: what raters share and where each leans, scales. Leaves: a fixed utility map and a prior of one taste, which
`infer` takes as it takes learned ones. Does not know: where the scales come from, encoders, files.

A person's utility is `u(z) = m(z) + w · h(z)` with `w ~ N(0, I)`, so that a person's leaning has over images the
covariance `h(z) · h(z')`. It is estimated (empirical Bayes) as

    linear² l(z) · l(z') + rbf² r(z) · r(z') + others² Σ_i f_i(z) f_i(z') / N

with l and r the features of `basis.py`, and f_i the leaning of each of N raters (`rater_effects.py`). At images that they
rated, m and f_i hold what was said of the image itself; at others, what features tell. Of h the leading directions
over the raters' images are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tasteprint.posterior.basis import Basis, features
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import ALONE, Cutpoints, Opinions
from tasteprint.posterior.rater_effects import RaterEffects, SharedTaste, standard


class Scales(NamedTuple):
    """Standard deviations in logits at an average image, and the RBF kernel's `width` in median distances.

    `shared` and `image` are the shared taste's, told by features and the image's own; `rater` is what raters are
    thought to lean while their leanings are found; `linear`, `rbf` and `others` make the prior.
    """

    shared: float = 1.0
    image: float = 1.0
    rater: float = 1.0
    linear: float = 0.3
    rbf: float = 0.3
    others: float = 1.0
    width: float = 1.0


class BasisMap(nn.Module):
    """Embeddings to m and h by fixed features: `features(embeddings) weights + bias`.

    `table` holds m and h of the raters' images, a row each; `scales` are those of the estimate.
    """

    mean: Tensor
    axes: Tensor
    landmarks: Tensor
    root: Tensor
    weights: Tensor
    bias: Tensor
    table: Tensor
    scales: Tensor

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the tensors above by name; they are kept in float32."""
        super().__init__()
        for name in BasisMap.__annotations__:
            self.register_buffer(name, tensors[name].float().contiguous())

    def forward(self, embeddings: Float[Tensor, "*n e"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h, in logits, as of images that nobody rated."""
        found = features(embeddings, self.mean, self.axes, self.landmarks, self.root)
        out = found @ self.weights + self.bias
        return out[..., 0], out[..., 1:]


class EmpiricalBayesPrior(nn.Module):
    """What stands where a `LearnedPrior` does: map, prior, cuts; `names` are those of the table's rows."""

    def __init__(self, tensors: dict[str, Tensor], cutpoints: Cutpoints, names: Sequence[str]) -> None:
        """Put the parts together: one taste, in the middle, of spread 1."""
        super().__init__()
        self.map = BasisMap(tensors)
        self.prior = standard(self.map.table.shape[1] - 1)
        self.cutpoints = cutpoints
        self.names = tuple(names)
        self._place = {name: row for row, name in enumerate(self.names)}
        self.eval().requires_grad_(False)

    @classmethod
    def from_state(
        cls, state: dict[str, Tensor], names: Sequence[str], embedding: int
    ) -> EmpiricalBayesPrior:
        """Make it again from its state dict. KeyError or RuntimeError where that does not fit names or embeddings."""
        inside = {name.removeprefix("map."): value for name, value in state.items()}
        made = cls(inside, Cutpoints(), names)
        if (len(made.map.table), len(made.map.mean)) != (len(names), embedding):
            raise RuntimeError(f"{len(made.map.table)} rows of {len(made.map.mean)} for {len(names)} images")
        made.load_state_dict(state)
        return made

    def remembered(
        self, names: Sequence[str], shared: Float[Tensor, " n"], told: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n d"]]:
        """Put what raters said of images in the place of what their embeddings tell."""
        here = [row for row, name in enumerate(names) if name in self._place]
        known = self.map.table[[self._place[names[row]] for row in here]]
        shared, told = shared.clone(), told.clone()
        shared[here], told[here] = known[:, 0], known[:, 1:]
        return shared, told


def utilities(
    learner: LearnedPrior | EmpiricalBayesPrior, names: Sequence[str], embeddings: Float[Tensor, "n e"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, "n d"]]:
    """Give m and h of images by name: from their embeddings, or what raters said of them."""
    shared, told = learner.map(embeddings)
    return (
        learner.remembered(names, shared, told)
        if isinstance(learner, EmpiricalBayesPrior)
        else (shared, told)
    )


def assembled(
    basis: Basis,
    taste: SharedTaste,
    rater: RaterEffects,
    people: Sequence[Opinions],
    names: Sequence[str],
    scales: Scales,
    width: int,
) -> EmpiricalBayesPrior:
    """Put m and the leading `width` directions of h together, in a table of the images that people rated.

    Where all opinions are choices, an average image has utility 0 for everybody: they do not say where zero lies.
    """
    images = torch.cat([one.images for one in people])
    rated = torch.unique(images[images != ALONE])
    choices = not (images == ALONE).any()
    weights, own = _root(basis, rater, scales)
    told = torch.cat([taste.weights[:, None], weights], dim=1)
    table = basis.rows @ told + torch.cat([taste.own[:, None], own], dim=1)
    bias = -table[rated].mean(dim=0) if choices else torch.zeros_like(table[0])
    turn = _turn((table + bias)[rated, 1:], width)
    told, table, bias = told @ turn, (table + bias) @ turn, bias @ turn
    flat = torch.ones_like(bias)
    flat[0] = _flattening(table[:, 1:], images)
    weights = flat * told / basis.sizes[:, None]
    tensors = {**basis.parts, "weights": weights, "bias": flat * bias, "table": flat * table[rated]}
    tensors["scales"] = torch.tensor(scales)
    return EmpiricalBayesPrior(tensors, taste.cutpoints, [names[row] for row in rated.tolist()])


def _root(
    basis: Basis, rater: RaterEffects, scales: Scales
) -> tuple[Float[Tensor, "q k"], Float[Tensor, "images k"]]:
    """The kernel's square root: h is `rows · weights`, and on top each image's own."""
    size = torch.full_like(basis.sizes, scales.rbf)
    size[: basis.linear] = scales.linear
    others = scales.others / len(rater.own) ** 0.5
    weights = torch.cat([torch.diag(size), others * rater.weights.T], dim=1)
    return weights, torch.cat([torch.zeros_like(basis.rows), others * rater.own.T], dim=1)


def _turn(table: Float[Tensor, "images k"], width: int) -> Float[Tensor, "_ _"]:
    """Keep m, turn h into its leading directions, the greatest first; zeros where there are fewer."""
    _, vectors = torch.linalg.eigh(table.T @ table)
    kept = vectors.flip(1)[:, :width]
    turn = table.new_zeros(1 + len(kept), 1 + width)
    turn[0, 0] = 1
    turn[1:, 1 : 1 + kept.shape[1]] = kept
    return turn


def _flattening(told: Float[Tensor, "images d"], images: Int[Tensor, "n 2"]) -> float:
    """By how much the shared taste looks flatter than it is, since it was found as if nobody leaned.

    Averaged over leanings of variance v, a utility u looks like `u / sqrt(1 + π/8 v)` (see `probability`).
    """
    second = torch.where(images[:, 1:] == ALONE, 0.0, told[images[:, 1].clamp(min=0)])
    variance = (told[images[:, 0]] - second).square().sum(dim=1).mean()
    return float((1 + torch.pi / 8 * variance).sqrt())
