"""The in-context model where the truth is known: `python runs/world.py --model RUN --posterior FOLDER --data DATA`.

Enters: a trained `mini` (a run's folder or a model's), the taste posterior that taught it; the dataset of
`world_log.py` for the general scorer and the two ways together, which are left out without it. Leaves:
docs/results/world.json, and the attention maps that a picture is made of in world-attention.json. Does not know: how
either was trained. Some ten minutes on one core.
People, pictures and votes are those of `draw_test`; histories are a person's first votes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from experiments.examined import COUNTS, Examined, strangers
from experiments.foreseen import MAIN, over_people
from experiments.inside import attended, clustered
from experiments.rivals import STEPS
from experiments.ways import Ways, open_ways
from experiments.world_figures import calibration, named
from experiments.world_parts import compared, controls, general, halves, orders, ranked, read_both, there, together

from tasteprint.data.dataset import Dataset
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.simulate.world import TEST_PEOPLE, draw_test
from tasteprint.train.allocator import keep_freed_memory

SEEDS = (0, 1, 2)
WRONG = 0.2
"""Chance of a misled history's votes to be noted down wrongly."""
DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Measure everything, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--posterior", required=True)
    parser.add_argument(
        "--data", type=Path, help="Dataset: for the general scorer and the two ways together."
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=SEEDS, help="Of the clusters' targets and starts."
    )
    parser.add_argument(
        "--runs", type=Path, nargs="*", default=(), help="It was trained in: how long that took."
    )
    parser.add_argument("--people", type=int, default=TEST_PEOPLE, help="Fewer, for a quick try.")
    parser.add_argument("--steps", type=int, default=STEPS, help="Of the general scorer's training.")
    parser.add_argument("--out", type=Path, default=DOCS / "results")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    asked.out.mkdir(parents=True, exist_ok=True)
    world, figures, started = draw_test(), list(_taken(asked.runs)), time.monotonic()
    with TemporaryDirectory() as folder:
        ways = open_ways(asked.model, asked.posterior, world.pictures, Path(folder))
        for f in _measured(ways, Examined.of(world, asked.people), asked):
            seconds = time.monotonic() - started
            print(f"{seconds:5.0f} s  {f.name:40s} {f.value:.4f} {f.low:.4f} {f.high:.4f}", flush=True)
            figures.append(f)
    write_results(asked.out / "world.json", _command(asked), asked.seeds, figures)


def _taken(runs: Sequence[Path]) -> Iterator[Figure]:
    """What the training took, all parts of all runs that the model is made by."""
    seconds = [json.loads((run / "run.json").read_text("utf-8"))["seconds"].values() for run in runs]
    if seconds:
        total = float(sum(map(sum, seconds)))
        yield Figure("train.seconds", total, total, total, 1)


def _command(asked: argparse.Namespace) -> str:
    """What to type again; folders, which are another's elsewhere, by what they are."""
    names = {"model": "RUN", "posterior": "RUN/posterior"}
    given = {
        name: folder if Path(vars(asked)[name]).exists() else vars(asked)[name]
        for name, folder in names.items()
    }
    words = "".join(f" --{name} {value}" for name, value in given.items())
    return f"python runs/world.py{words}" + " --data DATA" * bool(asked.data)


def _measured(ways: Ways, examined: Examined, asked: argparse.Namespace) -> Iterator[Figure]:
    """Everything about the world with groups, and other people beside it."""
    found = examined.bounds()
    yield from (over_people(name, bound.earned) for name, bound in found.items())
    own, closed = {}, {}
    for n in COUNTS:
        own[n], closed[n] = read_both(ways, examined, n)
        yield from compared(examined, own[n], closed[n], found, n)
    yield from halves(ways, examined, own)
    yield from ranked(ways, examined, own[MAIN])
    yield from controls(ways, examined, own)
    yield from calibration(examined.liked_first(own[MAIN]))
    yield from calibration(examined.liked_first(closed[MAIN]), ".posterior")
    yield from orders(ways, examined, own[MAIN])
    yield from clustered(ways, examined, MAIN, asked.seeds)
    yield from attended(ways, examined, MAIN, asked.out / "world-attention.json")
    for name, others in _elsewhere(examined, asked.people).items():
        yield from named(name, there(ways, others))
    if asked.data:
        dataset = Dataset(asked.data)
        yield from together(ways, examined, dataset, own[MAIN], closed[MAIN])
        yield from general(ways, examined, dataset, asked.steps)


def _elsewhere(examined: Examined, people: int) -> dict[str, Examined]:
    """People without groups, people of groups never seen, people whose votes are partly wrong."""
    return {
        "factors.": Examined.of(draw_test("factors"), people),
        "strangers.": Examined.of(strangers(), people),
        "misled.": examined.misled(WRONG, seed=0),
    }


if __name__ == "__main__":
    main()
