"""One real person alone with a scorer's taste to share: `python -m experiments.photos_shared`, some minutes on a core.

Enters: the logs in ../shared/data (or DATA). Leaves: docs/results/photos_shared.json.
Does not know: how a verdict counts. The protocol is that of `experiments/photos.py`.

    LOG.shared.foreign.N    alone, with the shared taste of the other log's raters as a scorer
    LOG.shared.raters.N     alone, with that of other raters of the same pictures' log, of pictures that nobody rated
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from experiments.photos import (
    ALONE,
    DATA,
    HIDDEN,
    SPLITS,
    Margins,
    Seen,
    figures,
    gain,
    measure_alone,
    open_seen,
)
from experiments.real_people import Person, avt, calista, episode, folds, parted
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.verdict import ScoringEncoder
from tasteprint.types import History

OUT = Path(__file__).parents[1] / "docs/results/photos_shared.json"
COUNTS = (0, 4, 8, 16, 32, 64)


def judged(seen: Seen, nobody: PosteriorPrint) -> Seen:
    """The same pictures, each with a scorer's verdict beside what the eye sees."""
    names = list(seen.rows)
    verdicts = nobody.score_embeddings(torch.from_numpy(seen.embeddings(names))).tolist()
    rows = {
        name: np.append(seen.rows[name], verdict).astype(np.float32)
        for name, verdict in zip(names, verdicts, strict=True)
    }
    return replace(seen, encoder=ScoringEncoder.of(seen.encoder, nobody), rows=rows)


def nobody_of(seen: Seen, people: Sequence[Person], visible: set[str]) -> PosteriorPrint:
    """What a log's raters like, of whom the person is none."""
    return seen.read(seen.fit(people, visible), [History("nobody")])[0]


def measure_within(seen: Seen, found: Margins, counts: Sequence[int]) -> None:
    """The shared taste of raters of other pictures of the log; and the estimated prior, on the same pairs."""
    for split, (train, test) in enumerate(folds(seen.log.people, SPLITS)):
        visible, hidden = parted(list(seen.log.files), HIDDEN, random.Random(split))
        nobody = nobody_of(seen, train, visible)
        both = judged(seen, nobody)
        assert isinstance(nobody.model, TastePosterior)
        for name, view, model in (
            ("shared.raters", both, both.alone()),
            ("raters.unrated", seen, nobody.model),
        ):
            for count in counts:
                drawn = [
                    episode(person, visible, hidden, count, random.Random(person.user)) for person in test
                ]
                made = [one for one in drawn if one]
                prints = view.read(model, [History(one.person.user, one.context) for one in made])
                for one, taste in zip(made, prints, strict=True):
                    found[f"{name}.{count}"][one.person.user].append(view.margins(taste, one.targets))


def main(
    data: Annotated[Path, typer.Option()] = DATA,
    out: Annotated[Path, typer.Option()] = OUT,
) -> None:
    """Measure both logs, each with the other's raters and with its own."""
    torch.set_num_threads(1)
    written: list[Figure] = []
    both = [open_seen(log(data), ALONE.encoder) for log in (avt, calista)]
    for seen, other in (both, both[::-1]):
        found: Margins = defaultdict(lambda: defaultdict(list))
        counts = COUNTS if seen.log.name == "avt" else COUNTS[:2]
        foreign = judged(seen, nobody_of(other, other.log.people, set(other.log.files)))
        measure_alone(foreign, foreign.alone(), found, "shared.foreign", counts)
        measure_within(seen, found, counts)
        most = min(counts[-1], 32)
        gains = [
            gain(seen.log.name, found, f"shared.raters.{most}", f"raters.unrated.{most}"),
            gain(seen.log.name, found, f"shared.raters.{most}", "shared.raters.0"),
        ]
        kept = {name: margins for name, margins in found.items() if name.startswith("shared.")}
        written += [*figures(seen.log.name, kept), *gains]
    write_results(out, "python -m experiments.photos_shared", [0], written)


if __name__ == "__main__":
    typer.run(main)
