"""Fixed features of embeddings, for priors that are estimated: principal components, and an RBF kernel on them.

Enters: embeddings. Leaves: features whose inner products are the two kernels, and the tensors that give those of new
images. Does not know: people, votes, what the features serve for. Found in float64, without randomness, and with one
sign on every processor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

COMPONENTS = 16
"""Leading principal components of the standardised embeddings: most of what people differ along."""

LANDMARKS = 256
"""Images on which the RBF kernel is exact (Nystroem); of more, so many are taken evenly."""

LEAST_SHARE = 1e-6
"""Directions of the landmarks' kernel with less than this share of its largest eigenvalue are left out."""

NOTHING = 1e-9
"""Components with less than this share of the largest one's deviation are rounding, and left out."""


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
    def of(cls, embeddings: Float[Tensor, "images e"], width: float) -> Basis:
        """Find both; the kernel is `exp(-d² / 2 width²)`, d in median distances. Constant columns say nothing."""
        rows = embeddings.double()
        mean, deviation = rows.mean(dim=0), rows.std(dim=0)
        scale = torch.where(deviation > 0, deviation, 1.0)
        axes = _principal_directions((rows - mean) / scale) / scale[:, None]
        median = torch.pdist(((rows - mean) @ axes)[_evenly(len(rows))]).median()
        axes = axes / (width * median.clamp(min=1e-12))
        landmarks = ((rows - mean) @ axes)[_evenly(len(rows))]
        parts = {"mean": mean, "axes": axes, "landmarks": landmarks, "root": _root(landmarks)}
        raw, linear = kernel_features(rows, **parts), axes.shape[1]
        size = float(raw[:, :linear].square().sum(dim=1).mean().sqrt())
        return cls(raw / _sizes(raw.shape[1], linear, size), linear, size, parts)

    @property
    def sizes(self) -> Float[Tensor, " q"]:
        """What `kernel_features` has to be divided by to give columns like those of `rows`."""
        return _sizes(self.rows.shape[1], self.linear, self.size)


def kernel_features(
    embeddings: Float[Tensor, "*n e"],
    mean: Float[Tensor, " e"],
    axes: Float[Tensor, "e p"],
    landmarks: Float[Tensor, "k p"],
    root: Float[Tensor, "k r"],
) -> Float[Tensor, "*n q"]:
    """Give the components p in widths of the kernel, then `exp(-|p - landmark|² / 2) root`; differentiable."""
    p = (embeddings - mean) @ axes
    squares = p.square().sum(dim=-1, keepdim=True) + landmarks.square().sum(dim=-1) - 2 * p @ landmarks.T
    return torch.cat([p, torch.exp(-squares.clamp(min=0) / 2) @ root], dim=-1)


def canonical_signs(columns: Float[Tensor, "n k"]) -> Float[Tensor, " k"]:
    """1 or -1 a column, which times the column makes its largest entry positive; eigenvectors come with any sign."""
    largest = columns.abs().argmax(dim=0, keepdim=True)
    return torch.where(columns.gather(0, largest)[0] < 0, -1.0, 1.0)


def _principal_directions(standardised: Float[Tensor, "images e"]) -> Float[Tensor, "e p"]:
    """Directions of the largest variance, at most 16, the greatest first."""
    _, deviations, directions = torch.linalg.svd(standardised, full_matrices=False)
    kept = directions[deviations > NOTHING * deviations[0]][:COMPONENTS].T
    return kept * canonical_signs(kept)


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


def _evenly(count: int) -> Int[Tensor, " k"]:
    return torch.linspace(0, count - 1, min(count, LANDMARKS), dtype=torch.float64).round().long()
