"""How cost grows: with candidates, with the length of the history, with people in one call.

Enters: a person of `works.py`. Leaves: figures, and a picture of them. Does not know: tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks.measure import seconds
from benchmarks.works import Person
from tasteprint.evaluate.results import Figure
from tasteprint.incontext.past import Past
from tasteprint.incontext.prints import InContextPrint
from tasteprint.incontext.scoring import request_margins
from tasteprint.types import History

STEPS = (1, 3, 10, 32, 100, 316, 1000)
HISTORY = (1, 2, 4, 8, 16, 32)
PUBLISHED_AT_MOST = 10
REPEATS = 3
TITLES = {
    "candidates": "candidates for one person",
    "history": "votes in the history, one candidate",
    "people": "people in one call, a candidate each",
}
LABELS = {"published": "published way", "cold": "ours, cold", "warm": "ours, print at hand"}


def measure_curves(person: Person, most: int) -> list[Figure]:
    """Time all three, up to `most` candidates and people. The published way is run for ten at most, then multiplied."""
    return [*_candidates(person, most), *_history(person, most), *_people(person, most)]


def _candidates(person: Person, most: int) -> Iterator[Figure]:
    many = Person(person.model, person.name, person.folder, len(person.history), most)
    taste = many.taste()
    for count in (step for step in STEPS if step <= most):
        yield _published("candidates", many, count)
        yield _timed(f"candidates.{count}.cold", partial(_cold, many, count))
        yield _timed(f"candidates.{count}.warm", partial(many.scores, taste, count))


def _history(person: Person, most: int) -> Iterator[Figure]:
    for votes in (step for step in HISTORY if step <= most):
        one = Person(person.model, person.name, person.folder, votes, 1)
        taste = one.taste()
        yield _timed(f"history.{votes}.published", partial(one.published_scores, 1))
        yield _timed(f"history.{votes}.cold", partial(_cold, one, 1))
        yield _timed(f"history.{votes}.warm", partial(one.scores, taste, 1))


def _people(person: Person, most: int) -> Iterator[Figure]:
    """Warm requests of many people; they share one print's numbers, so that a thousand fit in memory."""
    past = person.taste().past
    votes = person.history.votes
    people = [
        InContextPrint(person.model, History(f"u{n}", votes), Past(past.shared, past.own))
        for n in range(most)
    ]
    for count in (step for step in STEPS if step <= most):
        yield _published("people", person, count)
        yield _timed(f"people.{count}.warm", partial(_score_people, person, people[:count]))


@torch.no_grad()
def _score_people(person: Person, people: Sequence[InContextPrint]) -> None:
    prompts = [person.prompt] * len(people)
    pasts = [taste.past for taste in people]
    request_margins(
        person.model,
        pasts,
        prompts,
        lambda chosen: person.pixels([f"c{n % 128}" for n in chosen]),
        len(pasts),
    )


def _published(kind: str, person: Person, count: int) -> Figure:
    real = min(count, PUBLISHED_AT_MOST)
    figure = _timed("", partial(person.published_scores, real))
    value, low, high = (seconds * count / real for seconds in (figure.value, figure.low, figure.high))
    return Figure(f"{kind}.{count}.published", value, low, high, REPEATS)


def _cold(person: Person, count: int) -> None:
    person.scores(person.taste(), count)


def _timed(name: str, run: Callable[[], object]) -> Figure:
    values = sorted(seconds(run) for _ in range(REPEATS))
    return Figure(name, values[REPEATS // 2], values[0], values[-1], REPEATS)


def draw_curves(figures: Sequence[Figure], path: Path) -> None:
    """Draw seconds against size, a panel a kind, both axes logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    picture, panels = plt.subplots(1, 3, figsize=(12, 3.6), constrained_layout=True)
    for panel, (kind, title) in zip(panels, TITLES.items(), strict=True):
        for way, label in LABELS.items():
            points = [
                (int(f.name.split(".")[1]), f.value)
                for f in figures
                if f.name.startswith(kind) and f.name.endswith(way)
            ]
            if points:
                panel.loglog(*zip(*points, strict=True), marker="o", label=label)
        panel.set(xlabel=title, ylabel="seconds")
        panel.grid(alpha=0.3)
        panel.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path, dpi=130)
    plt.close(picture)
