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
import twins
from models import WORDS
from PIL import Image
from torch import Tensor, nn

from tasteprint.incontext.loss import preference_loss
from tasteprint.incontext.network import InContextModel
from tasteprint.incontext.packing import collate, pack_example
from tasteprint.incontext.print_files import rounding_loss
from tasteprint.incontext.prints import InContextPrint
from tasteprint.incontext.scoring import margins
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
        self.model, self.name, self.folder = model, name, folder
        self.device = model.device
        draw = random.Random(0)
        self.prompt = " ".join(draw.choice(WORDS) for _ in range(PROMPT_WORDS[name]))
        self.votes = [self._vote("h", n, draw) for n in range(votes + 1)]
        self.targets = [self._vote("t", n, draw) for n in range(8)]
        self.history = History("u", tuple(self.votes[:votes]))
        self.longer = History("u", tuple(self.votes))
        self.asked = [(f"c{n}", self.prompt) for n in range(candidates)]
        self.image = torch.rand(1, 3, *[model.settings.image_size] * 2, device=self.device).requires_grad_()
        self._pixels: dict[str, Tensor] = {}
        self.store: FeatureStore | None = None

    def _vote(self, kind: str, number: int, draw: random.Random) -> Vote:
        return Vote("u", self.prompt, f"{kind}{number}a", f"{kind}{number}b", float(draw.random() < 0.5))

    def open(self, name: str) -> Image.Image:
        """Draw the picture of a name: coloured noise, always the same."""
        draw, side = random.Random(name), self.model.settings.image_size
        return Image.frombytes("RGB", (8, 8), draw.randbytes(192)).resize((side, side))

    def pixels(self, names: Sequence[str]) -> Tensor:
        """Give pixels by name; both ways find them prepared."""
        for name in names:
            if name not in self._pixels:
                self._pixels[name] = self.model.pixels([self.open(name)])[0].to(self.device)
        return torch.stack([self._pixels[name] for name in names])

    def features(self, names: Sequence[str]) -> Tensor:
        """Compute visual tokens anew."""
        return self.model.backbone.image_features(self.pixels(names))

    def taste(self) -> InContextPrint:
        """Read the history once."""
        return self.model.print_of(self.history, self.open)

    @torch.no_grad()
    def scores(self, taste: InContextPrint, count: int) -> Tensor:
        """Score candidates from a print."""
        prompts = [prompt for _, prompt in self.asked[:count]]
        return margins([taste] * count, prompts, lambda chosen: self.pixels([f"c{n}" for n in chosen]), count)

    def published_step(self, pairs: int) -> None:
        """Gradients of a training step, the published way."""
        self.model.zero_grad(set_to_none=True)
        twins.train_step(self.model, [self.history], [[vote] for vote in self.targets[:pairs]], self.features)

    def step(self, pairs: int, cached: bool = False) -> None:
        """Gradients of a training step on one packed sequence; `cached` freezes the vision part and reads it."""
        model = self.model
        model.zero_grad(set_to_none=True)
        row = pack_example(
            Example(self.history, tuple(self.targets[:pairs])), model.encoder, len(model.tokens)
        )
        batch, names = collate([row], model.pad_id)
        with frozen(model.backbone.vision if cached else []):
            images = self._stored(names) if cached else {"pixel_values": self.pixels(names)}
            out = model(**{key: value.to(self.device) for key, value in {**batch, **images}.items()})
            told = out.told[:0].float(), batch["told_liked"][:0].to(self.device)
            preference_loss(
                out.targets.float().unflatten(0, (-1, 2)), *told, model.answers
            ).total().backward()

    def _stored(self, names: Sequence[str]) -> dict[str, Tensor]:
        if self.store is None:
            self.store = FeatureStore(self.folder, self.model, self.open)
        return self.store(names)

    def published_guidance(self) -> Tensor:
        """Gradient of a score in the pixels, the published way."""
        with frozen([self.model]):
            return twins.guidance_step(self.model, self.history, self.image, self.prompt, self.features)

    def guidance(self, taste: InContextPrint) -> Tensor:
        """The same from a print."""
        with frozen([self.model]):
            return torch.autograd.grad(taste.score(self.image, [self.prompt]).sum(), self.image)[0]

    def published_scores(self, count: int) -> Tensor:
        """Score candidates the published way."""
        return twins.scores(self.model, self.history, self.asked[:count], self.features)


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
    slow = _gradient(person.model)
    person.step(1)
    weights = _relative(_gradient(person.model), slow)
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
def frozen(parts: Sequence[nn.Module]) -> Iterator[None]:
    """Let parts need no gradients for a while."""
    moving = [parameter for part in parts for parameter in part.parameters() if parameter.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    yield
    for parameter in moving:
        parameter.requires_grad_(True)


def _gradient(model: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])


def _relative(one: Tensor, other: Tensor) -> float:
    return ((one - other).float().norm() / other.float().norm()).item()
