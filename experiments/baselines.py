"""What the models are compared with on simulated people, from controls on the same features to a general scorer.

Enters: the test people, as arrays or as conversations; a dataset to learn from. Leaves: figures, scores, a scorer that
knows nobody. Does not know: files of results, how a posterior is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import expit
from torch import Tensor, nn

from experiments.figures import over_people, spread
from experiments.people import HISTORY, MAIN, MeasuredPeople, Scores
from experiments.predictions import PriorView, Targets
from tasteprint.config import load_config
from tasteprint.data.dataset import Dataset
from tasteprint.evaluate.results import Figure
from tasteprint.evaluate.shared_tastes import fit_shared_tastes, mixture_probability
from tasteprint.incontext.model import InContextModel
from tasteprint.posterior.active import expected_information_gain
from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.posterior.utilities import FittedPrior
from tasteprint.simulate.bayes import predict
from tasteprint.simulate.people import draw_population
from tasteprint.simulate.taxonomy import one_hot
from tasteprint.train.run import Run

OFFERED = 64
"""Random pairs among which the most telling one is sought (method.md section 10)."""


class Standardised(nn.Module):
    """No shared taste, and every feature as it is, standardised: what a logistic regression a person sees."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.mean, self.scale = table.mean(dim=0), table.std(dim=0).clamp(min=1e-6)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.new_zeros(len(rows)), (rows - self.mean) / self.scale


def feature_baselines(
    targets: Targets, test: Tensor, table: Tensor, people: Sequence, view: str
) -> Iterator[Figure]:
    """A logistic regression a person on the same features, and a mixture of shared reward functions (LoRe)."""
    plain = FittedPrior()
    plain.map, plain.prior = Standardised(table), MixturePrior(1, table.shape[1])
    with torch.no_grad():
        plain.prior.means.zero_()
        plain.prior.raw_spread.fill_(-0.5 * np.log(table.shape[1]))
    seen = PriorView(plain, test, targets.crowd)
    for n in (2, MAIN, HISTORY):
        # Wide features make large matrices: some people at a time.
        parts = np.array_split(np.arange(len(targets.truth)), 30)
        chances = [seen.probabilities(seen.posterior_of(n, part), part) for part in parts]
        yield over_people(f"{view}accuracy.logistic.{n}", targets.earned(np.concatenate(chances)))
    tastes = fit_shared_tastes(table, [one.images for one in people])
    with torch.no_grad():
        utilities = tastes.utilities(test)
        left, right = (
            torch.from_numpy(side) for side in (targets.crowd.choices.left, targets.crowd.choices.right)
        )
        gaps = utilities[left] - utilities[right]
        for n in (2, MAIN, HISTORY):
            memberships = tastes.log_memberships(seen.liked[:, :n, None].float() * gaps[:, :n])
            yield over_people(
                f"{view}accuracy.lore.{n}",
                targets.earned(mixture_probability(memberships, gaps[:, HISTORY:]).numpy()),
            )


def active_questions(targets: Targets, runs: Sequence[PriorView], view: str) -> Iterator[Figure]:
    """Votes chosen by what they are expected to tell, against random ones: accuracy by votes, and votes to match 8."""
    curves = np.array([_accuracy_by_question(targets, seen, seed) for seed, seen in enumerate(runs)]).mean(
        axis=0
    )
    aim = np.mean([targets.earned(seen.probabilities(seen.posterior_of(MAIN))).mean() for seen in runs])
    for votes, right in enumerate(curves, 1):
        yield over_people(f"{view}ask.accuracy.{votes}", right)
    enough = [votes for votes, right in enumerate(curves, 1) if right.mean() >= aim]
    yield spread(f"{view}ask.votes_to_match_8", [float(enough[0]) if enough else float("inf")])


@torch.no_grad()
def _accuracy_by_question(targets: Targets, seen: PriorView, seed: int) -> list[np.ndarray]:
    """Ask everyone the most telling of random pairs, again and again; what the targets earn after each answer."""
    rng, pool = np.random.default_rng(seed), targets.pictures.pool
    kind_beta = draw_population("groups").beta
    people, curve = len(targets.truth), []
    rows: list[Tensor] = []
    offsets: list[Tensor] = []
    for _ in range(MAIN):
        context = Answers.choices(*_stacked(rows, offsets, people, seen))
        belief = infer(seen.prior, context)
        pairs = rng.integers(len(pool.subjects), size=(people, OFFERED, 2))
        first, second = (torch.from_numpy(pairs[..., side]) for side in (0, 1))
        nats = expected_information_gain(
            belief, seen.shared[first] - seen.shared[second], seen.features[first] - seen.features[second]
        )
        best = pairs[np.arange(people), nats.argmax(dim=1).numpy()]
        gap = ((pool.attributes[best[:, 0]] - pool.attributes[best[:, 1]]) * targets.crowd.utilities).sum(
            axis=1
        )
        sign = torch.from_numpy(np.where(rng.random(people) < expit(kind_beta * gap), 1.0, -1.0))
        one, other = torch.from_numpy(best[:, 0]), torch.from_numpy(best[:, 1])
        rows.append(sign[:, None] * (seen.features[one] - seen.features[other]))
        offsets.append(sign * (seen.shared[one] - seen.shared[other]))
        belief = infer(seen.prior, Answers.choices(*_stacked(rows, offsets, people, seen)))
        curve.append(targets.earned(seen.probabilities(belief)))
    return curve


def _stacked(
    rows: list[Tensor], offsets: list[Tensor], people: int, seen: PriorView
) -> tuple[Tensor, Tensor]:
    if not rows:
        return seen.features.new_zeros(people, 0, seen.features.shape[1]), seen.features.new_zeros(people, 0)
    return torch.stack(rows, dim=1), torch.stack(offsets, dim=1)


RECIPE = Path(__file__).with_name("mini.toml")
SAMPLES = 1024
"""Of the ideal observer where it only ranks; its accuracies of pairs have `simulate/oracle.py`'s."""

ALONE = (
    "data.history_length=0",
    "teacher.posterior=''",
    "stage1.history_labels=0.0",
    # Nearly the contrastive loss alone, as PickScore has it: the answer's own loss keeps a weight of 1 in 100. The
    # optimiser's steps do not depend on the scale of the loss, the clipping of gradients does.
    "stage1.contrastive=100.0",
    "stage1.max_grad_norm=500.0",
    "stage1.batch_size=32",
    "stage1.targets=8",
    "stage1.lr=1e-3",
    "stage1.warmup=0.1",
    "stage1.schedule='cosine'",
    "stage2.steps=0",
)
"""What a general scorer has other than the recipe of `mini`: no history, no teacher, one stage."""

GENERAL_STEPS = 300


def general_scorer(dataset: Dataset, seed: int = 0, steps: int = GENERAL_STEPS) -> InContextModel:
    """Teach the backbone of `mini` what everybody likes, from the same votes; some minutes on one core."""
    every = (f"seed={seed}", f"stage1.steps={steps}", f"stage1.evaluate_every={max(1, steps // 4)}")
    with TemporaryDirectory() as folder:
        return Run(load_config(RECIPE, (*ALONE, *every)), dataset, Path(folder) / "run").go()


def reference_scores(tested: MeasuredPeople, count: int) -> dict[str, Scores]:
    """Give each reference's scores of single pictures, by which it can rank any of them."""
    shown = _shown(tested)
    direction = np.einsum("pnv,pn->pv", tested.differences[:, :count], 2 * tested.answers[:, :count] - 1)
    return {
        "bound.oracle": np.einsum("pcv,pv->pc", shown, tested.utilities),
        "bound.bayes": _wins(tested, shown, count),
        "bound.average": _wins(tested, shown, 0),
        "bound.centroid": np.einsum("pcv,pv->pc", shown, direction),
    }


def _shown(tested: MeasuredPeople) -> Float[np.ndarray, "people candidates values"]:
    """True attributes of everyone's asked pictures."""
    pictures = tested.world.pictures
    return np.array(
        [[one_hot(pictures[name].attributes) for name, _ in person] for person in tested.candidates]
    )


def _wins(tested: MeasuredPeople, shown: Float[np.ndarray, "people candidates values"], count: int) -> Scores:
    """How many of the person's other asked pictures the ideal observer expects each to be preferred to."""
    first, second = np.array(list(combinations(range(shown.shape[1]), 2))).T
    context, answers = tested.differences[:, :count], tested.answers[:, :count]
    population = tested.world.population
    chances = predict(
        population, context, answers, shown[:, first] - shown[:, second], SAMPLES, seed=1
    ).probability
    scores = np.zeros(shown.shape[:2])
    np.add.at(scores.T, first, chances.T)
    np.add.at(scores.T, second, 1 - chances.T)
    return scores
