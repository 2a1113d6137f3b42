"""A prior that needs nobody: one person alone, known by their own answers and the pictures at hand (method.md 12).

Enters: embeddings of pictures without any opinion; later one person's opinions. Leaves: an `AlonePrior`.
Does not know: other people, image names, encoders, files.

A person's utility is a random function of a picture: `u(z) = s · w · h(z)` with `w ~ N(0, I)`, where `h(z) · h(z')` is
the mean of a linear and an RBF kernel on the leading components of the embeddings, 1 on average over the pictures at
hand. How strongly a person feels, s in logits, is not known either: it is one of `SCALES`, with the shares that stand
there before any answer, and the evidence of the answers after. So four votes are not overfitted and four hundred are
used. A person who says nothing finds everything even.

Where a person's stars part is taken from how often they gave each: see `likelihoods.own_cutpoints`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.basis import (
    DIRECTIONS,
    Basis,
    Components,
    KernelMap,
    evenly,
    leading_directions,
)
from tasteprint.posterior.likelihoods import Answers, Opinions, answers, own_cutpoints
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.posterior.utilities import FittedPrior

SCALES = {2.0: 0.25, 4.0: 0.5, 8.0: 0.25}
"""Standard deviation of a person's utility over pictures, in logits, and its share of people: a stated prior, not
fitted. Twice and half the middle one cover what two logs of real people show (docs/decisions.md)."""

REFERENCES = 64
"""Pictures at hand that others are compared with: their mean standing errs by 0.03 at most."""


class ScaleMixture(MixturePrior):
    """One taste in the middle, `N(0, s² I)`, with the scale s in doubt: a mixture over `SCALES`."""

    averaged = True

    def __init__(self, features: int) -> None:
        """Put the stated scales and shares in place."""
        super().__init__(len(SCALES), features)
        with torch.no_grad():
            self.logits.copy_(torch.tensor(list(SCALES.values())).log())
            self.means.zero_()
            self.raw_spread = torch.nn.Parameter(torch.tensor(list(SCALES)).log())

    @property
    def spread(self) -> Float[Tensor, "r d"]:
        """Standard deviations: each component's scale, in every direction."""
        return self.raw_spread.double().exp()[:, None].expand(self.means.shape)

    @property
    def stretch(self) -> Float[Tensor, " r"]:
        """Cuts lie further apart for whom differences of utility are larger: deviation of u + logistic noise."""
        return (1 + 3 / torch.pi**2 * self.raw_spread.double().exp().square()).sqrt()


class AlonePrior(FittedPrior):
    """What is known of a person of whom, and of whose like, nothing is known but which pictures are at hand."""

    kind = "alone"
    map: KernelMap

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the tensors of a `KernelMap`."""
        super().__init__()
        self.map = KernelMap(tensors)
        with torch.random.fork_rng(devices=[]):
            self.prior = ScaleMixture(self.map.weights.shape[1] - 1)
        self.eval().requires_grad_(False)

    @classmethod
    def of(
        cls,
        embeddings: Float[Tensor, "images e"],
        column_weights: Float[Tensor, " e"] | None = None,
    ) -> AlonePrior:
        """Learn the features from pictures at hand, at least two different ones, without an opinion on any."""
        basis = Basis.of(Components.of(embeddings, column_weights=column_weights), 1.0)
        rbf = basis.rows[:, basis.linear :]
        scale = torch.full_like(basis.sizes, 0.5**0.5)
        scale[basis.linear :] /= (rbf - rbf.mean(dim=0)).square().sum(dim=1).mean().sqrt().clamp(min=1e-6)
        rows = scale * basis.rows
        centre = rows.mean(dim=0)
        weights = rows.new_zeros(len(scale), 1 + DIRECTIONS)  # m is zero: nobody is asked
        kept = leading_directions(rows - centre, DIRECTIONS)
        weights[:, 1 : 1 + kept.shape[1]] = kept
        return cls(
            {
                **basis.parts,
                "weights": (scale / basis.sizes)[:, None] * weights,
                "bias": -centre @ weights,
            }
        )

    @classmethod
    def from_state(cls, state: dict[str, Tensor], width: int) -> AlonePrior:
        """Make it again from its state dict. KeyError or RuntimeError where that does not fit embeddings."""
        made = cls({name.removeprefix("map."): value for name, value in state.items()})
        if len(made.map.mean) != width:
            raise RuntimeError(f"features of {len(made.map.mean)} numbers an image, not of {width}")
        made.load_state_dict(state)
        return made

    def references(self) -> tuple[Float[Tensor, " k"], Float[Tensor, "k d"]]:
        """Give m and h of some of the pictures at hand."""
        shared, features = self.map.at_landmarks()
        some = evenly(len(shared), REFERENCES)
        return shared[some], features[some]

    def answers_of(
        self, people: Sequence[Opinions], shared: Float[Tensor, " n"], features: Float[Tensor, "n d"]
    ) -> Answers:
        """Opinions of many people on a table of images, each person's ratings between cuts of their own."""
        bounds = torch.stack([own_cutpoints(one) for one in people])
        return answers(people, shared, features, bounds)
