"""What stands beside `mini` on simulated people: references that know the true attributes, and a general scorer.

Enters: the test people; a dataset to learn from. Leaves: scores of the asked pictures; a scorer that knows nobody.
Does not know: figures, files of results.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from experiments.examined import Examined, Scores
from jaxtyping import Float

from tasteprint.config import load_config
from tasteprint.data.dataset import Dataset
from tasteprint.incontext.model import InContextModel
from tasteprint.simulate.bayes import predict
from tasteprint.simulate.taxonomy import one_hot
from tasteprint.train.run import Run

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

STEPS = 300


def general_scorer(dataset: Dataset, seed: int = 0, steps: int = STEPS) -> InContextModel:
    """Teach the backbone of `mini` what everybody likes, from the same votes; some minutes on one core."""
    every = (f"seed={seed}", f"stage1.steps={steps}", f"stage1.evaluate_every={max(1, steps // 4)}")
    with TemporaryDirectory() as folder:
        return Run(load_config(RECIPE, (*ALONE, *every)), dataset, Path(folder) / "run").go()


def reference_scores(examined: Examined, count: int) -> dict[str, Scores]:
    """Give each reference's scores of single pictures, by which it can rank any of them."""
    shown = _shown(examined)
    direction = np.einsum("pnv,pn->pv", examined.differences[:, :count], 2 * examined.answers[:, :count] - 1)
    return {
        "bound.oracle": np.einsum("pcv,pv->pc", shown, examined.utilities),
        "bound.bayes": _wins(examined, shown, count),
        "bound.average": _wins(examined, shown, 0),
        "bound.centroid": np.einsum("pcv,pv->pc", shown, direction),
    }


def _shown(examined: Examined) -> Float[np.ndarray, "people candidates values"]:
    """True attributes of everyone's asked pictures."""
    pictures = examined.world.pictures
    return np.array([[one_hot(pictures[name].attributes) for name, _ in person] for person in examined.asked])


def _wins(examined: Examined, shown: Float[np.ndarray, "people candidates values"], count: int) -> Scores:
    """How many of the person's other asked pictures the ideal observer expects each to be preferred to."""
    first, second = np.array(list(combinations(range(shown.shape[1]), 2))).T
    told, answers = examined.differences[:, :count], examined.answers[:, :count]
    population = examined.world.population
    chances = predict(
        population, told, answers, shown[:, first] - shown[:, second], SAMPLES, seed=1
    ).probability
    scores = np.zeros(shown.shape[:2])
    np.add.at(scores, (slice(None), first), chances)
    np.add.at(scores, (slice(None), second), 1 - chances)
    return scores
