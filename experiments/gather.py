"""Several seeds' results to one file: `python runs/gather.py OUT COMMAND RESULTS...`.

Enters: results of the same figures from several seeds. Leaves: their means, the lowest and the highest seed as
`low` and `high`, the people of all seeds as `n`. Does not know: what was measured.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from tasteprint.evaluate.results import Figure, read_results, write_results


def gathered(runs: list[list[Figure]]) -> Iterator[Figure]:
    """Put the figures that every run has together, in the order of the first."""
    named = [{figure.name: figure for figure in run} for run in runs]
    for name in named[0]:
        found = [run[name] for run in named if name in run]
        if len(found) == len(runs):
            values = [figure.value for figure in found]
            yield Figure(name, mean(values), min(values), max(values), sum(figure.n for figure in found))


if __name__ == "__main__":
    out, command, *paths = sys.argv[1:]
    seeds = [seed for path in paths for seed in json.loads(Path(path).read_text("utf-8"))["seeds"]]
    write_results(Path(out), command, seeds, list(gathered([read_results(Path(path)) for path in paths])))
