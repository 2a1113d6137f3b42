"""Active learning: which pair to show a person next, by the information that the answer is expected to give.

Enters: a posterior over a taste, or a print, and pairs. Leaves: nats of information a pair, and the best pair.
Does not know: how pairs are shown or answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.mixture import MixturePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.utilities import Embeddings

NODES = 24
"""Points of the Gauss-Hermite rule; more change nothing beyond the sixth digit."""


def expected_information_gain(
    belief: MixturePosterior, offsets: Float[Tensor, "*people q"], rows: Float[Tensor, "*people q d"]
) -> Float[Tensor, "*people q"]:
    """Mutual information, in nats, of a pair's answer and the person's taste; 0 to ln 2.

    The entropy of the predicted answer, minus that which it would still have if the taste were known. A pair's
    difference of utility is normal within each component, so both are one-dimensional integrals. `offsets` and
    `rows` are the pairs' differences of m and h.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(NODES)
    means, variances = belief.moments(offsets, rows)
    utilities = means[..., None] + variances.sqrt()[..., None] * torch.as_tensor(points)
    shares = belief.log_weights.exp()[..., None, None] * torch.as_tensor(weights / math.sqrt(2 * math.pi))
    probabilities = torch.sigmoid(utilities)
    predicted = (shares * probabilities).sum(dim=(-3, -1))
    return _entropy(predicted) - (shares * _entropy(probabilities)).sum(dim=(-3, -1))


def most_informative_pair(
    taste: PosteriorPrint, pairs: Sequence[tuple[str, str]], embeddings: Embeddings | None = None
) -> tuple[str, str]:
    """The pair, of those given by image name, whose answer would tell most of the person; the first of equals.

    Without `embeddings`, names are paths. ValueError without a pair.
    """
    if not pairs:
        raise ValueError("no pairs came in; expected at least one to choose from: give pairs of image names.")
    names = sorted({name for pair in pairs for name in pair})
    images = taste.model.images(names, embeddings or taste.model.embed)
    first, second = (torch.tensor([images.place[pair[side]] for pair in pairs]) for side in (0, 1))
    offsets, rows = (
        part[first].double() - part[second].double() for part in (images.shared, images.features)
    )
    return pairs[int(expected_information_gain(taste.belief, offsets, rows).argmax())]


def _entropy(probability: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    return torch.special.entr(probability) + torch.special.entr(1 - probability)
