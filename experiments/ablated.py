"""What `ablation.py` trained, on the test people: `python runs/ablated.py --runs runs/ablation --posterior FOLDER`.

Enters: run folders named VARIANT-SEED. Leaves: docs/results/ablation.json: accuracy after 8 votes (the mean over seeds,
its interval over people; and over seeds its lowest and highest), own minus another's history, clusters as in P table 6,
seconds. Does not know: what a variant is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from experiments.ablation import TABLES
from experiments.examined import Examined, read
from experiments.foreseen import MAIN, over_people, spread
from experiments.inside import clustered
from experiments.ways import Ways, open_ways

from tasteprint.evaluate.results import Figure, write_results
from tasteprint.simulate.world import TEST_PEOPLE, draw_test

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Measure every variant of which there are runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--posterior", required=True)
    parser.add_argument("--people", type=int, default=TEST_PEOPLE, help="Fewer, for a quick try.")
    parser.add_argument("--out", type=Path, default=DOCS / "results")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    world, figures, seeds = draw_test(), [], set()
    examined = Examined.of(world, asked.people)
    for table, variants in TABLES.items():
        for variant in variants:
            runs = sorted((asked.runs / table).glob(f"{variant.name}-[0-9]/model"))
            seeds |= {int(run.parent.name[-1]) for run in runs}
            with TemporaryDirectory() as folder:
                ways = [open_ways(str(run), asked.posterior, world.pictures, Path(folder)) for run in runs]
                for f in _measured(f"{table}.{variant.name}.", examined, ways, runs):
                    print(f"{f.name:50s} {f.value:.4f} {f.low:.4f} {f.high:.4f} {f.n}", flush=True)
                    figures.append(f)
    command = "python runs/ablated.py --runs runs/ablation --posterior mini-posterior"
    write_results(asked.out / "ablation.json", command, sorted(seeds), figures)


def _measured(name: str, examined: Examined, ways: Sequence[Ways], runs: Sequence[Path]) -> Iterator[Figure]:
    """One row."""
    if not runs:
        return
    own, other = (np.stack(part) for part in zip(*(_earned(examined, one) for one in ways), strict=True))
    yield over_people(f"{name}accuracy.{MAIN}", own.mean(axis=0))
    yield spread(f"{name}accuracy.seeds", own.mean(axis=(1, 2)).tolist())
    yield over_people(f"{name}own_minus_other.{MAIN}", (own - other).mean(axis=0))
    clusters = [{f.name: f.value for f in clustered(one, examined, MAIN, (0,))} for one in ways]
    for what in ("silhouette", "davies_bouldin", "ari"):
        yield spread(f"{name}clusters.{what}", [found[f"clusters.{what}"] for found in clusters])
    yield spread(f"{name}train.seconds", [_seconds(run.parent) for run in runs])


def _earned(examined: Examined, ways: Ways) -> tuple[np.ndarray, np.ndarray]:
    """What the model earns after everyone's own votes, and after another's."""
    histories = examined.histories(MAIN)
    others = [histories[place - 1] for place in range(len(histories))]
    return tuple(examined.earned(read(ways.in_context, told, examined.asked)) for told in (histories, others))


def _seconds(run: Path) -> float:
    return float(json.loads((run / "run.json").read_text("utf-8"))["seconds"]["stage2"])


if __name__ == "__main__":
    main()
