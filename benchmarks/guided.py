"""What a step of guidance costs, part by part: `python -m benchmarks.guided`, docs/results/bench-guidance.json.

Enters: a generator; the models that come with the package. Leaves: figures and a table; the `low` and `high` of a
figure are the smallest and largest of the repeats. Does not know: how steps are made and watched (`watched.py`).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Column, Table

from benchmarks.measure import one, peak_allocated, spread
from benchmarks.watched import NO_TASTE, NOBODY, OWN, PARTS, Parts, Way, rewards, side_by_side
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import noises

BATCHES, STEPS, MIB, AGAIN = (1, 8), 20, 2**20, ".checkpointed"
SHOWN = ("seconds", "generator.forward", "reward.forward", "reward.backward", "generator.backward")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    asked = _parser().parse_args(arguments)
    command = ["python", "benchmarks/guided.py", *(sys.argv[1:] if arguments is None else arguments)]
    ways = list(_ways(asked.generator))
    repeats, steps = (1, 2) if asked.quick else (asked.repeats, STEPS)
    figures = [figure for batch in ways for figure in (*timed(batch, repeats, steps), *memory(batch))]
    Console(width=140).print(table(figures))
    write_results(asked.out / "results/bench-guidance.json", shlex.join(command), [0], figures)


def _ways(name: str) -> Iterator[list[Way]]:
    """All ways for one noise, and for several; a person's own prints with checkpointing as well."""
    plain, spared = (open_generator(name, device="cpu", checkpointing=again) for again in (False, True))
    followed = rewards()
    for batch in BATCHES:
        noise = next(noises(plain.noise_shape(), range(batch)))
        ways = [Way(f"{name}.batch{batch}", plain, reward, noise) for name, reward in followed.items()]
        again = [
            replace(way, name=way.name + AGAIN, generator=spared) for way in ways if f".{OWN}." in way.name
        ]
        yield ways + again


def timed(ways: Sequence[Way], repeats: int, steps: int) -> Iterator[Figure]:
    """Seconds an image of every way's step and of its parts, the share that is not the generator, ratios of steps."""
    found = [side_by_side(ways, steps) for _ in range(repeats)]
    for way in ways:
        name, count, each = way.name, len(way.noise), [repeat[way.name] for repeat in found]
        yield spread(f"{name}.seconds", [_whole(taken) / count for taken in each])
        for part in PARTS:
            yield spread(f"{name}.{part}", [median(step[part] for step in taken) / count for taken in each])
        yield spread(f"{name}.not_generator", [median(map(_not_generator, taken)) for taken in each])
        for said, other in _beside(name):
            if other in found[0]:
                ratios = [_whole(repeat[name]) / _whole(repeat[other]) for repeat in found]
                yield spread(f"{name}.over.{said}", ratios)


def memory(ways: Sequence[Way]) -> Iterator[Figure]:
    """MiB that a step adds to what is there before it, all noises together."""
    for way in ways:
        yield one(f"{way.name}.mib", peak_allocated(partial(_first_step, way)) / MIB)


def _first_step(way: Way) -> object:
    return next(way.run(1))


def table(figures: Sequence[Figure]) -> Table:
    """Lay figures out, a line a way."""
    named = {figure.name: figure.value for figure in figures}
    heads = ("step, ms", "generator", "reward", "reward back", "generator back", "beside it", "MiB")
    shown = Table(*[Column(head, no_wrap=True) for head in ("way", *heads)])
    for name in (name.removesuffix(".mib") for name in named if name.endswith(".mib")):
        seconds = (f"{1000 * named[f'{name}.{part}']:.1f}" for part in SHOWN)
        shown.add_row(name, *seconds, f"{named[f'{name}.not_generator']:.0%}", f"{named[f'{name}.mib']:.1f}")
    return shown


def _beside(name: str) -> list[tuple[str, str]]:
    """What a way's step is set against: no taste; the same for nobody, and without checkpointing."""
    nobody = name.replace(f".{OWN}.", f".{NOBODY}.")
    batch = name.removesuffix(AGAIN).rpartition(".")[2]
    others = [("none", f"{NO_TASTE}.{batch}"), (NOBODY, nobody), ("plain", name.removesuffix(AGAIN))]
    return [(said, other) for said, other in others if other != name]


def _whole(steps: Sequence[Parts]) -> float:
    return median(sum(step.values()) for step in steps)


def _not_generator(step: Parts) -> float:
    return 1 - (step["generator.forward"] + step["generator.backward"]) / sum(step.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the parts of a step of guidance.")
    parser.add_argument("--generator", default="mini-generator", help="A short name, or a diffusers folder.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="One repeat of two steps: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs")
    return parser


if __name__ == "__main__":
    main()
