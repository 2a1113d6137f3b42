"""A prior estimated from few raters, where one learned end to end would overfit (method.md section 10).

Enters: embeddings of images, a few people's opinions on them, scales. Leaves: a fixed utility map and a prior of one
taste, which `infer` takes as it takes learned ones. Does not know: where the scales come from, encoders, files.

A person's utility is `u(z) = m(z) + w · h(z)` with `w ~ N(0, I)`, so that a person's leaning has over images the
covariance `h(z) · h(z')`. It is estimated (empirical Bayes) as

    linear² l(z) · l(z') + rbf² r(z) · r(z') + others² Σ_i f_i(z) f_i(z') / N

with l the leading principal components of embeddings, r the features of an RBF kernel on them (Nystroem), and f_i the
leaning of each of N raters. At images that they rated, m and f_i hold what was said of the image itself; at others,
what features tell. Of h the leading directions over the raters' images are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tasteprint.taste.leanings import Leanings, SharedTaste, standard
from tasteprint.taste.opinions import ALONE, Cuts, Opinions

COMPONENTS = 16
LANDMARKS = 256
"""Images that the RBF kernel is exact on; of more, so many are taken evenly."""

LEAST_SHARE = 1e-6
"""Directions of the landmarks' kernel with less than this share of its largest eigenvalue are left out."""


class Scales(NamedTuple):
    """Standard deviations in logits at an average image, and the RBF kernel's `width` in median distances.

    `shared` and `image` are the shared taste's, told by features and the image's own; `leaning` is what raters are
    thought to lean while their leanings are found; `linear`, `rbf` and `others` make the prior.
    """

    shared: float = 1.0
    image: float = 1.0
    leaning: float = 1.0
    linear: float = 0.3
    rbf: float = 0.3
    others: float = 1.0
    width: float = 1.0


class FewMap(nn.Module):
    """Embeddings to m and h by fixed features: `[p, exp(-|p - landmark|² / 2) root] weights + bias`.

    `p = (embedding - mean) axes`; `table` holds m and h of the raters' images.
    """

    mean: Tensor
    axes: Tensor
    landmarks: Tensor
    root: Tensor
    weights: Tensor
    bias: Tensor
    table: Tensor

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the tensors above by name; they are kept in float32."""
        super().__init__()
        for name in FewMap.__annotations__:
            self.register_buffer(name, tensors[name].float().contiguous())

    def forward(self, embeddings: Float[Tensor, "*n e"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h, in logits, of images that nobody rated."""
        out = basis(embeddings, self.mean, self.axes, self.landmarks, self.root) @ self.weights + self.bias
        return out[..., 0], out[..., 1:]


class Estimate(nn.Module):
    """What stands where a `Learner` does: map, prior, cuts; and the raters' images by name, as rows of the table."""

    def __init__(self, tensors: dict[str, Tensor], cuts: Cuts, names: Sequence[str]) -> None:
        """Put the parts together: one taste, in the middle, of spread 1."""
        super().__init__()
        self.map = FewMap(tensors)
        self.prior = standard(self.map.table.shape[1] - 1)
        self.cuts = cuts
        self.names = tuple(names)
        self._place = {name: row for row, name in enumerate(self.names)}
        self.eval().requires_grad_(False)

    def remembered(
        self, names: Sequence[str], shared: Float[Tensor, " n"], features: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n d"]]:
        """Put what raters said of images in the place of what their embeddings tell."""
        here = [row for row, name in enumerate(names) if name in self._place]
        rows = self.map.table[[self._place[names[row]] for row in here]]
        shared, features = shared.clone(), features.clone()
        shared[here], features[here] = rows[:, 0], rows[:, 1:]
        return shared, features


def basis(embeddings: Tensor, mean: Tensor, axes: Tensor, landmarks: Tensor, root: Tensor) -> Tensor:
    """Give the leading components, in widths of the RBF kernel, and the kernel's features; differentiable."""
    p = (embeddings - mean) @ axes
    squares = p.square().sum(dim=-1, keepdim=True) + landmarks.square().sum(dim=-1) - 2 * p @ landmarks.T
    return torch.cat([p, torch.exp(-squares.clamp(min=0) / 2) @ root], dim=-1)


class Features(NamedTuple):
    """The raters' images under the basis, in float64, each half of mean square 1; `parts` make the basis anew."""

    rows: Float[Tensor, "images q"]
    sizes: Float[Tensor, " q"]
    linear: int
    parts: dict[str, Tensor]


def features_of(embeddings: Float[Tensor, "images e"], width: float) -> Features:
    """Find components and landmarks. A constant column of embeddings says nothing."""
    mean, deviation = embeddings.double().mean(dim=0), embeddings.double().std(dim=0)
    scale = torch.where(deviation > 0, deviation, 1.0)
    standard = (embeddings.double() - mean) / scale
    _, _, directions = torch.linalg.svd(standard, full_matrices=False)
    axes = directions[:COMPONENTS].T / scale[:, None]
    p = (embeddings.double() - mean) @ axes
    unit = width * torch.pdist(p[_evenly(len(p))]).median().clamp(min=1e-12)
    axes, p = axes / unit, p / unit
    landmarks = p[_evenly(len(p))]
    kernel = torch.exp(-torch.cdist(landmarks, landmarks).square() / 2)
    values, vectors = torch.linalg.eigh(kernel)
    kept = values > LEAST_SHARE * values[-1]
    parts = {"mean": mean, "axes": axes, "landmarks": landmarks, "root": vectors[:, kept] / values[kept].sqrt()}
    rows = basis(embeddings.double(), **parts)
    size = rows[:, : axes.shape[1]].square().sum(dim=1).mean().sqrt()
    sizes = torch.cat([size.expand(axes.shape[1]), torch.ones(int(kept.sum()), dtype=torch.float64)])
    return Features(rows / sizes, sizes, axes.shape[1], parts)


def _evenly(count: int) -> Int[Tensor, " k"]:
    return torch.linspace(0, count - 1, min(count, LANDMARKS), dtype=torch.float64).round().long()


def assembled(
    found: Features,
    taste: SharedTaste,
    leaning: Leanings,
    people: Sequence[Opinions],
    names: Sequence[str],
    scales: Scales,
    width: int,
) -> Estimate:
    """Put m and the leading `width` directions of h together, on the images that people rated."""
    rated = torch.unique(torch.cat([one.images.flatten() for one in people]))
    rated = rated[rated != ALONE]
    others = scales.others / len(people) ** 0.5
    size = torch.full_like(found.sizes, scales.rbf)
    size[: found.linear] = scales.linear
    weights = torch.cat([torch.diag(size), others * leaning.weights.T], dim=1)
    own = torch.cat([torch.zeros_like(found.rows), others * leaning.own.T], dim=1)
    table = (found.rows @ weights + own)[rated]
    alone = any((one.images == ALONE).any() for one in people)
    middle = torch.zeros_like(table[0]) if alone else table.mean(dim=0)
    turn = _directions(table - middle, width)
    weights, table = weights @ turn, (table - middle) @ turn
    shared = taste.utility(found.rows)[rated]
    level = 0.0 if alone else shared.mean()
    gain = _gain(table, people, rated)
    tensors = {
        **found.parts,
        "weights": torch.cat([gain * taste.weights[:, None], weights], dim=1) / found.sizes[:, None],
        "bias": torch.cat([(-gain * level).reshape(1), -middle @ turn]),
        "table": torch.cat([gain * (shared - level)[:, None], table], dim=1),
    }
    return Estimate(tensors, taste.cuts, [names[row] for row in rated.tolist()])


def _directions(table: Float[Tensor, "images k"], width: int) -> Float[Tensor, "k width"]:
    """Leading directions of h, the greatest first; zeros where there are fewer."""
    _, vectors = torch.linalg.eigh(table.T @ table)
    kept = vectors.flip(1)[:, :width]
    return nn.functional.pad(kept, (0, width - kept.shape[1]))


def _gain(table: Float[Tensor, "images d"], people: Sequence[Opinions], rated: Tensor) -> float:
    """By how much the shared taste was flattened: it was found as if nobody leaned.

    Averaged over leanings of variance v, a utility u looks like `u / sqrt(1 + π/8 v)` (see `probability`).
    """
    place = torch.zeros(int(rated.max()) + 1, dtype=torch.long)
    place[rated] = torch.arange(len(rated))
    images = torch.cat([one.images for one in people])
    second = torch.where(images[:, 1:] == ALONE, 0.0, table[place[images[:, 1].clamp(min=0)]])
    variance = (table[place[images[:, 0]]] - second).square().sum(dim=1).mean()
    return float((1 + torch.pi / 8 * variance).sqrt())
