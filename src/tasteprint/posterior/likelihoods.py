"""What an answer says about a utility: that, with logistic noise, it fell between two bounds.

Enters: votes and ratings, the row of each image in a table of features, utilities. Leaves: `Opinions` of one person,
`Answers` of many, their log-probabilities and derivatives. Does not know: priors, posteriors, encoders, files.
One likelihood serves every kind of answer:

    A was preferred to B       u(A) - u(B) above 0                  (Bradley and Terry 1952)
    a tie                      both answers, each of weight one half
    a like, or a dislike       u(z) above, or below, the like threshold
    passed, not liked          as a dislike, of weight SEEN: perhaps it was never seen
    k of n stars               u(z) between the cuts k - 1 and k     (McCullagh 1980, proportional odds)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus
from torch.nn.utils.rnn import pad_sequence

from tasteprint.types import MOST_STARS, Opinion, Passed, Rating, Vote

FAR = 1e9
"""Stands for a bound that is not there, in logits; infinity itself would turn products with 0 into NaN."""


class Answers(NamedTuple):
    """Many answers of many people. Answer `n` says that `utility + noise` lay in (low, high); weight 0 pads.

    Rows are an image's features h, or the difference of two images'; offsets the shared taste m, likewise, so
    that with a taste w the utility is `offset + row · w`. A bound that is not there is -FAR or FAR.
    """

    rows: Float[Tensor, "*people n d"]
    offsets: Float[Tensor, "*people n"]
    low: Float[Tensor, "*people n"]
    high: Float[Tensor, "*people n"]
    weights: Float[Tensor, "*people n"]

    @classmethod
    def choices(cls, rows: Float[Tensor, "*people n d"], offsets: Float[Tensor, "*people n"]) -> Answers:
        """Say of every difference of two images that the first was preferred."""
        even = torch.zeros_like(offsets)
        return cls(rows, offsets, even, even + FAR, even + 1)


def log_likelihood(
    utility: Float[Tensor, "*n"], low: Float[Tensor, "*#n"], high: Float[Tensor, "*#n"]
) -> Float[Tensor, "*n"]:
    """Log-probability that `utility + noise` lies in (low, high), noise standard logistic; at most 0.

    `σ(u - low) - σ(u - high) = σ(u - low) σ(high - u) (1 - e^(low - high))`, which neither overflows nor cancels,
    and is concave in u.
    """
    width = torch.log(-torch.expm1(low - high))
    return logsigmoid(utility - low) + logsigmoid(high - utility) + width


def slope_and_bend(
    utility: Float[Tensor, "*n"], low: Float[Tensor, "*#n"], high: Float[Tensor, "*#n"]
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """First derivative of `log_likelihood` in the utility, -1 to 1, and minus the second, 0 to 1/2."""
    above, below = torch.sigmoid(utility - low), torch.sigmoid(high - utility)
    return below - above, above * (1 - above) + below * (1 - below)


def averaged_slope_and_bend(
    mean: Float[Tensor, "*n"],
    variance: Float[Tensor, "*n"],
    low: Float[Tensor, "*#n"],
    high: Float[Tensor, "*#n"],
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Give the means of both where the utility is normal, by MacKay's approximation (see `answer_probability`)."""
    scale = (1 + torch.pi / 8 * variance).rsqrt()
    slope, bend = slope_and_bend(scale * mean, scale * low, scale * high)
    return slope, scale * bend


def answer_probability(
    mean: Float[Tensor, "*n"],
    variance: Float[Tensor, "*n"],
    low: Float[Tensor, "*#n"] | float = 0.0,
    high: Float[Tensor, "*#n"] | float = FAR,
) -> Float[Tensor, "*n"]:
    """Probability of an answer where the utility itself is normal: σ(k (mean - low)) - σ(k (mean - high)).

    MacKay's approximation (1992): `k = 1 / sqrt(1 + π/8 · variance)`; within 0.02 of the integral, or 0.04 between
    two bounds.
    """
    scale = (1 + torch.pi / 8 * variance).rsqrt()
    return log_likelihood(scale * mean, scale * low, scale * high).exp()


BELOW, EVEN, ABOVE = range(3)
"""Where -FAR, 0 and FAR stand in the table of bounds; the cuts of the scales of 2, 3, ... stars follow."""

FIXED_BOUNDS = torch.tensor([-FAR, 0.0, FAR], dtype=torch.float64)

SCALE_CUTS = tuple((ABOVE + 1 + n * (n - 1) // 2, ABOVE + 1 + n * (n + 1) // 2) for n in range(1, MOST_STARS))
"""Of the scales of 2, 3, ... stars, the rows of the first cut and of the one behind the last: n stars have n - 1."""

ALONE = -1
"""Stands for the second image of an opinion on one image."""

START_WIDTH = 1.5
"""Cuts begin at `1.5 logit(k / n)`: a population whose utilities have variance near 1.2 uses all stars alike."""

SEEN = 0.5
"""What a picture counts that was passed: half of those that were there are taken to have been seen (an assumption)."""

PSEUDO_COUNT = 1.0
"""Ratings that a person's own are mixed with before their cuts are taken."""

LEAST_GAP = 1e-3
"""Least distance of two cuts in logits: of stars without room between their cuts nothing could be said."""


class Opinions(NamedTuple):
    """One person's opinions: rows of the image table, rows of the table of bounds, weights."""

    images: Int[Tensor, "n 2"]
    bounds: Int[Tensor, "n 2"]
    weights: Float[Tensor, " n"]

    def chosen(self, order: Int[Tensor, " k"]) -> Opinions:
        """Some of them, in the order given."""
        return Opinions(*(part[order] for part in self))


class Cutpoints(nn.Module):
    """Where the stars of every scale part, in logits of utility; the cut of a like is that of two stars."""

    def __init__(self) -> None:
        """Begin with every scale's stars equally common."""
        super().__init__()
        scales = [torch.arange(1, n) / n for n in range(2, MOST_STARS + 1)]
        cutpoints = [START_WIDTH * torch.logit(scale) for scale in scales]
        self.first = nn.Parameter(torch.stack([scale[0] for scale in cutpoints]))
        self.gaps = nn.Parameter(torch.cat([(scale.diff() - LEAST_GAP).expm1().log() for scale in cutpoints]))

    def table(self) -> Float[Tensor, " bounds"]:
        """Every bound that an opinion can have, in float64; cuts rise within a scale."""
        gaps = (LEAST_GAP + softplus(self.gaps.double())).split([n - 2 for n in range(2, MOST_STARS + 1)])
        cutpoints = [
            first + torch.cat([first.new_zeros(1), gap.cumsum(0)])
            for first, gap in zip(self.first.double(), gaps, strict=True)
        ]
        return torch.cat([FIXED_BOUNDS, *cutpoints])


def own_cutpoints(one: Opinions) -> Float[Tensor, " bounds"]:
    """One person's bounds, for utilities that are all 0: stars part where the person's own counts say.

    With p the share of ratings below a cut, the cut is `logit p`, where standard logistic noise alone brings p about.
    `PSEUDO_COUNT` ratings, evenly over the stars, are added first, so that without any all stars are equally common.
    """
    rated = one.images[:, 1] == ALONE
    low, high, weights = one.bounds[rated, 0], one.bounds[rated, 1], one.weights[rated, None]
    cutpoints = []
    for begin, end in SCALE_CUTS:
        cuts = torch.arange(begin, end)
        below = (weights * ((high[:, None] >= begin) & (high[:, None] <= cuts))).sum(dim=0)
        above = (weights * ((low[:, None] >= cuts) & (low[:, None] < end))).sum(dim=0)
        even = torch.arange(1, len(cuts) + 1, dtype=torch.float64) / (len(cuts) + 1)
        cutpoints.append(torch.logit((below + PSEUDO_COUNT * even) / (below + above + PSEUDO_COUNT)))
    return torch.cat([FIXED_BOUNDS, *cutpoints])


def opinions_of(opinions: Iterable[Opinion], rows: Mapping[str, int]) -> Opinions:
    """One person's opinions by rows of an image table; a tie is both choices, each of weight one half."""
    found = [row for opinion in opinions for row in _rows(opinion, rows)]
    images = torch.tensor([row[0] for row in found], dtype=torch.long).reshape(-1, 2)
    bounds = torch.tensor([row[1] for row in found], dtype=torch.long).reshape(-1, 2)
    return Opinions(images, bounds, torch.tensor([row[2] for row in found], dtype=torch.float64))


def rating_shares(bounds: Int[Tensor, "n 2"]) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """Of ratings by their bounds, the number of stars of the scale, and the share of it, 0 (the least) to 1."""
    begins = torch.tensor([begin for begin, _ in SCALE_CUTS])
    inside = torch.where(bounds[:, 0] == BELOW, bounds[:, 1], bounds[:, 0])
    scale = torch.searchsorted(begins, inside, right=True) - 1
    stars = torch.where(bounds[:, 0] == BELOW, 0, bounds[:, 0] - begins[scale] + 1)
    return scale + 2, stars / (scale + 1)


def opinion_numbers(opinions: Sequence[Opinion]) -> Int[Tensor, " n"]:
    """Of every row that `opinions_of` gives, the number of its opinion."""
    rows = torch.tensor([1 + (isinstance(one, Vote) and one.is_tie) for one in opinions], dtype=torch.long)
    return torch.arange(len(opinions)).repeat_interleave(rows)


def images_of(opinions: Iterable[Opinion]) -> list[str]:
    """Every image that opinions are about, each once, in the order of the opinions."""
    return list(dict.fromkeys(name for opinion in opinions for name in _images(opinion)))


def answers(
    people: Sequence[Opinions],
    shared: Float[Tensor, " images"],
    features: Float[Tensor, "images d"],
    bounds: Float[Tensor, "*people bounds"],
) -> Answers:
    """Opinions of many people on a table of images, padded with weight 0, in float64.

    `bounds` are one table for all, or one a person.
    """
    images = pad_sequence([one.images for one in people], batch_first=True)
    between = pad_sequence([one.bounds for one in people], batch_first=True)
    weights = pad_sequence([one.weights for one in people], batch_first=True)
    second = images[..., 1].clamp(min=0)
    high = between[..., 1].where(weights > 0, ABOVE)  # padding: anything between -FAR and FAR
    pair = (images[..., 1] != ALONE).double()
    rows = features.double()[images[..., 0]] - pair[..., None] * features.double()[second]
    offsets = shared.double()[images[..., 0]] - pair * shared.double()[second]
    table = bounds.expand(len(people), -1)
    return Answers(rows, offsets, table.gather(1, between[..., 0]), table.gather(1, high), weights)


def _images(opinion: Opinion) -> tuple[str, ...]:
    return opinion.images if isinstance(opinion, Vote) else (opinion.image,)


def _rows(opinion: Opinion, rows: Mapping[str, int]) -> list[tuple[tuple[int, int], tuple[int, int], float]]:
    """One opinion as images, bounds and weight, once, or twice where it is a tie."""
    if isinstance(opinion, Passed):
        return [((rows[opinion.image], ALONE), (BELOW, SCALE_CUTS[0][0]), SEEN)]
    if isinstance(opinion, Rating):
        return [((rows[opinion.image], ALONE), _bounds(opinion), 1.0)]
    first, second = (rows[name] for name in opinion.images)
    both = [((first, second), opinion.label_0), ((second, first), 1 - opinion.label_0)]
    return [(images, (EVEN, ABOVE), float(weight)) for images, weight in both if weight]


def _bounds(rating: Rating) -> tuple[int, int]:
    """Rows of the bounds of `stars` of `out_of`: the scale of n stars has n - 1 cuts."""
    begin, _ = SCALE_CUTS[rating.out_of - 2]
    low = BELOW if rating.stars == 1 else begin + rating.stars - 2
    high = ABOVE if rating.stars == rating.out_of else begin + rating.stars - 1
    return low, high
