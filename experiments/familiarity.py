"""How much a learned posterior believes of pictures unlike its own: `python -m experiments.familiarity`, a minute.

Enters: the bundled `mini-posterior` and `mini-generator`, painted pictures, the logs in ../shared/data (or DATA).
Leaves: docs/results/familiarity.json. Does not know: how belief is found.

    belief.SET       mean share of belief, 0 to 1 (posterior/familiarity.py)
    far.SET          share of pictures in the outer half of the doubt or beyond
    sure.SET         mean |p - 1/2| of pairs of the set, for a person of eight choices, as the model says it
    sure.SET.before  the same without belief: as it was before 2026-11-30
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from experiments.real_people import avt, calista
from tasteprint.data.decode import open_image
from tasteprint.evaluate.metrics import mean_interval
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.guide.generators import open_generator
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.model import TastePosterior
from tasteprint.simulate.painter import draw_pictures, paint
from tasteprint.simulate.taxonomy import SUBJECTS
from tasteprint.types import History, Vote

DATA = Path(os.environ.get("DATA", "../shared/data"))
OUT = Path(__file__).parents[1] / "docs/results/familiarity.json"
PICTURES, PAIRS, VOTES = 400, 400, 8


def painted(count: int, seed: int, side: int = 48) -> list[Image.Image]:
    """New pictures of the painter, of which none was learned from."""
    return [paint(one.subject, one.attributes, one.seed, side) for one in draw_pictures(count, seed, "far")]


def sets(model: TastePosterior, data: Path) -> Iterator[tuple[str, Float[Tensor, "n e"]]]:
    """Embeddings of pictures of one kind."""
    eye = model.encoder
    yield "painted", eye.embed_pictures(painted(PICTURES, 11))
    yield "painted_256", eye.embed_pictures(painted(PICTURES // 4, 12, 256))
    generator = open_generator("mini-generator")
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        made = [
            generator(torch.randn(1, *generator.noise_shape(48), generator=draws), subject)
            for subject in SUBJECTS * (PICTURES // 4 // len(SUBJECTS))
        ]
    yield "generated", eye.embed(torch.cat(made))
    for log in (avt(data), calista(data)):
        yield log.name, eye.embed_pictures(open_image(path) for path in log.files.values())


def without_belief(model: TastePosterior) -> TastePosterior:
    """The same prior, which believes everything."""
    fitted = deepcopy(model.fitted)
    assert isinstance(fitted, LearnedPrior)
    fitted.familiarity = None
    return TastePosterior(model.encoder, model.config, fitted)


def sureness(model: TastePosterior, rows: Float[Tensor, "n e"], seed: int) -> list[float]:
    """|p - 1/2| of random pairs, by a print of eight random choices among the same pictures."""
    draws = random.Random(seed)
    names = [str(place) for place in range(len(rows))]
    chosen = [draws.sample(names, 2) for _ in range(VOTES)]
    votes = tuple(Vote("somebody", "", a, b, float(draws.random() < 0.5)) for a, b in chosen)
    seen = rows.numpy()
    history = [History("somebody", votes)]
    taste = model.prints_of(history, embeddings=lambda some: seen[[int(name) for name in some]])[0]
    pairs = torch.tensor([draws.sample(range(len(rows)), 2) for _ in range(PAIRS)])
    return (taste.prefers_embeddings(rows[pairs[:, 0]], rows[pairs[:, 1]]) - 0.5).abs().tolist()


def main(data: Annotated[Path, typer.Option()] = DATA, out: Annotated[Path, typer.Option()] = OUT) -> None:
    """Measure every kind of pictures."""
    torch.set_num_threads(1)
    model = TastePosterior.from_pretrained("mini-posterior")
    fitted, before = model.fitted, without_belief(model)
    assert isinstance(fitted, LearnedPrior) and fitted.familiarity is not None
    found: list[Figure] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that pictures are far is what is measured
        for name, rows in sets(model, data):
            belief = fitted.familiarity(fitted.map.inputs(rows))
            for figure, values in {
                f"belief.{name}": belief.tolist(),
                f"far.{name}": (belief < 0.5).float().tolist(),
                f"sure.{name}": sureness(model, rows, 0),
                f"sure.{name}.before": sureness(before, rows, 0),
            }.items():
                found.append(Figure(figure, *mean_interval([np.array([value]) for value in values], 0)))
    write_results(out, "python -m experiments.familiarity", [0], found)


if __name__ == "__main__":
    typer.run(main)
