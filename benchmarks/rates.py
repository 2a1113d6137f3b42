"""What the taste posterior costs, with the in-context print beside it in the same process.

Enters: a person of `works.py`. Leaves: rates and ratios as figures. Does not know: tables, what either way is worth.
A posterior of eight tastes on sixteen features, as large as the default, learned from random votes; what is learned
changes no cost but that of a few Newton steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from benchmarks.measure import seconds, spread
from benchmarks.works import Person, Run
from tasteprint.config import PosteriorConfig
from tasteprint.evaluate.results import Figure
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.print_batch import PrintBatch
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.utilities import Embeddings
from tasteprint.types import History, Vote
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.eye import EYE

IMAGES, PEOPLE, VOTES = 2000, 2000, 8
CANDIDATES, CROWD = 200_000, 1_000_000


def measure_tastes(person: Person, repeats: int, quick: bool = False) -> Iterator[Figure]:
    """Prints, candidates and people a second; one more vote, against the in-context print's."""
    shrink = 100 if quick else 1
    rows, people = _embeddings(), _people(PEOPLE // shrink)
    config = PosteriorConfig(encoder=EYE, prior="learned", steps=100 // shrink)
    encoder = ImageEncoder.from_pretrained(EYE)
    posterior = TastePosterior.fit(people, config, encoder=encoder, embeddings=rows)
    histories = [History(user, tuple(votes)) for user, votes in people.items()]
    taste = posterior.prints_of(histories[:1], embeddings=rows)[0]
    yield _rate(
        "posterior.prints.rate",
        len(people),
        repeats,
        lambda: posterior.prints_of(histories, embeddings=rows),
    )
    many = torch.randn(CANDIDATES // shrink, posterior.encoder.width)
    with torch.no_grad():
        yield _rate("posterior.candidates.rate", len(many), repeats, lambda: taste.score_embeddings(many))
    size = CROWD // shrink
    people_at_once = PrintBatch(posterior, ["u"] * size, torch.randn(size, posterior.config.features))
    yield _rate("posterior.people.rate", size, repeats, lambda: people_at_once.score_embeddings(many[:1]))
    yield from _append(person, taste, rows, repeats)


def _append(person: Person, taste: PosteriorPrint, rows: Embeddings, repeats: int) -> Iterator[Figure]:
    """One more vote to eight: seconds of both ways in turn, features of both images at hand in both."""
    vote, print_ = person.votes[-1:], person.taste()
    features = {name: person.features([name]).detach() for name in vote[0].images}
    both: list[tuple[float, float]] = []
    with at_hand(person.network, features):
        for _ in range(3 + repeats):
            context = seconds(lambda: print_.extended(vote, person.open))
            both.append((context, seconds(lambda: taste.extended([_vote("u", 0, 1)], embeddings=rows))))
    timed = both[3:]
    yield spread("posterior.append.seconds", [ours for _, ours in timed])
    yield spread("posterior.append.context.seconds", [context for context, _ in timed])
    yield spread("posterior.append", [context / ours for context, ours in timed])


@contextmanager
def at_hand(network: PreferenceNetwork, features: dict[str, torch.Tensor]) -> Iterator[None]:
    """Let a network take visual tokens that were computed before, for images in the order of the names."""
    ready, compute = torch.cat(list(features.values())), network.backbone.image_features
    network.backbone.image_features = lambda pixels: ready[: len(pixels)]  # type: ignore[method-assign]
    yield
    network.backbone.image_features = compute  # type: ignore[method-assign]


def _embeddings() -> Embeddings:
    table = np.random.default_rng(0).normal(size=(IMAGES, 256)).astype(np.float32)
    return lambda names: table[[int(name) for name in names]]


def _people(count: int) -> dict[str, list[Vote]]:
    draw = np.random.default_rng(1)
    pairs = np.stack([draw.permutation(IMAGES)[: 2 * VOTES].reshape(VOTES, 2) for _ in range(count)])
    return {f"u{n}": [_vote(f"u{n}", *map(int, pair)) for pair in own] for n, own in enumerate(pairs)}


def _vote(user: str, first: int, second: int) -> Vote:
    return Vote(user, "", str(first), str(second), 1.0)


def _rate(name: str, things: int, repeats: int, run: Run) -> Figure:
    run()
    return spread(name, [things / seconds(run) for _ in range(repeats)])
