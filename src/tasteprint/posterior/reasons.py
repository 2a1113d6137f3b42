"""Why a person is seen so: what each taste likes, and which of the person's votes moved a choice.

Enters: a posterior or a print, and images. Leaves: image names, and log odds a vote. Does not know: pages, pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.prints import believe

if TYPE_CHECKING:
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.posterior.prints import ImageUtilities, PosteriorPrint


class Liking(NamedTuple):
    """One taste: how common it is (0 to 1), and the images that it likes most and least, the most extreme first."""

    share: float
    most: tuple[str, ...]
    least: tuple[str, ...]


@torch.no_grad()
def likings(posterior: TastePosterior, shown: ImageUtilities, count: int = 6) -> list[Liking]:
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
def leave_one_out_influence(
    taste: PosteriorPrint, a: Float[Tensor, "b e"], b: Float[Tensor, "b e"]
) -> Float[Tensor, "opinions b"]:
    """By how much log odds each of `taste.said` moves the choice of `a` over `b`: with it, minus without it.

    Exact: the belief is made anew without each opinion in turn, all in one pass. Above 0 it speaks for `a`.
    ValueError where the posterior has learned anew since the print was made.
    """
    taste.check()
    rest = {str(i): [*taste.said[:i], *taste.said[i + 1 :]] for i in range(len(taste.said))}
    everyone = believe(taste.posterior, {"with all": taste.said, **rest}, taste.shown)
    odds = torch.stack([torch.logit(one.prefers_rows(a, b).double(), eps=1e-9) for one in everyone])
    return odds[:1] - odds[1:]
