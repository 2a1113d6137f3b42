"""Fixed features of embeddings, for priors that are not learned: principal components, and an RBF kernel on them.

Enters: embeddings. Leaves: features whose inner products are the two kernels, and the map that gives those of new
images. Does not know: people, votes, what the features serve for. Found in float64, without randomness, and with one
sign on every processor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

COMPONENTS = 60
"""Leading principal components of the standardised embeddings: most of what people differ along (method.md 12)."""

MOST_COMPONENTS = 100
"""So many are found where cross-validation chooses among them."""

EXAMPLES = 512
"""Images that the components are found on; of more, so many are taken evenly."""

LANDMARKS = 256
"""Images on which the RBF kernel is exact (Nystroem); of more, so many are taken evenly."""

DIRECTIONS = 128
"""Leading directions that a prior keeps of its features over the images: with more, prints of thousands get slow."""

LEAST_SHARE = 1e-6
"""Directions of the landmarks' kernel with less than this share of its largest eigenvalue are left out."""

NOTHING = 1e-12
"""Components with less than this share of the largest one's variance are rounding, and left out."""


class Components(NamedTuple):
    """Images by their leading principal components: `rows = (embeddings - mean) axes`, the greatest first."""

    rows: Float[Tensor, "images p"]
    mean: Float[Tensor, " e"]
    axes: Float[Tensor, "e p"]

    @classmethod
    def of(
        cls,
        embeddings: Float[Tensor, "images e"],
        most: int = COMPONENTS,
        column_weights: Float[Tensor, " e"] | None = None,
    ) -> Components:
        """Standardise every column, weigh it, and find at most `most` components. Constant columns say nothing."""
        rows = embeddings.double()
        mean, deviation = rows.mean(dim=0), rows.std(dim=0)
        scale = torch.where(deviation > 0, 1 / deviation, 1.0)
        scale = scale if column_weights is None else scale * column_weights
        directions = _principal_directions(((rows - mean) * scale)[evenly(len(rows), EXAMPLES)])[:, :most]
        axes = directions * scale[:, None]
        return cls((rows - mean) @ axes, mean, axes)

    def leading(self, count: int) -> Components:
        """The first of them."""
        return Components(self.rows[:, :count], self.mean, self.axes[:, :count])


class Basis(NamedTuple):
    """Features of the images that it was found on, and how to find others'.

    The first `linear` columns are the components, of mean square 1 together; the rest the RBF kernel's, whose
    square is 1 at every landmark.
    """

    rows: Float[Tensor, "images q"]
    linear: int
    size: float
    parts: dict[str, Tensor]

    @classmethod
    def of(cls, components: Components, width: float) -> Basis:
        """Find both; the kernel is `exp(-d² / 2 width²)`, d in median distances."""
        some = evenly(len(components.rows), LANDMARKS)
        median = torch.pdist(components.rows[some]).median() if len(some) > 1 else torch.ones(())
        scale = width * median.clamp(min=1e-12)
        axes, landmarks = components.axes / scale, components.rows[some] / scale
        parts = {"mean": components.mean, "axes": axes, "landmarks": landmarks, "root": _root(landmarks)}
        raw, linear = _both_kernels(components.rows / scale, landmarks, parts["root"]), axes.shape[1]
        size = float(raw[:, :linear].square().sum(dim=1).mean().sqrt())
        return cls(raw / _sizes(raw.shape[1], linear, size), linear, size, parts)

    @property
    def sizes(self) -> Float[Tensor, " q"]:
        """What `kernel_features` has to be divided by to give columns like those of `rows`."""
        return _sizes(self.rows.shape[1], self.linear, self.size)


class KernelMap(nn.Module):
    """Embeddings to m and h by fixed features: `kernel_features(embeddings) weights + bias`."""

    mean: Tensor
    axes: Tensor
    landmarks: Tensor
    root: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the tensors above by name; they are kept in float32."""
        super().__init__()
        for name in KernelMap.__annotations__:
            self.register_buffer(name, tensors[name].float().contiguous())

    def forward(self, embeddings: Float[Tensor, "*n e"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h, in logits, as of images that nobody rated."""
        return self._of(kernel_features(embeddings, self.mean, self.axes, self.landmarks, self.root))

    def at_landmarks(self) -> tuple[Float[Tensor, " k"], Float[Tensor, "k d"]]:
        """Give m and h of the landmarks: some of the images that the features were found on."""
        return self._of(_both_kernels(self.landmarks, self.landmarks, self.root))

    def _of(self, found: Float[Tensor, "*n q"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        out = found @ self.weights + self.bias
        return out[..., 0], out[..., 1:]


def kernel_features(
    embeddings: Float[Tensor, "*n e"],
    mean: Float[Tensor, " e"],
    axes: Float[Tensor, "e p"],
    landmarks: Float[Tensor, "k p"],
    root: Float[Tensor, "k r"],
) -> Float[Tensor, "*n q"]:
    """Give the components p in widths of the kernel, then `exp(-|p - landmark|² / 2) root`; differentiable."""
    return _both_kernels((embeddings - mean) @ axes, landmarks, root)


def leading_directions(table: Float[Tensor, "images k"], count: int) -> Float[Tensor, "k d"]:
    """Give at most `count` directions of the largest square over the images, the greatest first.

    A direction's sign is the one that makes its largest value over the images positive.
    """
    values, vectors = torch.linalg.eigh(table.T @ table)
    kept = (vectors * (values > 1e-12 * values[-1])).flip(1)[:, :count]
    return kept * canonical_signs(table @ kept)


def canonical_signs(columns: Float[Tensor, "n k"]) -> Float[Tensor, " k"]:
    """1 or -1 a column, which times the column makes its largest entry positive; eigenvectors come with any sign."""
    largest = columns.abs().argmax(dim=0, keepdim=True)
    return torch.where(columns.gather(0, largest)[0] < 0, -1.0, 1.0)


def evenly(count: int, most: int) -> Int[Tensor, " k"]:
    """Places of at most `most` of `count` things, evenly from the first to the last."""
    return torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).round().long()


def _both_kernels(
    p: Float[Tensor, "*n p"], landmarks: Float[Tensor, "k p"], root: Float[Tensor, "k r"]
) -> Float[Tensor, "*n q"]:
    squares = p.square().sum(dim=-1, keepdim=True) + landmarks.square().sum(dim=-1) - 2 * p @ landmarks.T
    return torch.cat([p, torch.exp(-squares.clamp(min=0) / 2) @ root], dim=-1)


def _principal_directions(standardised: Float[Tensor, "images e"]) -> Float[Tensor, "e p"]:
    """Directions of variance, the greatest first; by way of the products of images where those are fewer."""
    few = len(standardised) < standardised.shape[1]
    products = standardised @ standardised.T if few else standardised.T @ standardised
    values, vectors = (part.flip(-1) for part in torch.linalg.eigh(products))
    there = values > NOTHING * values[0].clamp(min=1e-300)
    found = standardised.T @ vectors[:, there] / values[there].sqrt() if few else vectors[:, there]
    return found * canonical_signs(found)


def _root(landmarks: Float[Tensor, "k p"]) -> Float[Tensor, "k r"]:
    """The inverse root of the landmarks' kernel, on the directions that it has."""
    values, vectors = torch.linalg.eigh(torch.exp(-torch.cdist(landmarks, landmarks).square() / 2))
    kept = values > LEAST_SHARE * values[-1]
    root = vectors[:, kept] / values[kept].sqrt()
    return root * canonical_signs(root)


def _sizes(columns: int, linear: int, size: float) -> Float[Tensor, " q"]:
    found = torch.ones(columns, dtype=torch.float64)
    found[:linear] = max(size, 1e-12)
    return found
