"""Which pair to show a person next: the one whose answer is expected to tell most about their taste.

Enters: a belief and pairs. Leaves: nats of information a pair. Does not know: how pairs are shown or answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.mixture import MixturePosterior

if TYPE_CHECKING:
    from tasteprint.posterior.model import Embeddings
    from tasteprint.posterior.prints import PosteriorPrint


NODES = 24
"""Points of the Gauss-Hermite rule; more change nothing beyond the sixth digit."""


def expected_information_gain(
    belief: MixturePosterior, offsets: Float[Tensor, "*people q"], rows: Float[Tensor, "*people q d"]
) -> Float[Tensor, "*people q"]:
    """Mutual information, in nats, of a pair's answer and the person's taste; 0 to ln 2.

    The entropy of the answer as foreseen, minus that which it would still have if the taste were known. A
    pair's difference of utility is normal within each component, so both are one-dimensional integrals.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(NODES)
    means, variances = belief.moments(offsets, rows)
    utilities = means[..., None] + variances.sqrt()[..., None] * torch.as_tensor(points)
    shares = belief.log_weights.exp()[..., None, None] * torch.as_tensor(weights / math.sqrt(2 * math.pi))
    chances = torch.sigmoid(utilities)
    foreseen = (shares * chances).sum(dim=(-3, -1))
    return _entropy(foreseen) - (shares * _entropy(chances)).sum(dim=(-3, -1))


def most_informative_pair(
    taste: PosteriorPrint, pairs: Sequence[tuple[str, str]], embeddings: Embeddings | None = None
) -> tuple[str, str]:
    """The pair, of those given by image name, that tells most when asked; the first of equals.

    Without `embeddings`, names are paths. ValueError without a pair.
    """
    if not pairs:
        raise ValueError("no pairs came in; expected at least one to choose from: give pairs of image names.")
    names = sorted({name for pair in pairs for name in pair})
    shown = taste.posterior.shown(names, embeddings or taste.posterior.embed)
    first, second = (torch.tensor([shown.place[pair[side]] for pair in pairs]) for side in (0, 1))
    offsets, rows = (part[first].double() - part[second].double() for part in (shown.shared, shown.features))
    return pairs[int(expected_information_gain(taste.belief, offsets, rows).argmax())]


def _entropy(chance: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    return torch.special.entr(chance) + torch.special.entr(1 - chance)
