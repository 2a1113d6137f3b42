"""Why a person is seen so: what each taste likes, and which of the person's votes moved a score.

Enters: a posterior or a print, and images. Leaves: image names, and logits a vote. Does not know: pages, pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.model.posterior import infer
from tasteprint.taste.opinions import answers, opinions_of

if TYPE_CHECKING:
    from tasteprint.taste.model import TastePosterior
    from tasteprint.taste.prints import Shown, TastePrint


class Liking(NamedTuple):
    """One taste: how common it is (0 to 1), and the images that it likes most and least, the most extreme first."""

    share: float
    most: tuple[str, ...]
    least: tuple[str, ...]


@torch.no_grad()
def likings(posterior: TastePosterior, shown: Shown, count: int = 6) -> list[Liking]:
    """What each of the R tastes likes among images, by the utility at its centre."""
    prior = posterior.learner.prior
    utilities = shown.shared.double() + prior.means.double() @ shown.features.double().T
    order = utilities.argsort(dim=1, descending=True).tolist()
    named = [[shown.names[place] for place in row] for row in order]
    shares = prior.log_weights.exp().tolist()
    return [
        Liking(share, tuple(row[:count]), tuple(row[::-1][:count]))
        for share, row in zip(shares, named, strict=True)
    ]


@torch.no_grad()
def moved_by(taste: TastePrint, embeddings: Float[Tensor, "b e"]) -> Float[Tensor, "opinions b"]:
    """By how many logits each of `taste.said` raises the expected utility of each image: with it, minus without it.

    Exact: the belief is made anew without each opinion in turn, all in one pass.
    """
    posterior = taste.posterior
    rows = [
        opinions_of([*taste.said[:i], *taste.said[i + 1 :]], taste.shown.place)
        for i in range(len(taste.said))
    ]
    table = posterior.learner.cuts.table()
    without = infer(posterior.learner.prior, answers(rows, taste.shown.shared, taste.shown.features, table))
    features = posterior.utilities(embeddings)[1].double()
    return (taste.belief.taste - without.taste) @ features.T
