"""Steps of guidance under a watch: ways to guide that go side by side, and the seconds of each part of a step.

Enters: generators. Leaves: ways, the parts of their steps. Does not know: figures, tables, memory.
Every step is one of `guide` itself. Its parts are told apart by a watch in the places of the generator and of the
scorer, and by hooks where the gradient comes to the image and to the noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import perf_counter

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from tasteprint.cli.steering import open_prints, own_rewards
from tasteprint.config import GuideConfig
from tasteprint.guide.reno import guide
from tasteprint.guide.rewards import Reward, minus_margin
from tasteprint.guide.steps import Step
from tasteprint.simulate.painter import draw_pictures, paint
from tasteprint.simulate.taxonomy import SUBJECTS, prompt
from tasteprint.types import Generator, History, Scorer, Vote

VOTES = 8
PROMPT = prompt(SUBJECTS[0])
MODELS, NOBODY, OWN, NO_TASTE = ("mini", "mini-posterior"), "nobody", "own", "none"
MARKS = ("start", "asked", "made", "shown", "scored", "image gradient", "noise gradient", "end")
PARTS = (
    "before",
    "generator.forward",
    "between",
    "reward.forward",
    "reward.backward",
    "generator.backward",
    "after",
)
"""From each mark to the next. In `reward.backward` are the loss and the regulariser, in `after` the next noise."""

Parts = dict[str, float]


class Brightness:
    """No taste: next to nothing to compute, and a gradient all the same."""

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Give the mean of each image."""
        return images.mean(dim=(1, 2, 3))


@dataclass
class Watch:
    """Stands where the generator and the scorer stand, and notes when each is asked and has answered."""

    generator: Generator
    scorer: Scorer
    at: dict[str, float] = field(default_factory=dict)

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 height width"]:
        """Make images. The gradient comes to them when the reward's part is done, to the noise when all is."""
        noise.register_hook(lambda _: self._note("noise gradient"))
        self._note("asked")
        images = self.generator(noise, prompt)
        self._note("made")
        images.register_hook(lambda _: self._note("image gradient"))
        return images

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score images."""
        self._note("shown")
        scores = self.scorer.score(images, prompts)
        self._note("scored")
        return scores

    def step(self, run: Iterator[Step]) -> Parts:
        """Let a run go one step further; give the seconds of its parts."""
        self.at.clear()
        self._note("start")
        next(run)
        self._note("end")
        return {
            part: self.at[end] - self.at[begin]
            for part, (begin, end) in zip(PARTS, pairwise(MARKS), strict=True)
        }

    def _note(self, mark: str) -> None:
        self.at[mark] = perf_counter()


@dataclass(frozen=True)
class Way:
    """A generator, what its pictures are rewarded for, and noises to begin with."""

    name: str
    generator: Generator
    reward: Reward
    noise: Float[Tensor, "b c h w"]

    def run(self, steps: int) -> Iterator[Step]:
        """Guide: `steps` steps with a gradient, and a last one without."""
        return guide(self.generator, PROMPT, self.noise, [self.reward], GuideConfig(steps=steps))


def rewards() -> dict[str, Reward]:
    """No taste; prints of nobody and of a person with votes at random on painted pictures, of either kind."""
    pictures = {str(number): picture for number, picture in enumerate(draw_pictures(2 * VOTES, seed=0))}
    votes = tuple(Vote("u", PROMPT, str(n), str(n + 1), float(n % 4 == 0)) for n in range(0, 2 * VOTES, 2))

    def painted(name: str) -> Image.Image:
        return paint(pictures[name].subject, pictures[name].attributes, pictures[name].seed)

    people = {NOBODY: History("u"), OWN: History("u", votes)}
    weight = GuideConfig().weight
    found = {NO_TASTE: Reward(NO_TASTE, Brightness(), weight, minus_margin)}
    for who, history in people.items():
        for model, taste in open_prints(MODELS, history, painted, "cpu").items():
            (found[f"{model}.{who}"],) = own_rewards({model: taste}, weight)
    return found


def side_by_side(ways: Sequence[Way], steps: int) -> dict[str, list[Parts]]:
    """Take a step of each way in turn; the first of each warms up and does not count."""
    watches = {way.name: Watch(way.generator, way.reward.scorer) for way in ways}
    runs = {way.name: _watched(way, watches[way.name]).run(steps + 1) for way in ways}
    rounds = [{name: watch.step(runs[name]) for name, watch in watches.items()} for _ in range(steps + 1)]
    return {name: [taken[name] for taken in rounds[1:]] for name in runs}


def _watched(way: Way, watch: Watch) -> Way:
    return replace(way, generator=watch, reward=replace(way.reward, scorer=watch))
