"""P table 5: `python -m experiments.table5 --agents FOLDER --generator sd-turbo --model mini --model mini-posterior`.

Enters: agents of `tasteprint agents build` (P section 3.2: thirty of them), a generator, tasteprints. Leaves:
docs/results/table5.json, for every way to make a picture the mean of every scorer that can be opened. Does not know:
how anything was trained.

Unguided and guided pictures come from the same noise. An agent's first votes are the history, the prompts are of later
ones. A scorer whose weights are not to be had here is left out, with a word; ImageReward, HPS, CSD and the ViPer proxy
have no scorer in this package.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from experiments.figures import DOCS
from tasteprint.config import GuideConfig
from tasteprint.data.images import open_image
from tasteprint.evaluate.metrics import mean_interval
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import guide, noises
from tasteprint.guide.rewards import Reward, minus_margin, one_minus_q
from tasteprint.guide.text_to_image import TextToImage
from tasteprint.incontext.prints import InContextPrint
from tasteprint.methods import open_model
from tasteprint.scorers import SCORERS, open_scorer
from tasteprint.scorers.personal import PersonalScorer
from tasteprint.types import History, Scorer, TasteModel, Vote

UNGUIDED = "unguided"
Found = dict[tuple[str, str], list[list[float]]]
"""Of a row and a column: each person's values, one a prompt."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    options = _parser().parse_args(arguments)
    generator = open_generator(options.generator)
    models = {name: open_model(name) for name in options.model}
    people = list(islice(agents(options.agents), options.people))
    found = measured(generator, models, scorers(), people, options)
    figures = [
        Figure(f"{row}.{column}", *mean_interval([np.array(one) for one in values], options.seed))
        for (row, column), values in found.items()
    ]
    named = " ".join(f"--model {name}" for name in models)
    command = (
        f"python -m experiments.table5 --agents {options.agents.name} --generator {options.generator} {named}"
    )
    write_results(options.out / "results/table5.json", command, [options.seed], figures)


def agents(folder: Path) -> Iterator[tuple[str, list[Vote]]]:
    """Every agent with its votes, in the order of the folder's log."""
    with (folder / "votes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name, votes in groupby(rows, lambda row: row["agent"]):
        yield name, [
            Vote(name, row["prompt"], str(folder / row["left"]), str(folder / row["right"]),
                 float(row["choice"] == "left"))
            for row in votes
        ]  # fmt: skip


def scorers() -> dict[str, Any]:
    """Those whose weights can be read; of a personal one, what makes a scorer of each person."""
    opened: dict[str, Any] = {}
    for name in SCORERS:
        try:
            opened[name] = open_scorer(name)
        except (ValueError, OSError) as error:
            print(f"Column {name} is left empty: {error}", file=sys.stderr)
    return opened


def measured(
    generator: TextToImage,
    models: Mapping[str, TasteModel],
    others: Mapping[str, Any],
    people: Sequence[tuple[str, list[Vote]]],
    options: argparse.Namespace,
) -> Found:
    """Make every picture and score it by all."""
    found: Found = {}
    for n, (name, votes) in enumerate(people):
        history = History(name, tuple(votes[: options.votes]))
        prints = {m: model.print_of(history, open_image) for m, model in models.items()}
        general = {o: one.of(history, open_image) if isinstance(one, PersonalScorer) else one
                   for o, one in others.items()}  # fmt: skip
        each: dict[tuple[str, str], list[float]] = {}
        for k, prompt in enumerate(_prompts(votes[options.votes :], options.prompts)):
            noise = next(noises(generator.noise_shape(), [1000 * options.seed + options.prompts * n + k]))
            for row, image in _made(generator, prompt, noise, prints, GuideConfig(steps=options.steps)):
                for column, value in _scored(image, prompt, general, prints):
                    each.setdefault((row, column), []).append(value)
        for place, values in each.items():
            found.setdefault(place, []).append(values)
        print(f"{n + 1} of {len(people)} agents", file=sys.stderr, flush=True)
    return found


def _prompts(votes: Sequence[Vote], count: int) -> list[str]:
    """The first different prompts."""
    return list(dict.fromkeys(vote.prompt for vote in votes))[:count]


def _made(
    generator: TextToImage, prompt: str, noise: Tensor, prints: Mapping[str, Scorer], config: GuideConfig
) -> Iterator[tuple[str, Float[Tensor, "1 3 h w"]]]:
    """The picture of the noise, and the best that guidance by each print makes of it."""
    with torch.no_grad():
        yield UNGUIDED, generator(noise, prompt)
    for name, taste in prints.items():
        loss = one_minus_q if isinstance(taste, InContextPrint) else minus_margin  # as `tasteprint generate`
        *_, last = guide(generator, prompt, noise, [Reward(name, taste, config.weight, loss)], config)
        yield f"+{name}", last.best.seen.images


@torch.no_grad()
def _scored(
    image: Float[Tensor, "1 3 h w"], prompt: str, general: Mapping[str, Scorer], prints: Mapping[str, Scorer]
) -> Iterator[tuple[str, float]]:
    """Every column's value; of a print it is Q, 0 to 1."""
    for name, scorer in general.items():
        yield name, float(scorer.score(image, [prompt])[0])
    for name, taste in prints.items():
        yield f"q.{name}", float(taste.score(image, [prompt]).sigmoid()[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=Path, required=True, help="A folder of `tasteprint agents build`.")
    parser.add_argument("--generator", default="sd-turbo")
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--votes", type=int, default=7, help="Of history, of ten.")
    parser.add_argument("--prompts", type=int, default=3)
    parser.add_argument("--steps", type=int, default=GuideConfig().steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=DOCS)
    return parser


if __name__ == "__main__":
    main()
