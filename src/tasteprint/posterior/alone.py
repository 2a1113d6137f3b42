"""A prior that needs nobody: one person alone, known by their own answers and the pictures at hand (method.md 12).

Enters: embeddings of pictures without any opinion; later one person's opinions. Leaves: an `AlonePrior`.
Does not know: other people, image names, encoders, files.

A person's utility is a random function of a picture: `u(z) = s · (b · g(z) + w · h(z))` with `w ~ N(0, I)`, where
`h(z) · h(z')` is the mean of a linear and an RBF kernel on the leading components of the embeddings, 1 on average over
the pictures at hand. How strongly a person feels, s in logits, is not known either: it is one of `SCALES`, with the
shares that stand there before any answer, and the evidence of the answers after. So four votes are not overfitted and
four hundred are used.

g is the verdict of a scorer, if there is one (`verdict.py`), standardised over the pictures at hand: a taste that may
be shared. By how much this person shares it, b ~ N(`TRUST`, `TRUST_SPREAD`²), their answers say too. Without a scorer a
person who says nothing finds everything even.

Where a person's stars part is taken from how often they gave each: see `likelihoods.own_cutpoints`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.posterior.basis import (
    DIRECTIONS,
    LANDMARKS,
    Basis,
    Components,
    KernelMap,
    evenly,
    leading_directions,
)
from tasteprint.posterior.likelihoods import Answers, Opinions, answers, own_cutpoints
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.posterior.utilities import FittedPrior
from tasteprint.posterior.verdict import Verdict

SCALES = {2.0: 0.25, 4.0: 0.5, 8.0: 0.25}
"""Standard deviation of a person's utility over pictures, in logits, and its share of people: a stated prior, not
fitted. Twice and half the middle one cover what two logs of real people show (docs/decisions.md)."""

TRUST, TRUST_SPREAD = 0.4, 0.4
"""How much of a person's own taste a general scorer is worth, in deviations of that taste, and how far people differ: a
stated prior. A scorer of that weight foretells 0.62 of a person's choices (1/2 + arctan(b) / pi); one person in six
wants the contrary."""

REFERENCES = 64
"""Pictures at hand that others are compared with: their mean standing errs by 0.03 at most."""


class ScaleMixture(MixturePrior):
    """One taste in the middle, `N(0, s² I)`, with the scale s in doubt: a mixture over `SCALES`.

    With `judged` the first feature is a scorer's verdict, whose weight is `N(TRUST s, (TRUST_SPREAD s)²)`.
    """

    averaged = True

    def __init__(self, features: int, judged: bool = False) -> None:
        """Put the stated scales and shares in place."""
        super().__init__(len(SCALES), features)
        self.judged = judged
        with torch.no_grad():
            self.logits.copy_(torch.tensor(list(SCALES.values())).log())
            self.means.zero_()
            self.raw_spread = torch.nn.Parameter(torch.tensor(list(SCALES)).log())
            self.means[:, :judged] = TRUST * self.raw_spread.exp()[:, None]

    @property
    def spread(self) -> Float[Tensor, "r d"]:
        """Standard deviations: each component's scale, in every direction but that of a verdict."""
        directions = torch.ones(self.means.shape[1], dtype=torch.float64)
        directions[: self.judged] = TRUST_SPREAD
        return self.raw_spread.double().exp()[:, None] * directions

    @property
    def stretch(self) -> Float[Tensor, " r"]:
        """Cuts lie further apart for whom differences of utility are larger: deviation of u + logistic noise."""
        variance = self.raw_spread.double().exp().square() * (1 + self.judged * (TRUST**2 + TRUST_SPREAD**2))
        return (1 + 3 / torch.pi**2 * variance).sqrt()


class AlonePrior(FittedPrior):
    """What is known of a person of whom, and of whose like, nothing is known but which pictures are at hand.

    With a `verdict` there is a scorer too, whose word is the last number of an embedding.
    """

    kind = "alone"
    map: KernelMap
    verdict: Verdict | None

    def __init__(self, tensors: dict[str, Tensor], verdict: Verdict | None = None) -> None:
        """Take the tensors of a `KernelMap`."""
        super().__init__()
        self.map, self.verdict = KernelMap(tensors), verdict
        features = self.map.weights.shape[1] - 1
        with torch.random.fork_rng(devices=[]):
            self.prior = ScaleMixture(features + (verdict is not None), judged=verdict is not None)
        self.eval().requires_grad_(False)

    @classmethod
    def of(
        cls,
        embeddings: Float[Tensor, "images e"],
        column_weights: Float[Tensor, " e"] | None = None,
        judged: bool = False,
    ) -> AlonePrior:
        """Learn the features from pictures at hand, at least two different ones, without an opinion on any.

        `judged`: the last column is a scorer's verdict, whose column weight is 0.
        """
        basis = Basis.of(Components.of(embeddings, column_weights=column_weights), 1.0)
        rbf = basis.rows[:, basis.linear :]
        scale = torch.full_like(basis.sizes, 0.5**0.5)
        scale[basis.linear :] /= (rbf - rbf.mean(dim=0)).square().sum(dim=1).mean().sqrt().clamp(min=1e-6)
        rows = scale * basis.rows
        centre = rows.mean(dim=0)
        weights = rows.new_zeros(len(scale), 1 + DIRECTIONS)  # m is zero: nobody is asked
        kept = leading_directions(rows - centre, DIRECTIONS)
        weights[:, 1 : 1 + kept.shape[1]] = kept
        tensors = {
            **basis.parts,
            "weights": (scale / basis.sizes)[:, None] * weights,
            "bias": -centre @ weights,
        }
        return cls(tensors, Verdict.of(embeddings, evenly(len(embeddings), LANDMARKS)) if judged else None)

    @classmethod
    def from_state(cls, state: dict[str, Tensor], width: int) -> AlonePrior:
        """Make it again from its state dict. KeyError or RuntimeError where that does not fit embeddings."""
        kept = {
            name.removeprefix("verdict."): part for name, part in state.items() if name.startswith("verdict.")
        }
        tensors = {name.removeprefix("map."): part for name, part in state.items() if name.startswith("map.")}
        made = cls(tensors, Verdict(**kept) if kept else None)
        if len(made.map.mean) != width:
            raise RuntimeError(f"features of {len(made.map.mean)} numbers an image, not of {width}")
        made.load_state_dict(state)
        return made

    def awaiting_verdicts(self) -> AlonePrior:
        """Give the prior for embeddings that end in a verdict, which counts nothing before pictures are at hand."""
        tensors = {name: getattr(self.map, name) for name in KernelMap.__annotations__}
        if self.verdict is None:
            tensors["mean"] = torch.cat([tensors["mean"], torch.zeros(1)])
            tensors["axes"] = torch.cat([tensors["axes"], torch.zeros(1, tensors["axes"].shape[1])])
        nothing = torch.zeros(())
        return type(self)(tensors, Verdict(nothing, nothing, torch.zeros(len(self.map.landmarks))))

    def utilities(
        self, embeddings: Float[Tensor, "*n e"], names: Sequence[str] = ()
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m, which is zero, and h; the verdict stands first, if there is one."""
        shared, features = self.map(embeddings)
        if self.verdict is None:
            return shared, features
        return shared, torch.cat([self.verdict(embeddings), features], dim=-1)

    def references(self) -> tuple[Float[Tensor, " k"], Float[Tensor, "k d"]]:
        """Give m and h of some of the pictures at hand."""
        shared, features = self.map.at_landmarks()
        if self.verdict is not None:
            features = torch.cat([self.verdict.at_landmarks[:, None], features], dim=-1)
        some = evenly(len(shared), REFERENCES)
        return shared[some], features[some]

    def answers_of(
        self, people: Sequence[Opinions], shared: Float[Tensor, " n"], features: Float[Tensor, "n d"]
    ) -> Answers:
        """Opinions of many people on a table of images, each person's ratings between cuts of their own."""
        bounds = torch.stack([own_cutpoints(one) for one in people])
        return answers(people, shared, features, bounds)
