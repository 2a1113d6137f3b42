"""How cost grows: with candidates, with the length of the history, with people in one call.

Enters: a person of `works.py`. Leaves: figures, and a picture of them. Does not know: tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from measure import seconds
from works import Person

from tasteprint.evaluate.results import Figure
from tasteprint.model.prints import Tasteprint
from tasteprint.model.requests import margins
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


def measure_curves(person: Person, name: str, most: int) -> list[Figure]:
    """Time all three, up to `most` candidates and people. The published way is run for ten at most, then multiplied."""
    return [*_candidates(person, name, most), *_history(person, name, most), *_people(person, most)]


def _candidates(person: Person, name: str, most: int) -> Iterator[Figure]:
    many = Person(person.model, name, len(person.history), most)
    taste = many.taste()
    for count in (step for step in STEPS if step <= most):
        yield _published("candidates", many, count)
        yield _timed(f"candidates.{count}.cold", lambda n=count: many.scores(many.taste(), n))
        yield _timed(f"candidates.{count}.warm", lambda n=count: many.scores(taste, n))


def _history(person: Person, name: str, most: int) -> Iterator[Figure]:
    for votes in (step for step in HISTORY if step <= most):
        one = Person(person.model, name, votes, 1)
        taste = one.taste()
        yield _timed(f"history.{votes}.published", lambda one=one: one.published_scores(1))
        yield _timed(f"history.{votes}.cold", lambda one=one: one.scores(one.taste(), 1))
        yield _timed(f"history.{votes}.warm", lambda one=one, taste=taste: one.scores(taste, 1))


def _people(person: Person, most: int) -> Iterator[Figure]:
    """Warm requests of many people; they share one print's numbers, so that a thousand fit in memory."""
    own = person.taste().own
    people = [Tasteprint(person.model, History(f"u{n}", person.history.votes), own) for n in range(most)]
    for count in (step for step in STEPS if step <= most):
        yield _published("people", person, count)
        yield _timed(f"people.{count}.warm", lambda n=count: _score_people(person, people[:n]))


@torch.no_grad()
def _score_people(person: Person, people: Sequence[Tasteprint]) -> None:
    prompts = [person.prompt] * len(people)
    margins(people, prompts, lambda chosen: person.pixels([f"c{n % 128}" for n in chosen]), len(people))


def _published(kind: str, person: Person, count: int) -> Figure:
    real = min(count, PUBLISHED_AT_MOST)
    figure = _timed("", lambda: person.published_scores(real))
    scaled = (value * count / real for value in (figure.value, figure.low, figure.high))
    return Figure(f"{kind}.{count}.published", *scaled, REPEATS)


def _timed(name: str, run: object) -> Figure:
    values = sorted(seconds(run) for _ in range(REPEATS))  # type: ignore[arg-type]
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
