"""Why a person is seen so: what each taste likes, and which of the person's opinions moved a choice.

Enters: a fitted model or a print, and images. Leaves: image names, and log odds an opinion. Does not know: pages,
pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.prints import PosteriorPrint, infer_prints
from tasteprint.posterior.utilities import ImageUtilities, UtilityModel


class TasteExtremes(NamedTuple):
    """One taste: how common it is (0 to 1), and the images that it likes most and least, the most extreme first."""

    share: float
    most: tuple[str, ...]
    least: tuple[str, ...]


@torch.no_grad()
def taste_extremes(model: UtilityModel, images: ImageUtilities, count: int = 6) -> list[TasteExtremes]:
    """What each of the R tastes likes among images, by the utility at its centre."""
    utilities = images.shared.double() + model.prior.means.double() @ images.features.double().T
    order = utilities.argsort(dim=1, descending=True, stable=True).tolist()
    named = [[images.names[place] for place in row] for row in order]
    shares = model.prior.log_weights.exp().tolist()
    return [
        TasteExtremes(share, tuple(row[:count]), tuple(row[::-1][:count]))
        for share, row in zip(shares, named, strict=True)
    ]


@torch.no_grad()
def leave_one_out_influence(
    taste: PosteriorPrint, a: Float[Tensor, "b e"], b: Float[Tensor, "b e"]
) -> Float[Tensor, "opinions b"]:
    """By how much log odds each of `taste.opinions` moves the choice of `a` over `b`: with it, minus without it.

    Exact: the posterior is inferred anew without each opinion in turn, all in one pass. Above 0 it speaks for `a`.
    """
    opinions = taste.opinions
    rest = [(taste.user_id, [*opinions[:i], *opinions[i + 1 :]]) for i in range(len(opinions))]
    prints = infer_prints(taste.model, [(taste.user_id, opinions), *rest], taste.images)
    odds = torch.stack([torch.logit(one.prefers_embeddings(a, b).double(), eps=1e-9) for one in prints])
    return odds[:1] - odds[1:]
