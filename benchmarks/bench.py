"""What encoding a person once buys: every work done the published way and ours, in turn, in one process.

    python -m benchmarks.bench --model middle            # docs/results/bench-middle.json
    python -m benchmarks.bench --model idefics2-8b --device cuda
    python -m benchmarks.bench --model mini --curves     # docs/results/curves-mini.json, docs/pictures/cost.png

Enters: the name of a model. Leaves: figures and a table; a ratio is published seconds over ours, its `low` and
`high` the smallest and largest of the repeats. Does not know: how the works are done.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Column, Table

from benchmarks.curves import draw_curves, measure_curves
from benchmarks.measure import matmul_rate, one, operations, peak_bytes, seconds, spread
from benchmarks.models import build
from benchmarks.rates import measure_tastes
from benchmarks.works import VOTES, Person, Work, agreement, sizes, works
from tasteprint.evaluate.results import Figure, write_results

CANDIDATES = (1, 2, 8, 32, 128)
HEADS = ("work", "published s", "ours s", "ratio", "spread", "predicted", "MiB", "ours MiB", "rate")
MIB = 2**20
QUICK_VOTES = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    asked = _parser().parse_args(arguments)
    command = f"python -m benchmarks.bench {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    with TemporaryDirectory() as folder:
        votes = QUICK_VOTES if asked.quick else VOTES
        person = Person(build(asked.model, asked.device), asked.model, Path(folder), votes)
        if asked.curves:
            figures = measure_curves(person, 8 if asked.quick else 1000)
            draw_curves(figures, asked.out / "pictures/cost.png")
        else:
            candidates, repeats = (CANDIDATES[:3], 1) if asked.quick else (CANDIDATES, asked.repeats)
            figures = bench(person, asked.only, repeats, candidates, asked.at_most)
            if asked.only in "posterior":
                figures += measure_tastes(person, repeats, asked.quick)
            Console(width=120).print(table(figures))
    kind = "curves" if asked.curves else asked.only or "bench"
    write_results(asked.out / f"results/{kind}-{asked.model}.json", command, [0], figures)


def bench(person: Person, only: str, repeats: int, candidates: Sequence[int], at_most: int) -> list[Figure]:
    """Measure every work whose names contain `only`."""
    network = person.network
    rate = matmul_rate(network.device.type, network.backbone.network.dtype)
    size = sum(parameter.numel() for parameter in network.parameters())
    figures = [one("model.parameters", size), one("rate.matmul", rate)]
    for work in works(person, candidates, at_most):
        work.ours = {name: value for name, value in work.ours.items() if only in name}
        if work.ours:
            figures += measured(work, repeats, rate)
    if only in "agreement":
        figures += [one(name, value) for name, value in {**agreement(person), **sizes(person)}.items()]
    return figures


def measured(work: Work, repeats: int, rate: float) -> list[Figure]:
    """Count operations (which warms up), then memory, then time both ways in turn."""
    unit, units = work.unit
    slow_operations = units * operations(unit)
    counted = {name: operations(run) for name, (run, _) in work.ours.items()}
    memory = {name: peak_bytes(run) for name, (run, _) in work.ours.items()}
    slow: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in work.ours}
    slow_memory = 0
    for _ in range(repeats):
        slow_memory = max(slow_memory, peak_bytes(lambda: slow.append(seconds(work.published))))
        for name, (run, _) in work.ours.items():
            ours[name].append(seconds(run))
    figures = []
    for name, (_, times) in work.ours.items():
        ratios = [times * before / after for before, after in zip(slow, ours[name], strict=True)]
        figures += [
            spread(name, ratios),
            one(f"{name}.predicted", times * slow_operations / counted[name]),
            spread(f"{name}.seconds", ours[name]),
            spread(f"{name}.published.seconds", [times * value for value in slow]),
            one(f"{name}.mib", memory[name] / MIB),
            one(f"{name}.published.mib", slow_memory / MIB),
            one(f"{name}.rate_share", counted[name] / median(ours[name]) / rate),
            one(f"{name}.published.rate_share", slow_operations / median(slow) / rate),
        ]
    return figures


def table(figures: Sequence[Figure]) -> Table:
    """Lay figures out, a line a work."""
    named = {figure.name: figure for figure in figures}
    shown = Table(*[Column(name, no_wrap=True) for name in HEADS])
    for name, figure in named.items():
        if f"{name}.predicted" not in named:
            continue
        of = {
            key: named[f"{name}.{key}"].value
            for key in ("published.seconds", "seconds", "predicted", "published.mib", "mib", "rate_share")
        }
        shown.add_row(
            name, f"{of['published.seconds']:.3f}", f"{of['seconds']:.3f}", f"{figure.value:.2f}",
            f"{figure.low:.2f} to {figure.high:.2f}", f"{of['predicted']:.2f}", f"{of['published.mib']:,.0f}",
            f"{of['mib']:,.0f}", f"{of['rate_share']:.0%}",
        )  # fmt: skip
    loose = (
        figure
        for figure in figures
        if figure.name.split(".")[0] in ("model", "rate", "agreement", "print", "posterior")
    )
    shown.caption = ", ".join(f"{figure.name} {figure.value:.3g}" for figure in loose)
    return shown


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure both ways of scoring, training and guiding.")
    parser.add_argument("--model", choices=("mini", "middle", "idefics2-8b"), default="mini")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="Works whose name contains this, to a file of that name.")
    parser.add_argument(
        "--at-most", type=int, default=32, help="Candidates and pairs really done the published way."
    )
    parser.add_argument(
        "--quick", action="store_true", help="One repeat, two votes, few candidates: does it run?"
    )
    parser.add_argument("--curves", action="store_true", help="How cost grows, instead.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs")
    return parser


if __name__ == "__main__":
    main()
