"""Active learning: which pair to show a person next, by the information that the answer is expected to give.

Enters: a posterior over a taste, or a print, and pairs. Leaves: nats of information a pair, and the best pair.
Does not know: how pairs are shown or answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.likelihoods import FAR, averaged_slope_and_bend
from tasteprint.posterior.mixture import MixturePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.utilities import Embeddings

NODES = 129
"""Points of the trapezoidal rule, which converges geometrically: of deviations up to 20 logits, within 1e-4 nats."""

REACH = 6.0
"""So many deviations each way the rule goes."""


def expected_information_gain(
    belief: MixturePosterior, offsets: Float[Tensor, "*people q"], rows: Float[Tensor, "*people q d"]
) -> Float[Tensor, "*people q"]:
    """Mutual information, in nats, of a pair's answer and the person's taste; 0 to ln 2.

    The entropy of the predicted answer, minus that which it would still have if the taste were known. A pair's
    difference of utility is normal within each component, so both are one-dimensional integrals. `offsets` and
    `rows` are the pairs' differences of m and h.
    """
    points = torch.linspace(-REACH, REACH, NODES, dtype=torch.float64)
    means, variances = belief.moments(offsets, rows)
    utilities = means[..., None] + variances.sqrt()[..., None] * points
    shares = belief.log_weights.exp()[..., None, None] * (-points.square() / 2).softmax(0)
    probabilities = torch.sigmoid(utilities)
    predicted = (shares * probabilities).sum(dim=(-3, -1))
    return _entropy(predicted) - (shares * _entropy(probabilities)).sum(dim=(-3, -1))


class AskedPair(NamedTuple):
    """Two images by name, and how many nats the answer is expected to tell of the person, 0 to ln 2."""

    first: str
    second: str
    nats: float


def most_informative_pair(
    taste: PosteriorPrint, pairs: Sequence[tuple[str, str]], embeddings: Embeddings | None = None
) -> tuple[str, str]:
    """The pair, of those given by image name, whose answer would tell most of the person; the first of equals.

    Without `embeddings`, names are paths. ValueError without a pair.
    """
    best = most_informative_pairs(taste, pairs, 1, embeddings)[0]
    return best.first, best.second


@torch.no_grad()
def most_informative_pairs(
    taste: PosteriorPrint,
    pairs: Sequence[tuple[str, str]],
    count: int,
    embeddings: Embeddings | None = None,
) -> list[AskedPair]:
    """At most `count` pairs that tell most together, the best first: each after the answers to those before it.

    What an answer leaves in doubt is foreseen from its expected curvature, without knowing the answer: pairs that ask
    the same thing again fall behind. No image is asked about twice. ValueError without a pair.
    """
    if not pairs:
        raise ValueError("no pairs came in; expected at least one to choose from: give pairs of image names.")
    names = sorted({name for pair in pairs for name in pair})
    images = taste.model.images(names, embeddings or taste.model.embed)
    first, second = (torch.tensor([images.place[pair[side]] for pair in pairs]) for side in (0, 1))
    offsets, rows = (
        part[first].double() - part[second].double() for part in (images.shared, images.features)
    )
    open_pairs = torch.ones(len(pairs), dtype=torch.bool)
    belief = taste.belief
    chosen: list[AskedPair] = []
    while len(chosen) < count and open_pairs.any():
        gains = expected_information_gain(belief, offsets, rows).masked_fill(~open_pairs, -1.0)
        best = int(gains.argmax())
        chosen.append(AskedPair(*pairs[best], float(gains[best])))
        asked = torch.stack([first[best], second[best]])
        open_pairs &= ~(torch.isin(first, asked) | torch.isin(second, asked))
        belief = _as_if_answered(belief, offsets[best], rows[best])
    return chosen


def _as_if_answered(
    belief: MixturePosterior, offset: Float[Tensor, ""], row: Float[Tensor, " d"]
) -> MixturePosterior:
    """The belief with a pair's doubt taken out: the middle stays, the precision grows by the answer's mean bend."""
    means, variances = belief.moments(offset[None], row[None])
    _, bends = averaged_slope_and_bend(means, variances, torch.zeros(()), torch.full((), FAR))
    white = row * belief.spread.expand(belief.modes.shape)
    precision = belief.factors @ belief.factors.mT + bends[..., None] * white[:, :, None] * white[:, None, :]
    return belief._replace(factors=torch.linalg.cholesky(precision))


def _entropy(probability: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    return torch.special.entr(probability) + torch.special.entr(1 - probability)
