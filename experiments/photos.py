"""Real people and pictures, one person alone and with others: `python -m experiments.photos`, half an hour on a core.

Enters: the logs in ../shared/data (or DATA; see `experiments/real_people.py`). Leaves: docs/results/photos.json.
Does not know: how priors are made. Every rater is tested as someone unseen; nothing is chosen on those who are tested.

    LOG.alone.unrated.N     right pairs after N choices, nobody else's opinion known; stars.N, likes.N: after these
    LOG.raters.unrated.N    with other raters' opinions of other pictures; rated.N: of these pictures too
    LOG.other.N             with another person's choices in their place (raters, unrated)
    LOG.population          with nobody's choices (raters, unrated); population.rated
    LOG.logistic.N          alone, by a logistic regression on the same features
    LOG.statistics.N        alone, with colour and gradient statistics for an eye
    LOG.asked.N, random.N   alone, pairs that were asked for against pairs at random
    LOG.ece.X               expected calibration error of any of these
    eye.X                   alone with avt's pictures and 32 choices, with another eye
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from sklearn.linear_model import LogisticRegression

from experiments.real_people import LIKED, Episode, Log, Person, avt, calista, episode, folds, parted
from tasteprint.config import PosteriorConfig
from tasteprint.evaluate.metrics import calibration_error, mean_interval, pair_outcomes, paired_difference
from tasteprint.evaluate.results import Figure, read_results, write_results
from tasteprint.posterior.active import most_informative_pairs
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.types import History, Passed, Rating, Vote
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.photo import BLOCKS

COUNTS = (0, 1, 2, 4, 8, 16, 32, 64)
ASKED = (4, 8, 16)
CANDIDATES = 64
TURNS = 5
"""Every person is tested so often alone, with other pictures hidden each time."""

SPLITS = 5
HIDDEN = 0.4
ALONE = PosteriorConfig(encoder="photo", prior="alone")
ESTIMATED = PosteriorConfig(encoder="photo", prior="estimated")
DATA = Path(os.environ.get("DATA", "../shared/data"))
OUT = Path(__file__).parents[1] / "docs/results/photos.json"

Margins = dict[str, dict[str, list[np.ndarray]]]
"""By figure and by person, margins of pairs, (pairs, 2), the preferred picture first."""


@dataclass(frozen=True)
class Seen:
    """A log through one encoder."""

    log: Log
    encoder: ImageEncoder
    rows: dict[str, np.ndarray]

    def embeddings(self, names: Sequence[str]) -> np.ndarray:
        """Rows by name, as a posterior asks for them."""
        return (
            np.stack([self.rows[name] for name in names]) if len(names) else np.zeros((0, self.encoder.width))
        )

    def alone(self) -> TastePosterior:
        """The model that needs nobody, with all pictures of the log at hand."""
        return TastePosterior.alone(ALONE, self.embeddings(list(self.rows)), self.encoder)

    def fit(self, people: Sequence[Person], visible: set[str]) -> TastePosterior:
        """A prior estimated from raters' opinions of visible pictures."""
        said = {person.user: person.opinions(visible) for person in people}
        return TastePosterior.fit(
            said, ESTIMATED, encoder=self.encoder, embeddings=self.embeddings, at_hand=list(self.rows)
        )

    def margins(
        self, taste: PosteriorPrint, pairs: Sequence[tuple[str, str]], named: bool = False
    ) -> np.ndarray:
        """Half the log odds of each pair and its negative, by the print's own front door."""
        a, b = (torch.from_numpy(self.embeddings([pair[side] for pair in pairs])) for side in (0, 1))
        odds = torch.logit(taste.prefers_embeddings(a, b, pairs if named else ()).double(), eps=1e-9) / 2
        return torch.stack([odds, -odds], dim=1).numpy()

    def read(self, model: TastePosterior, histories: Sequence[History]) -> list[PosteriorPrint]:
        """Prints of people."""
        return model.prints_of(histories, embeddings=self.embeddings)


def episodes(log: Log, count: int, turn: int, people: Sequence[Person] | None = None) -> Iterator[Episode]:
    """One episode a person, with a random share of the pictures hidden."""
    for person in people or log.people:
        rng = random.Random(f"{person.user} {turn}")
        made = episode(person, *parted(list(log.files), HIDDEN, rng), count, rng)
        if made:
            yield made


def measure_alone(
    seen: Seen, model: TastePosterior, found: Margins, name: str, counts: Sequence[int]
) -> None:
    """Choices only."""
    for count in counts:
        made = [one for turn in range(TURNS) for one in episodes(seen.log, count, turn)]
        prints = seen.read(model, [History(one.person.user, one.context) for one in made])
        for one, taste in zip(made, prints, strict=True):
            found[f"{name}.{count}"][one.person.user].append(seen.margins(taste, one.targets))


def measure_ratings(seen: Seen, model: TastePosterior, found: Margins) -> None:
    """Stars, or likes and nothing else, of as many visible pictures."""
    for count in COUNTS[3:]:
        made = [one for turn in range(TURNS) for one in episodes(seen.log, 0, turn)]
        for name, said in (("stars", stars), ("likes", likes)):
            pairs = [(one, said(one, count)) for one in made]
            there = [(one, history) for one, history in pairs if history is not None]
            for (one, _), taste in zip(there, seen.read(model, [h for _, h in there]), strict=True):
                found[f"alone.{name}.{count}"][one.person.user].append(seen.margins(taste, one.targets))


def stars(one: Episode, count: int) -> History | None:
    """Stars of so many visible pictures; None where there are fewer."""
    rated = [name for name in one.visible if name in one.person.stars]
    if len(rated) < count:
        return None
    chosen = random.Random(f"{one.person.user} stars").sample(rated, count)
    given = tuple(Rating(one.person.user, "", name, one.person.stars[name], 5) for name in chosen)
    return History(one.person.user, ratings=given)


def likes(one: Episode, count: int) -> History | None:
    """So many likes; every other visible picture was passed, whatever the person thinks of it."""
    liked = [name for name in one.visible if one.person.stars.get(name, 0) >= LIKED]
    if len(liked) < count:
        return None
    chosen = set(random.Random(f"{one.person.user} likes").sample(liked, count))
    given = tuple(Rating(one.person.user, "", name, 2, 2) for name in sorted(chosen))
    passed = tuple(Passed(one.person.user, name) for name in one.visible if name not in chosen)
    return History(one.person.user, ratings=given, passed=passed)


def measure_logistic(seen: Seen, model: TastePosterior, found: Margins, counts: Sequence[int]) -> None:
    """A regression of one person's choices on the features that the model alone has."""
    features = {
        name: model.utilities(torch.from_numpy(row)[None])[1][0].numpy() for name, row in seen.rows.items()
    }
    for count in counts[1:]:
        for one in (made for turn in range(TURNS) for made in episodes(seen.log, count, turn)):
            x = np.stack([features[vote.liked] - features[vote.disliked] for vote in one.context])
            line = LogisticRegression(fit_intercept=False).fit(
                np.concatenate([x, -x]), [1] * len(x) + [0] * len(x)
            )
            z = np.stack([features[a] - features[b] for a, b in one.targets])
            odds = line.decision_function(z)[:, None] / 2
            found[f"logistic.{count}"][one.person.user].append(np.concatenate([odds, -odds], axis=1))


def measure_asked(seen: Seen, model: TastePosterior, found: Margins) -> None:
    """Pairs of which each was the most informative of some that the person can answer, against pairs at random."""
    for one in (made for turn in range(TURNS) for made in episodes(seen.log, max(ASKED), turn)):
        answers = asked(seen, model, one)
        for count in ASKED if len(answers) == max(ASKED) else ():
            for name, votes in (("asked", answers), ("random", one.context)):
                taste = seen.read(model, [History(one.person.user, tuple(votes[:count]))])[0]
                found[f"{name}.{count}"][one.person.user].append(seen.margins(taste, one.targets))


def asked(seen: Seen, model: TastePosterior, one: Episode) -> list[Vote]:
    """Answers to the pairs that tell most, one after the other; no picture is shown twice."""
    rng = random.Random(one.person.user)
    pool = one.person.choices(set(one.visible))
    answers: list[Vote] = []
    taste = seen.read(model, [History(one.person.user)])[0]
    while pool and len(answers) < max(ASKED):
        offered = rng.sample(pool, min(CANDIDATES, len(pool)))
        best = most_informative_pairs(taste, offered, 1, seen.embeddings)[0]
        answers.append(Vote(one.person.user, "", best.first, best.second, 1.0))
        taste = taste.extended(answers[-1:], embeddings=seen.embeddings)
        pool = [pair for pair in pool if not {best.first, best.second} & set(pair)]
    return answers


def measure_raters(seen: Seen, found: Margins, counts: Sequence[int]) -> None:
    """With other raters: of the pictures to be judged, or of others only."""
    for split, (train, test) in enumerate(folds(seen.log.people, SPLITS)):
        rng = random.Random(split)
        visible, hidden = parted(list(seen.log.files), HIDDEN, rng)
        model = seen.fit(train, visible)
        kept, judged = parted(sorted(visible), HIDDEN, rng)
        for named, (earlier, later), name in (
            (False, (visible, hidden), "raters.unrated"),
            (True, (kept, judged), "raters.rated"),
        ):
            for count in counts:
                rows = [episode(person, earlier, later, count, random.Random(person.user)) for person in test]
                made = [one for one in rows if one]
                own = seen.read(model, [History(one.person.user, one.context) for one in made])
                found_here = f"{name}.{count}"
                for place, (one, taste) in enumerate(zip(made, own, strict=True)):
                    found[found_here][one.person.user].append(seen.margins(taste, one.targets, named))
                    if count and not named:
                        another = own[(place + 1) % len(own)]
                        found[f"other.{count}"][one.person.user].append(seen.margins(another, one.targets))


def measure_eyes(seen: Seen, found: Margins) -> None:
    """The same with parts of the eye left out, smaller pictures, half precision, and the last depth alone."""
    columns = np.repeat(np.arange(len(BLOCKS)), [length for length, _ in BLOCKS.values()])
    weights = seen.encoder.column_weights
    assert weights is not None
    eyes: dict[str, Callable[[], Seen]] = {
        "eye.whole": lambda: seen,
        "eye.pixels.128": lambda: replace(seen, rows=seen.log.embedded(seen.encoder, 128)),
        "eye.half": lambda: replace(
            seen, rows={name: row.astype(np.float16).astype(np.float32) for name, row in seen.rows.items()}
        ),
    }
    for place, block in enumerate(BLOCKS):
        kept = torch.from_numpy(columns != place)
        eyes[f"eye.without.{block.replace(' ', '_')}"] = lambda kept=kept: replace(  # type: ignore[misc]
            seen, encoder=replace(seen.encoder, column_weights=weights * kept)
        )
    last = torch.from_numpy(columns == list(BLOCKS).index("head"))
    eyes["eye.head_alone"] = lambda: replace(
        seen, encoder=replace(seen.encoder, column_weights=weights * last)
    )
    for name, make in eyes.items():
        one = make()
        measure_alone(one, one.alone(), found, name, (32,))


def figures(log: str, found: Margins) -> Iterator[Figure]:
    """Accuracy and calibration of everything that was measured, intervals over people."""
    for name, people in found.items():
        margins = [np.concatenate(parts) for parts in people.values()]
        said = name if name.startswith("eye.") else f"{log}.{name}"
        yield Figure(said, *mean_interval([pair_outcomes(one) for one in margins], 0))
        if not name.startswith("eye."):
            yield Figure(f"{log}.ece.{name}", *calibration_error(margins, 0))


def gain(log: str, found: Margins, first: str, second: str) -> Figure:
    """First minus second, over the people who have both, on the same pairs."""
    users = sorted(found[first].keys() & found[second].keys())
    one, other = (
        [pair_outcomes(np.concatenate(found[name][user])) for user in users] for name in (first, second)
    )
    return Figure(f"{log}.{first}.minus.{second}", *paired_difference(one, other, 0))


def main(
    data: Annotated[Path, typer.Option()] = DATA,
    out: Annotated[Path, typer.Option()] = OUT,
    only_raters: Annotated[bool, typer.Option()] = False,
) -> None:
    """Measure both logs and write the figures; with `--only-raters` all others stay as they are in the file."""
    torch.set_num_threads(1)
    before = read_results(out) if only_raters else []
    written: dict[str, Figure] = {figure.name: figure for figure in before}
    for log in (avt(data), calista(data)):
        found: Margins = defaultdict(lambda: defaultdict(list))
        counts = COUNTS if log.name == "avt" else COUNTS[:4]
        seen = open_seen(log, "photo")
        if not only_raters:
            measure_without_raters(seen, found, counts)
        measure_raters(seen, found, counts)
        found["population"], found["population.rated"] = found["raters.unrated.0"], found["raters.rated.0"]
        made = [*figures(log.name, found), *gains(log.name, found)]
        written |= {figure.name: figure for figure in made}
        write_results(out, "python -m experiments.photos", [0], list(written.values()))


def measure_without_raters(seen: Seen, found: Margins, counts: Sequence[int]) -> None:
    """Everything that is measured of one person alone; of a log of choices, choices only."""
    alone, plain = seen.alone(), open_seen(seen.log, "statistics")
    measure_alone(seen, alone, found, "alone.unrated", counts)
    measure_alone(plain, plain.alone(), found, "statistics", counts)
    measure_logistic(seen, alone, found, counts)
    if seen.log.name == "avt":
        measure_ratings(seen, alone, found)
        measure_asked(seen, alone, found)
        measure_eyes(seen, found)


def gains(log: str, found: Margins) -> Iterator[Figure]:
    """Differences on the same pairs: own choices and nobody's, asked pairs and random ones."""
    most = max(int(name.rpartition(".")[2]) for name in found if name.startswith("raters.unrated."))
    yield gain(log, found, f"raters.unrated.{most if most < 32 else 32}", "raters.unrated.0")
    yield gain(log, found, f"raters.rated.{most if most < 32 else 32}", "raters.rated.0")
    for count in ASKED:
        if f"asked.{count}" in found:
            yield gain(log, found, f"asked.{count}", f"random.{count}")


def open_seen(log: Log, encoder: str) -> Seen:
    """Every picture of a log through an encoder by name."""
    opened = ImageEncoder.from_pretrained(encoder)
    return Seen(log, opened, log.embedded(opened))


if __name__ == "__main__":
    typer.run(main)
