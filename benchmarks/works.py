"""The works that are measured: each the published way and ours, on one person with eight votes.

Enters: a model. Leaves: functions without arguments, and by how much their outputs differ.
Does not know: clocks, tables, files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks import twins
from benchmarks.models import WORDS
from tasteprint.incontext.images import StoredTokens
from tasteprint.incontext.loss import preference_loss
from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.incontext.packing import collate, pack_example
from tasteprint.incontext.prints import InContextPrint, rounding_loss
from tasteprint.incontext.scoring import request_margins
from tasteprint.types import Example, History, Vote
from tasteprint.vision.feature_store import FeatureStore

VOTES = 8
PROMPT_WORDS = {"mini": 6, "middle": 30, "idefics2-8b": 30}


Run = Callable[[], Any]
Ours = Mapping[str, tuple[Run, int]]


@dataclass
class Work:
    """Something done the published way, and ours; each of ours is worth `times` runs of the published function.

    `unit` is a smaller piece of the published way and how many make up the whole: it is what operations are
    counted on.
    """

    published: Run
    unit: tuple[Run, int]
    ours: Ours


class Person:
    """One person's votes, targets and candidates over random pictures, and every work on them."""

    def __init__(
        self, model: InContextModel, name: str, folder: Path, votes: int = VOTES, candidates: int = 128
    ) -> None:
        """Draw names and prompts; pictures are drawn when opened, pixels kept, features stored in the folder."""
        self.model, self.network, self.name, self.folder = model, model.network, name, folder
        self.device = self.network.device
        draw = random.Random(0)
        self.prompt = " ".join(draw.choice(WORDS) for _ in range(PROMPT_WORDS[name]))
        self.votes = [self._vote("h", n, draw) for n in range(votes + 1)]
        self.targets = [self._vote("t", n, draw) for n in range(8)]
        self.history = History("u", tuple(self.votes[:votes]))
        self.longer = History("u", tuple(self.votes))
        self.asked = [(f"c{n}", self.prompt) for n in range(candidates)]
        self.image = torch.rand(
            1, 3, *[self.network.settings.image_size] * 2, device=self.device
        ).requires_grad_()
        self._pixels: dict[str, Tensor] = {}
        self.store: StoredTokens | None = None

    def _vote(self, kind: str, number: int, draw: random.Random) -> Vote:
        return Vote("u", self.prompt, f"{kind}{number}a", f"{kind}{number}b", float(draw.random() < 0.5))

    def open(self, name: str) -> Image.Image:
        """Draw the picture of a name: coloured noise, always the same."""
        draw, side = random.Random(name), self.network.settings.image_size
        return Image.frombytes("RGB", (8, 8), draw.randbytes(192)).resize((side, side))

    def pixels(self, names: Sequence[str]) -> Tensor:
        """Give pixels by name; both ways find them prepared."""
        for name in names:
            if name not in self._pixels:
                self._pixels[name] = self.network.pixels([self.open(name)])[0].to(self.device)
        return torch.stack([self._pixels[name] for name in names])

    def features(self, names: Sequence[str]) -> Tensor:
        """Compute visual tokens anew."""
        return self.network.backbone.image_features(self.pixels(names))

    def taste(self) -> InContextPrint:
        """Read the history once."""
        return self.model.print_of(self.history, self.open)

    @torch.no_grad()
    def scores(self, taste: InContextPrint, count: int) -> Tensor:
        """Score candidates from a print."""
        prompts = [prompt for _, prompt in self.asked[:count]]
        pasts = [taste.past] * count
        return request_margins(
            self.model, pasts, prompts, lambda chosen: self.pixels([f"c{n}" for n in chosen]), count
        )

    def published_step(self, pairs: int) -> None:
        """Gradients of a training step, the published way."""
        votes = [[vote] for vote in self.targets[:pairs]]
        with moving(self.network):
            twins.train_step(self.network, [self.history], votes, self.features)

    def step(self, pairs: int, cached: bool = False) -> None:
        """Gradients of a training step on one packed sequence; `cached` freezes the vision part and reads it."""
        network = self.network
        example = Example(self.history, tuple(self.targets[:pairs]))
        batch, names = collate([pack_example(example, network.encoder, len(network.tokens))], network.pad_id)
        with moving(network, vision=not cached):
            images = self._stored(names) if cached else {"pixel_values": self.pixels(names)}
            out = network(**{key: value.to(self.device) for key, value in {**batch, **images}.items()})
            context = out.context[:0].float(), batch["context_liked"][:0].to(self.device)
            pairs_of = out.targets.float().unflatten(0, (-1, 2))
            preference_loss(pairs_of, *context, network.answers).total().backward()

    def _stored(self, names: Sequence[str]) -> dict[str, Tensor]:
        if self.store is None:
            store = FeatureStore(self.folder, self.model.image_encoder, self.open)
            self.store = StoredTokens(store, self.network.backbone.width)
        return self.store(names)

    def published_guidance(self) -> Tensor:
        """Gradient of a score in the pixels, the published way."""
        return twins.guidance_step(self.network, self.history, self.image, self.prompt, self.features)

    def guidance(self, taste: InContextPrint) -> Tensor:
        """The same from a print."""
        return torch.autograd.grad(taste.score(self.image, [self.prompt]).sum(), self.image)[0]

    def published_scores(self, count: int) -> Tensor:
        """Score candidates the published way."""
        return twins.scores(self.network, self.history, self.asked[:count], self.features)


def works(person: Person, candidates: Sequence[int], at_most: int) -> Iterator[Work]:
    """List every work. More than `at_most` candidates or pairs the published way are that many, taken several times."""
    taste, one_pair = person.taste(), partial(person.published_step, 1)
    ours = {
        "train.pairs1": (partial(person.step, 1), 1),
        "train.cached_features": (partial(person.step, 1, True), 1),
    }
    yield Work(one_pair, (one_pair, 1), ours)
    pairs = min(8, at_most)
    eight = {"train.pairs8": (partial(person.step, 8), 8 // pairs)}
    yield Work(partial(person.published_step, pairs), (one_pair, pairs), eight)
    for count in sorted({min(count, at_most) for count in candidates}):
        same = [n for n in candidates if min(n, at_most) == count]
        scored = {name: value for n in same for name, value in _scored(person, taste, n, n // count).items()}
        yield Work(
            partial(person.published_scores, count), (partial(person.published_scores, 1), count), scored
        )
    guided = {"guidance.step.warm": (partial(person.guidance, taste), 1)}
    yield Work(person.published_guidance, (person.published_guidance, 1), guided)
    reread = partial(person.model.print_of, person.longer, person.open)
    appended = {"append.vote": (partial(taste.extended, person.votes[-1:], person.open), 1)}
    yield Work(reread, (reread, 1), appended)


def _scored(person: Person, taste: InContextPrint, count: int, times: int) -> Ours:
    return {
        f"score.candidates{count}.cold": (lambda: person.scores(person.taste(), count), times),
        f"score.candidates{count}.warm": (partial(person.scores, taste, count), times),
    }


def agreement(person: Person) -> dict[str, float]:
    """Largest difference of scores; largest relative difference of gradients, in weights and in pixels."""
    taste = person.taste()
    score = (person.scores(taste, 2) - person.published_scores(2)).abs().max().item()
    pixels = _relative(person.guidance(taste), person.published_guidance())
    person.published_step(1)
    slow = _gradient(person.network)
    person.step(1)
    weights = _relative(_gradient(person.network), slow)
    return {"agreement.score": score, "agreement.gradient": max(pixels, weights)}


def sizes(person: Person) -> dict[str, float]:
    """Bytes of a print as it is and in eight bits, and by how much eight bits change a score at most."""
    taste = person.taste()
    pictures, prompts = [person.open(name) for name, _ in person.asked[:8]], [person.prompt] * 8
    loss = rounding_loss(taste, pictures, prompts)
    return {
        "print.bytes": taste.nbytes,
        "print.int8.bytes": taste.quantized().nbytes,
        "print.int8.score": loss,
    }


@contextmanager
def moving(network: PreferenceNetwork, vision: bool = True) -> Iterator[None]:
    """Let a frozen network's weights have gradients for a while, fresh ones; without `vision` all but what sees."""
    network.zero_grad(set_to_none=True)
    network.requires_grad_(True)
    if not vision:
        network.vision_part.modules.requires_grad_(False)
    yield
    network.requires_grad_(False)


def _gradient(model: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])


def _relative(one: Tensor, other: Tensor) -> float:
    return ((one - other).float().norm() / other.float().norm()).item()
