"""The log that `mini` learns from: `python -m experiments.world_log --out runs/world`, two minutes.

Enters: nothing; people, pictures and votes are drawn. Leaves: a log in `OUT/log`, a dataset in `OUT/data`. Does not
know: models. Its people and pictures are none of the test's (`simulate/world.py: draw_test`), which has its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tasteprint.config import DataConfig
from tasteprint.data.build import build
from tasteprint.data.histories import split_users
from tasteprint.data.mapping import load_mapping
from tasteprint.simulate.log import write_log
from tasteprint.simulate.people import KINDS
from tasteprint.simulate.world import WorldConfig

PEOPLE, VOTES, SEED = 6400, 48, 1
PICTURES = {"train": 24_000, "validation": 2000}
VALIDATION = 400 / PEOPLE


def main() -> None:
    """Write the log and build the dataset, where they are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=KINDS, default="groups")
    options = parser.parse_args()
    write_world(options.out, options.kind)


def write_world(out: Path, kind: str = "groups") -> None:
    """Write `log` and `data` into a folder; what is there is taken as it is."""
    log, data = out / "log", out / "data"
    shares = DataConfig(validation=VALIDATION, test=0.0)
    if not log.is_dir():
        world = WorldConfig(PEOPLE, VOTES, PICTURES, kind=kind, seed=SEED)
        write_log(log, world, lambda users: split_users(users, shares.validation, shares.test, SEED))
    if not (data / "summary.json").is_file():
        build(str(log / "votes.csv"), data, load_mapping(log / "mapping.toml"), shares, SEED)


if __name__ == "__main__":
    main()
