"""Two logs of real people as one thing: pictures, and what each person said of them.

Enters: a folder of logs (`avt_ai_images`: stars; `calista_webpages`: choices; each has a README with provenance and
licence). Leaves: a `Log`; episodes of one person: earlier votes about some pictures, later pairs about others.
Does not know: models.

Stars become choices where they differ by two or more, as the papers of such logs do.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tasteprint.data.decode import open_image
from tasteprint.types import Rating, Vote
from tasteprint.vision.encoder import ImageEncoder

CLEAR = 2
"""Stars by which two pictures must differ to make a choice."""

LIKED = 4
"""So many stars, or more, are a like."""

TARGETS = 60


@dataclass(frozen=True)
class Person:
    """One rater: stars by picture, or choices."""

    user: str
    stars: dict[str, int] = field(default_factory=dict)
    votes: tuple[Vote, ...] = ()

    def choices(self, among: set[str]) -> list[tuple[str, str]]:
        """Pairs of pictures of a set, the preferred one first."""
        if self.votes:
            return [(vote.liked, vote.disliked) for vote in self.votes if among.issuperset(vote.images)]
        rated = sorted(among & self.stars.keys())
        return [(a, b) for a in rated for b in rated if self.stars[a] - self.stars[b] >= CLEAR]

    def opinions(self, among: set[str]) -> list[Vote | Rating]:
        """What the person said of pictures of a set."""
        votes = [vote for vote in self.votes if among.issuperset(vote.images)]
        return [*votes, *(Rating(self.user, "", a, s, 5) for a, s in self.stars.items() if a in among)]


@dataclass(frozen=True)
class Log:
    """Raters and pictures; `files` are the pictures' paths by name."""

    name: str
    files: dict[str, Path]
    people: tuple[Person, ...]

    def embedded(self, encoder: ImageEncoder, side: int | None = None) -> dict[str, np.ndarray]:
        """Embed every picture, made smaller to `side` pixels first if that is asked for."""
        opened = (open_image(path) for path in self.files.values())
        ready = (picture.resize((side, side)) if side else picture for picture in opened)
        return dict(zip(self.files, encoder.embed_pictures(ready).numpy(), strict=True))


def avt(folder: Path) -> Log:
    """145 AI pictures, stars of 48 people who rated more than 60 of them."""
    stars: dict[str, dict[str, int]] = {}
    for row in _rows(folder / "avt_ai_images" / "ratings.csv"):
        stars.setdefault(row["rater_id"], {})[row["image_id"]] = int(row["rating"])
    people = [Person(user, rated) for user, rated in sorted(stars.items()) if len(rated) > 60]
    return Log("avt", _files(folder / "avt_ai_images"), tuple(people))


def calista(folder: Path) -> Log:
    """100 screenshots of web pages, up to 32 choices of 174 people who passed the authors' check."""
    votes: dict[str, list[Vote]] = {}
    for row in _rows(folder / "calista_webpages" / "choices.csv"):
        if row["passed_check"] == "1" and row["is_repeat"] == "0" and row["choice"] in ("left", "right"):
            label = float(row["choice"] == "left")
            votes.setdefault(row["rater_id"], []).append(
                Vote(row["rater_id"], "", row["left"], row["right"], label)
            )
    people = [Person(user, votes=tuple(said)) for user, said in sorted(votes.items())]
    return Log("calista", _files(folder / "calista_webpages"), tuple(people))


@dataclass(frozen=True)
class Episode:
    """Earlier choices of one person, and pairs to be foretold, the preferred picture first; they share no picture."""

    person: Person
    context: tuple[Vote, ...]
    targets: tuple[tuple[str, str], ...]
    visible: tuple[str, ...]


def episode(
    person: Person, visible: set[str], hidden: set[str], count: int, rng: random.Random
) -> Episode | None:
    """Draw `count` choices about visible pictures, such that pictures repeat as little as can be, and all pairs of
    hidden ones, at most 60. None where the person said too little."""
    earlier, later = person.choices(visible), person.choices(hidden)
    rng.shuffle(earlier)
    rng.shuffle(later)
    if len(earlier) < count or not later:
        return None
    chosen = fresh_first(earlier)[:count]
    votes = tuple(Vote(person.user, "", liked, other, 1.0) for liked, other in chosen)
    return Episode(person, votes, tuple(later[:TARGETS]), tuple(sorted(visible)))


def fresh_first(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of pictures that no earlier pair shows, then the rest, in their order."""
    shown: set[str] = set()
    fresh: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    for pair in pairs:
        if shown.isdisjoint(pair):
            fresh.append(pair)
            shown.update(pair)
        else:
            rest.append(pair)
    return fresh + rest


def parted(names: Sequence[str], share: float, rng: random.Random) -> tuple[set[str], set[str]]:
    """Visible pictures, and a share of them hidden."""
    hidden = set(rng.sample(sorted(names), round(share * len(names))))
    return set(names) - hidden, hidden


def folds(people: Sequence[Person], count: int) -> Iterator[tuple[list[Person], list[Person]]]:
    """Raters to learn from and raters to be tested on; everybody is tested once."""
    order = random.Random(0).sample(list(people), len(people))
    for k in range(count):
        test = order[k::count]
        yield [person for person in order if person not in test], test


def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((folder / "images").iterdir())}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
