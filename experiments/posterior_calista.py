"""The taste posterior on real votes: `python -m experiments.posterior_calista`, about four minutes a split on one core.

Enters: the log of web pages (DATA, else ../shared/data/calista_webpages; see its README for provenance and licence).
Leaves: docs/results/posterior-calista.json. Does not know: how priors are estimated. Nothing is chosen on the raters
that it is measured on: the prior and its scales come from cross-validation over the others.

Five splits of the raters, those of experiments/calista.sh; the same people, histories and targets as there. In the
condition `unrated` the others' votes on a person's target images are left out, for each person anew.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from experiments.figures import gathered
from tasteprint.config import DataConfig, PosteriorConfig
from tasteprint.data.build import build
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import fixed_examples, shortened
from tasteprint.data.mapping import load_mapping
from tasteprint.evaluate.baselines import logistic, other_history, population, shared_tastes
from tasteprint.evaluate.evaluation import OWN, Margins, Measurements, figures, measure
from tasteprint.evaluate.metrics import mean_interval, pair_outcomes
from tasteprint.evaluate.predictors import predict_pairs
from tasteprint.evaluate.results import Figure, read_results, write_results
from tasteprint.evaluate.shared_tastes import STEPS, TASTES, fit_tastes
from tasteprint.posterior.basis import MOST_COMPONENTS, Components
from tasteprint.posterior.cross_validation import CachedEstimation
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior, Scales
from tasteprint.posterior.likelihoods import images_of, opinions_of
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.predictor import PosteriorPredictor
from tasteprint.posterior.utilities import checked_embeddings
from tasteprint.types import Example, Vote
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.feature_store import FeatureStore

ROOT = Path(__file__).parents[1]
SEEDS = (0, 1, 2, 3, 4)
SHARES = DataConfig(validation=0.1, test=0.2)
COUNTS = (0, 1, 2, 4, 8)
MORE = 16
"""The longest history that every rater can give beside a target; nobody has 32 votes."""

TARGETS = 16

VotesOf = dict[str, tuple[Vote, ...]]


class Split:
    """One split of the raters: who trains the prior, who is tested, and a posterior that learned from the first."""

    def __init__(self, log: Path, encoder: str, seed: int) -> None:
        """Build the dataset, embed the pictures, choose and estimate a prior."""
        folder = ROOT / "runs" / "calista" / str(seed) / "data"
        if not (folder / "summary.json").is_file():
            build(log, folder, load_mapping("calista"), SHARES, seed)
        self.seed, self.data = seed, Dataset(folder)
        self.store = FeatureStore(
            folder / "features", ImageEncoder.from_pretrained(encoder), self.data.images.open
        )
        self.test: VotesOf = self.data.votes_by_user("test")
        self.training: VotesOf = self.data.votes_by_user("train") | self.data.votes_by_user("validation")
        self.posterior = TastePosterior.fit(
            self.training,
            PosteriorConfig(encoder=encoder),
            encoder=self.store.encoder,
            embeddings=self.store.rows,
            seed=seed,
        )
        self.gains: dict[str, dict[str, np.ndarray]] = {}

    def examples(self, count: int) -> list[Example]:
        """Histories of so many votes, and targets that share no image with them."""
        return fixed_examples(self.test, count, TARGETS, self.seed)[0]

    def rated(self) -> Iterator[Figure]:
        """Measure on images that the others rated, beside the controls."""
        everyone = [vote for votes in self.training.values() for vote in votes]
        tastes = fit_tastes(
            self.store.rows,
            self.data.votes_by_user("train"),
            self.data.votes_by_user("validation"),
            TASTES,
            STEPS,
            self.seed,
        )
        predictors = {
            OWN: PosteriorPredictor(self.posterior, self.store.rows),
            "population": population(everyone),
            "logistic": logistic(self.store.rows, images_of(everyone)),
            "tastes": shared_tastes(tastes, self.store.rows),
        }
        measured = measure(predictors, self.examples(8), self.seed, COUNTS, self.test)
        yield from figures(measured, self.seed)
        yield from self.gains_over(measured, 8, ("population", "no_history", "other_history"))
        more = measure(predictors, self.examples(MORE), self.seed, (0,), self.test)
        for name, said in ((OWN, ""), ("population", "population."), ("other_history", "other_history.")):
            yield accuracy_figure(f"accuracy.{said}{MORE}", more.margins[name], self.seed)
        yield from self.gains_over(more, MORE, ("population", "other_history"))
        yield Figure(
            "prior.estimated",
            float(isinstance(self.posterior.fitted, EmpiricalBayesPrior)),
            0.0,
            1.0,
            len(self.training),
        )

    def unrated(self) -> Iterator[Figure]:
        """Measure on images that nobody rated: for each person, the others' votes on the targets are left out."""
        examples = self.examples(8)
        others = other_history(examples, self.seed, self.test)
        found: dict[str, Margins] = {}
        for example, other in zip(examples, others, strict=True):
            predictor = PosteriorPredictor(self.without(example), self.store.rows)
            context = {str(count): shortened(example, count) for count in COUNTS} | {"other_history": other}
            for name, one in context.items():
                found.setdefault(name, []).extend(predict_pairs(predictor.pairs, [one]))
        for name, margins in found.items():
            yield accuracy_figure(f"accuracy.unrated.{name}", margins, self.seed)
        for name, said in (("0", "no_history"), ("other_history", "other")):
            yield self.gain(f"own_minus_{said}.unrated.8", examples, found["8"], found[name])

    def gains_over(self, measured: Measurements, count: int, names: Sequence[str]) -> Iterator[Figure]:
        """Own votes minus each of several other readings; `own_minus_other` is a figure of `figures` already."""
        for name in names:
            said = f"own_minus_{name.replace('other_history', 'other')}.{count}"
            gain = self.gain(said, measured.examples, measured.margins[OWN], measured.margins[name])
            if said != "own_minus_other.8":
                yield gain

    def gain(self, name: str, examples: Sequence[Example], first: Margins, second: Margins) -> Figure:
        """First minus second over the same pairs; kept by rater, to be pooled over splits."""
        gaps = [pair_outcomes(one) - pair_outcomes(other) for one, other in zip(first, second, strict=True)]
        self.gains[name] = {example.history.user_id: gap for example, gap in zip(examples, gaps, strict=True)}
        return Figure(name, *mean_interval(gaps, self.seed))

    def without(self, example: Example) -> TastePosterior:
        """A posterior of the same scales from which a person's target images are hidden."""
        hidden = {image for vote in example.targets for image in vote.images}
        people = [
            [vote for vote in votes if hidden.isdisjoint(vote.images)] for votes in self.training.values()
        ]
        names = images_of([vote for votes in people for vote in votes])
        place = {name: row for row, name in enumerate(names)}
        said = [opinions_of(votes, place) for votes in people if votes]
        rows = checked_embeddings(self.store.rows(names), self.posterior.encoder)
        fitted = self.posterior.fitted
        scales = Scales(*fitted.map.scales.tolist()) if isinstance(fitted, EmpiricalBayesPrior) else Scales()
        components = Components.of(rows, MOST_COMPONENTS, self.posterior.encoder.column_weights)
        estimate = CachedEstimation(names, rows, components, said)(scales)
        return TastePosterior(self.posterior.encoder, self.posterior.config, estimate)


def accuracy_figure(name: str, margins: Margins, seed: int) -> Figure:
    """Share of pairs predicted right; its interval is over people."""
    return Figure(name, *mean_interval([pair_outcomes(person) for person in margins], seed))


def pooled(splits: Sequence[dict[str, dict[str, np.ndarray]]]) -> Iterator[Figure]:
    """Gains over all splits together: a rater of several splits is one person of the bootstrap."""
    for name in splits[0]:
        people = sorted({user for split in splits for user in split[name]})
        gaps = [
            np.concatenate([split[name][user] for split in splits if user in split[name]]) for user in people
        ]
        yield Figure(f"{name}.pooled", *mean_interval(gaps, 0))


def run(log: Path, encoder: str, seeds: Sequence[int], out: Path) -> None:
    """Measure every split, each kept for itself, and gather them."""
    command = f"python -m experiments.posterior_calista --encoder {encoder}"
    kept, gains = [], []
    for seed in seeds:
        split = Split(log, encoder, seed)
        kept.append(ROOT / "runs" / "calista" / str(seed) / f"posterior-{encoder}.json")
        write_results(kept[-1], command, [seed], [*split.rated(), *split.unrated()])
        gains.append(split.gains)
        print(f"split {seed}: {split.posterior.fitted.__class__.__name__}", flush=True)
    found = list(gathered([read_results(path) for path in kept]))
    write_results(out, command, seeds, [*found, *pooled(gains)])


def main() -> None:
    """Measure the splits, where the log is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument(
        "--encoder", default="statistics", help="an image encoder by name: statistics, eye, ..."
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    log = Path(os.environ.get("DATA", ROOT.parent / "shared" / "data" / "calista_webpages")) / "choices.csv"
    suffix = "" if options.encoder == "statistics" else f"-{Path(options.encoder).name}"
    if log.is_file():
        out = options.out or ROOT / "docs" / "results" / f"posterior-calista{suffix}.json"
        run(log, options.encoder, options.seeds, out)
    else:
        print(f"The log is not at {log}: set DATA to its folder. Nothing was run.")


if __name__ == "__main__":
    main()
