"""Near-duplicates: which pictures are of one burst, or copies at other sizes and qualities.

Enters: raw embeddings, what each column counts. Leaves: a group number a picture. Does not know: files, taste.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int, Num

NEAR = 0.5
"""Near-duplicates are at most so far apart, in typical deviations of a column (root mean square over columns).

Measured with the encoder `photo`, columns weighed, on 300 wallpapers and 145 AI pictures. Different pictures are at
least 0.6 apart, most of them more than 1. Of altered copies of 80 of them nine in ten lie within: JPEG of quality 60,
0.32; a crop of 5 %, 0.42, of 10 %, 0.49; a turn by 3 degrees, 0.50; 25 % brighter, 0.42; noise, crop and JPEG, 0.58.
"""

LEAST_SPREAD = 0.3
"""A column's deviation counts as no less than so much of its root mean square: in a folder that is one burst, the
burst is not what is typical."""

SKETCH = 64
"""Distances are taken between so many random sums of columns, which are within 9 % of the true ones (one deviation)."""

CELL = 4000
"""Up to so many pictures each is compared with each; of more, with those that lie near the same landmarks."""

LANDMARKS = 3
"""To so many of the nearest landmarks a picture belongs; one picture in 250 is a landmark."""

EARLIER = 8
"""Of so many of the first pictures like it a picture may find its group's: a folder may be one scene throughout."""


def near_duplicates(
    embeddings: Num[np.ndarray, "n e"],
    column_weights: Float[np.ndarray, " e"] | None = None,
    distance: float = NEAR,
) -> Int[np.ndarray, " n"]:
    """Number the groups of pictures that are nearly the same; groups count from 0 in the order of their first picture.

    In their order, each picture joins the first group whose first picture is at most `distance` away, or begins one;
    so a long series that changes slowly is not one group. Columns are taken in units of their deviation over the
    pictures at hand, and weighed by `column_weights` (an encoder's; None: all alike). Deterministic; beyond 4,000
    pictures a group may come in two parts where its pictures share no landmark. 100,000 pictures take some seconds
    and 300 MB.
    """
    if not len(embeddings):
        return np.zeros(0, np.int64)
    sketch = _sketch(embeddings, column_weights)
    pairs = [pair for cell in _cells(sketch) for pair in _pairs(sketch, cell, distance)]
    return _groups(len(sketch), np.concatenate(pairs))


def _sketch(
    embeddings: Num[np.ndarray, "n e"], weights: Float[np.ndarray, " e"] | None
) -> Float[np.ndarray, "n k"]:
    """Random sums of the columns, such that distances between them are those between the weighed columns."""
    some = embeddings[:: len(embeddings) // CELL + 1].astype(np.float32)
    middle = some.mean(axis=0)
    spread = np.maximum(some.std(axis=0), LEAST_SPREAD * np.sqrt(np.square(some).mean(axis=0)))
    counts = np.ones_like(spread) if weights is None else weights
    scale = np.divide(counts, spread, out=np.zeros_like(spread), where=spread > 0) / np.linalg.norm(counts)
    draw = np.random.default_rng(0).standard_normal((len(spread), SKETCH), np.float32) / SKETCH**0.5
    sums = (scale[:, None] * draw).astype(np.float32)
    blocks = np.array_split(embeddings, len(embeddings) // CELL + 1)
    return np.concatenate([(block.astype(np.float32) - middle) @ sums for block in blocks])


def _cells(sketch: Float[np.ndarray, "n k"]) -> Iterator[Int[np.ndarray, " m"]]:
    """Places of pictures that are compared with each other, in order; at most `CELL` each."""
    if len(sketch) <= CELL:
        yield np.arange(len(sketch))
        return
    landmarks = sketch[:: CELL // 16]
    blocks = np.array_split(sketch, len(sketch) // CELL + 1)
    nearest = np.concatenate([_squares(block, landmarks).argpartition(LANDMARKS, axis=1) for block in blocks])
    belongs = nearest[:, :LANDMARKS].ravel()
    order = np.argsort(belongs, kind="stable")
    for members in np.split(order // LANDMARKS, np.flatnonzero(np.diff(belongs[order])) + 1):
        yield from np.array_split(members, len(members) // CELL + 1)


def _pairs(
    sketch: Float[np.ndarray, "n k"], cell: Int[np.ndarray, " m"], distance: float
) -> Iterator[Int[np.ndarray, "p 2"]]:
    """Pairs (later, earlier) of a cell that are near each other, for each picture its `EARLIER` first."""
    rows = sketch[cell]
    for start in range(0, len(cell), 512):
        end = min(start + 512, len(cell))
        later, earlier = np.nonzero(_squares(rows[start:end], rows[:end]) <= distance**2)
        later, earlier = (places[earlier < start + later] for places in (later, earlier))
        rank = np.arange(len(later)) - np.searchsorted(later, later)
        later, earlier = start + later[rank < EARLIER], earlier[rank < EARLIER]
        yield np.stack([cell[later], cell[earlier]], axis=1)


def _squares(rows: Float[np.ndarray, "a k"], others: Float[np.ndarray, "b k"]) -> Float[np.ndarray, "a b"]:
    """Squared distances, which rounding may make slightly less than 0; by one product, |a|^2 - 2 a b + |b|^2."""
    left = np.column_stack([-2 * rows, np.square(rows).sum(axis=1), np.ones_like(rows[:, 0])])
    right = np.column_stack([others, np.ones_like(others[:, 0]), np.square(others).sum(axis=1)])
    return left @ right.T


def _groups(number: int, pairs: Int[np.ndarray, "p 2"]) -> Int[np.ndarray, " n"]:
    """Let each picture join the first of the earlier ones near it that began a group."""
    first = np.arange(number)
    for pair in np.unique(pairs @ [number, 1]).tolist():
        later, earlier = divmod(pair, number)
        if first[later] == later and first[earlier] == earlier:
            first[later] = earlier
    return np.unique(first, return_inverse=True)[1]
