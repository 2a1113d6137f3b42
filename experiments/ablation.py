"""What each part of the training brings: `python -m experiments.ablation train`, then `... measure`.

Enters: the dataset of `world_log.py`, its log, a teacher, the first stage of the recipe. Leaves: a run for each variant
and seed; docs/results/ablation.json: accuracy after 8 votes of the test people (the mean over seeds with its interval
over people; the lowest and highest seed), own minus another's history, clusters as in P table 6, seconds. In a table
all take as many steps on the same people. Does not know: how anything is trained.

With `--start` all go on from the recipe's first stage: the paper, too, starts from a model that can read conversations.
Without, our parts are tried from nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset

from experiments.baselines import RECIPE
from experiments.figures import RESULTS, over_people, spread
from experiments.inside import clustered
from experiments.models import ModelPair, open_pair
from experiments.people import MAIN, MeasuredPeople, scores_of
from tasteprint.config import StageConfig, load_config
from tasteprint.data.dataset import Dataset
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.simulate.log import read_world
from tasteprint.simulate.painter import stream
from tasteprint.simulate.people import Person
from tasteprint.simulate.taxonomy import SUBJECTS, prompt
from tasteprint.simulate.world import TEST_PEOPLE, Pool, draw_test, pool_of
from tasteprint.train.run import Run
from tasteprint.train.stream import ExampleStream
from tasteprint.types import Vote

SEEDS = (0, 1, 2)
COMMON = ("stage2.evaluate_people=60", "stage2.targets=4", "stage2.n_tokens=10", "stage2.train_tokens=true")
CLEAR, EVEN = 4, 2
"""A curriculum begins with the best of four pictures against the worst, then the better of two, then votes."""


ALONE = "teacher.posterior=''"


@dataclass(frozen=True)
class Variant:
    """One row of a table: settings beside the common ones, and whether votes come in a curriculum."""

    name: str
    settings: tuple[str, ...]
    curriculum: bool = False


def _paper(name: str, contrastive: float, tokens: int) -> Variant:
    moving = str(tokens > 0).lower()
    settings = (
        f"contrastive={contrastive}",
        f"n_tokens={tokens}",
        f"train_tokens={moving}",
        "history_labels=0.0",
    )
    return Variant(name, (ALONE, *(f"stage2.{setting}" for setting in settings)))


PAPER = (
    _paper("base", 0.0, 0),
    _paper("cp", 1.0, 0),
    _paper("tokens_5", 1.0, 5),
    _paper("tokens_10", 1.0, 10),
    _paper("tokens_20", 1.0, 20),
)
ONLY_SOFT = ("teacher.utility_weight=0.0", "teacher.posterior_weight=0.0")
OURS = (
    Variant("labels", (ALONE,)),
    Variant("course", (ALONE,), curriculum=True),
    Variant("soft", ONLY_SOFT, curriculum=True),
    Variant("belief", (), curriculum=True),
    Variant("belief_no_course", ()),
)
"""Each adds to the one before, the first to `tokens_10`; the last leaves the curriculum out again."""

TABLES = {"paper": PAPER, "ours": OURS, "nothing": (PAPER[3], *OURS)}


class CurriculumRun(Run):
    """A run whose votes go from clear ones to ordinary ones, a third of the steps each."""

    clear: Sequence[dict[str, list[Vote]]]

    def _stream(self, stage: StageConfig) -> ConcatDataset:  # type: ignore[override]
        data, seed = self.config.data, self.config.seed
        each = stage.steps * stage.batch_size // 3
        votes: list[Mapping[str, Sequence[Vote]]] = [*self.clear, self.dataset.votes_by_user("train")]
        lengths = [each, each, stage.steps * stage.batch_size - 2 * each]
        seeds: list[Any] = [f"{seed}{part}" for part in range(len(votes))]  # seeds may be any text
        return ConcatDataset(
            [
                ExampleStream(some, n, data.history_length, stage.targets, seed=one, batch=stage.batch_size)
                for some, n, one in zip(votes, lengths, seeds, strict=True)
            ]
        )


def train_all(options: argparse.Namespace) -> None:
    """Train what is not trained yet, a table after the other."""
    common = (
        *COMMON,
        "stage1.steps=0",
        f"stage2.steps={options.steps}",
        f"stage2.batch_size={options.people}",
        f"stage2.evaluate_every={options.steps}",
        "stage2.short_history_share=0.0",
        "stage2.warmup=0.1",
        *((f"init_from={options.start}", "stage2.lr=5e-4") if options.start else ("stage2.lr=3e-3",)),
    )
    taught = f"teacher.posterior={options.posterior}"
    for seed in options.seeds:
        for table in ("paper", "ours") if options.start else ("nothing",):
            for variant in TABLES[table]:
                settings = (*common, taught, *variant.settings, f"seed={seed}")
                train(
                    variant,
                    settings,
                    options.data,
                    options.log,
                    options.out / table / f"{variant.name}-{seed}",
                )


def train(variant: Variant, settings: tuple[str, ...], data: Path, log: Path, out: Path) -> None:
    """Train one variant, or go on with it."""
    kind = CurriculumRun if variant.curriculum else Run
    if variant.curriculum:
        CurriculumRun.clear = [clear_votes(log, CLEAR), clear_votes(log, EVEN)]
    kind(load_config(RECIPE, settings), Dataset(data), out).go()


@cache
def clear_votes(log: Path, offered: int) -> dict[str, list[Vote]]:
    """Votes of every training person in which the truly best of some pictures stands against the truly worst."""
    world = read_world(log)
    names = [name for name in world.pictures if name.startswith("train-")]
    pool = pool_of([world.pictures[name] for name in names])
    by_subject = [np.flatnonzero(pool.subjects == subject) for subject in range(len(SUBJECTS))]
    people = world.people_in("train")
    names = [
        sha256((log / f"pictures/{name}.png").read_bytes()).hexdigest() for name in names
    ]  # as in the dataset
    count = len(world.votes) // len(world.people)
    return {one.user_id: _clear(one, pool, by_subject, names, offered, count) for one in people}


def _clear(
    person: Person, pool: Pool, by_subject: list[np.ndarray], names: list[str], offered: int, count: int
) -> list[Vote]:
    """No picture stands twice."""
    rng = stream(0, f"course {offered} {person.user_id}")
    liking, votes = pool.attributes @ person.utilities, []
    left = [rng.permutation(here) for here in by_subject]
    for subject in rng.integers(len(SUBJECTS), size=count):
        here, left[subject] = left[subject][:offered], left[subject][offered:]
        worst, *_, best = here[liking[here].argsort()]
        votes.append(
            Vote(
                person.user_id,
                prompt(SUBJECTS[subject]),
                names[best],
                names[worst],
                1.0,
                datetime(2026, 1, 1),
            )
        )
    return votes


def measure_all(options: argparse.Namespace) -> None:
    """Measure every variant of which there are runs."""
    world = draw_test()
    figures: list[Figure] = []
    seeds: set[int] = set()
    tested = MeasuredPeople.of(world, options.people)
    for table, variants in TABLES.items():
        for variant in variants:
            runs = sorted((options.runs / table).glob(f"{variant.name}-[0-9]/model"))
            seeds |= {int(run.parent.name[-1]) for run in runs}
            with TemporaryDirectory() as folder:
                models = [
                    open_pair(str(run), options.posterior, world.pictures, Path(folder)) for run in runs
                ]
                for f in _measured(f"{table}.{variant.name}.", tested, models, runs):
                    print(f"{f.name:50s} {f.value:.4f} {f.low:.4f} {f.high:.4f} {f.n}", flush=True)
                    figures.append(f)
    command = "python -m experiments.ablation measure --runs runs/ablation --posterior mini-posterior"
    write_results(options.out / "ablation.json", command, sorted(seeds), figures)


def _measured(
    name: str, tested: MeasuredPeople, models: Sequence[ModelPair], runs: Sequence[Path]
) -> Iterator[Figure]:
    """One row."""
    if not runs:
        return
    own, other = (np.stack(part) for part in zip(*(_earned(tested, one) for one in models), strict=True))
    yield over_people(f"{name}accuracy.{MAIN}", own.mean(axis=0))
    yield spread(f"{name}accuracy.seeds", own.mean(axis=(1, 2)).tolist())
    yield over_people(f"{name}own_minus_other.{MAIN}", (own - other).mean(axis=0))
    clusters = [{f.name: f.value for f in clustered(one, tested, MAIN, (0,))} for one in models]
    for what in ("silhouette", "davies_bouldin", "ari"):
        yield spread(f"{name}clusters.{what}", [found[f"clusters.{what}"] for found in clusters])
    yield spread(f"{name}train.seconds", [_seconds(run.parent) for run in runs])


def _earned(tested: MeasuredPeople, models: ModelPair) -> tuple[np.ndarray, np.ndarray]:
    """The model's accuracy after everyone's own votes, and after another's."""
    histories = tested.histories(MAIN)
    others = [histories[place - 1] for place in range(len(histories))]
    own, other = (scores_of(models.in_context, some, tested.candidates) for some in (histories, others))
    return tested.earned(own), tested.earned(other)


def _seconds(run: Path) -> float:
    return float(json.loads((run / "run.json").read_text("utf-8"))["seconds"]["stage2"])


def main() -> None:
    """Train the variants, or measure those that are trained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(required=True)
    train_them = tasks.add_parser("train")
    train_them.set_defaults(task=train_all)
    train_them.add_argument("--data", type=Path, required=True)
    train_them.add_argument(
        "--log", type=Path, required=True, help="That dataset's log, whose truth orders votes."
    )
    train_them.add_argument("--posterior", required=True, help="The teacher.")
    train_them.add_argument("--start", type=Path, help="The recipe's stage 1; without it, from nothing.")
    train_them.add_argument("--out", type=Path, default=Path("runs/ablation"))
    train_them.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    train_them.add_argument("--steps", type=int, required=True)
    train_them.add_argument("--people", type=int, required=True)
    measure_them = tasks.add_parser("measure")
    measure_them.set_defaults(task=measure_all)
    measure_them.add_argument("--runs", type=Path, required=True)
    measure_them.add_argument("--posterior", required=True)
    measure_them.add_argument("--people", type=int, default=TEST_PEOPLE, help="Fewer, for a quick try.")
    measure_them.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.task(options)


if __name__ == "__main__":
    main()
