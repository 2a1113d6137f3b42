"""Does guidance make pictures that people truly prefer? `python -m experiments.guidance --judge FILE`.

Enters: the models and the generator that come with the package, a judge of `judge.py`. Leaves:
docs/results/guidance.json. Does not know: how any of them was trained.

People, their votes and the pictures they voted on are those of `draw_test`, whom no model has met; 8 votes of history,
three prompts each, the same noise for every method. A picture's true utility is what the judge reads from it, weighed
by what the person truly likes, in units of the spread of that person's utilities over the painter's pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from experiments.figures import RESULTS, exact, over_people
from experiments.guided_people import GuidedPeople, rewards
from experiments.judge import open_reader
from tasteprint.config import GuideConfig
from tasteprint.evaluate.metrics import resampled
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import best_of, guide, noises
from tasteprint.guide.rewards import Reward
from tasteprint.guide.steps import Step
from tasteprint.guide.text_to_image import TextToImage
from tasteprint.simulate.taxonomy import SUBJECTS, prompt
from tasteprint.simulate.world import draw_test


@dataclass
class Outcome:
    """Of one method, a row a person and a column a prompt: what was gained over the unguided picture."""

    gain: Float[np.ndarray, "people prompts"]
    subject: Bool[np.ndarray, "people prompts"]
    seconds: float = 0.0
    looks: int = 0
    """Pictures that were made on the way, the first included."""
    courses: Float[np.ndarray, "2 steps"] | None = None
    """True utility and reward of every step's images, means over all."""

    @property
    def each(self) -> float:
        """Seconds a picture."""
        return self.seconds / self.gain.size

    @property
    def wins(self) -> Float[np.ndarray, "people prompts"]:
        """1 where the guided picture is truly preferred, one half where both are liked alike."""
        return (np.sign(np.round(self.gain, 6)) + 1) / 2


def outcome_figures(
    found: dict[str, Outcome], unguided: Bool[np.ndarray, "people prompts"]
) -> Iterator[Figure]:
    """Everything as figures; intervals over people. `own` is the better of the two models."""
    yield over_people("subject.unguided", unguided.astype(float))
    ways = [name for name in ("own_context", "own_posterior") if name in found]
    better = {"own": max((found[name] for name in ways), key=lambda made: made.gain.mean())} if ways else {}
    for method, made in (found | better).items():
        yield over_people(f"wins.{method}", made.wins)
        yield over_people(f"gain.{method}", made.gain)
        yield over_people(f"subject.{method}", made.subject.astype(float))
        yield exact(f"seconds.{method}", made.each, 1)
        yield exact(f"looks.{method}", made.looks / made.gain.size, made.gain.size)
        for name, course in zip(
            ("true", "reward"), () if made.courses is None else made.courses, strict=False
        ):
            for number, value in enumerate(course - course[0]):
                yield exact(f"course.{method}.{name}.{number}", float(value), made.gain.size)
    if better and "oracle" in found:
        pairs = np.stack([better["own"].gain.sum(axis=1), found["oracle"].gain.sum(axis=1)], axis=1)
        yield Figure("gain_share_of_oracle", *resampled(pairs, lambda sums: sums[..., 0] / sums[..., 1], 0))


PEOPLE, PROMPTS, SEED, AT_ONCE = 100, 3, 0, 25


METHODS = (
    "average", "other_context", "other", "own_context", "own_context_margin", "own_posterior", "own_posterior_cautious",
    "both", "oracle", "best_of_n",
)  # fmt: skip


def measured(
    methods: Sequence[str], generator: TextToImage, people: GuidedPeople, config: GuideConfig
) -> dict[str, Outcome]:
    """Guide for everyone, by every method, from the same noise; `best_of_n` has the own posterior's time."""
    found: dict[str, Outcome] = {}
    for method in methods:
        seconds = found["own_posterior"].each if method == "best_of_n" else None
        found[method] = _by(method, generator, people, config, seconds)
        _say(method, found[method])
    return found


def _by(
    method: str, generator: TextToImage, people: GuidedPeople, config: GuideConfig, seconds: float | None
) -> Outcome:
    count = len(people.votes)
    made = Outcome(np.zeros((count, PROMPTS)), np.zeros((count, PROMPTS), bool))
    courses = np.zeros((2, config.steps + 1))
    for rows, columns, subject in batches(count):
        some, others = people.only(rows), people.only([(row + 1) % count for row in rows])
        noise, reward = _noise(generator, rows, columns), rewards(method, some, others)
        if seconds is None:
            steps = guide(generator, prompt(subject), noise, reward, config)
        else:
            steps = _searched(generator, prompt(subject), noise, reward, seconds * len(rows))
        seen = [(step, *some.truly(step.best.seen.images)) for step in _kept(steps, some, courses)]
        (_, before, _), (last, after, shown) = seen[0], seen[-1]
        made.gain[rows, columns] = (after - before).numpy()
        made.subject[rows, columns] = (shown == SUBJECTS.index(subject)).numpy()
        made.seconds += last.seconds
        made.looks += (last.number + 1) * len(rows)
    made.courses = courses / made.gain.size if seconds is None else None
    return made


def _kept(
    steps: Iterator[Step], people: GuidedPeople, courses: Float[np.ndarray, "2 steps"]
) -> Iterator[Step]:
    """The first step and the last; into `courses` go the sums of true utility and reward of every step's images."""
    last = None
    for step in steps:
        if step.number < courses.shape[1]:
            courses[0, step.number] += float(people.truly(step.seen.images)[0].sum())
            courses[1, step.number] -= float(step.seen.loss.sum())
        if last is None:
            yield step
        last = step
    assert last is not None
    yield last


def _noise(generator: TextToImage, rows: Sequence[int], columns: Sequence[int]) -> Float[Tensor, "b c h w"]:
    """The noise of everyone's prompt, the same for every method."""
    seeds = [
        1_000_000 * (SEED + 1) + row * PROMPTS + column for row, column in zip(rows, columns, strict=True)
    ]
    return next(noises(generator.noise_shape(), seeds))


def batches(count: int) -> Iterator[tuple[list[int], list[int], str]]:
    """Everyone's prompts, those of one subject together: rows, columns, the subject."""
    wanted = np.stack(
        [
            np.random.default_rng([SEED, crc32(b"prompts"), row]).permutation(len(SUBJECTS))[:PROMPTS]
            for row in range(count)
        ]
    )
    for which, subject in enumerate(SUBJECTS):
        places = np.argwhere(wanted == which)
        for start in range(0, len(places), AT_ONCE):
            rows, columns = places[start : start + AT_ONCE].T.tolist()
            yield rows, columns, subject


def _searched(
    generator: TextToImage, wanted: str, noise: Tensor, reward: Sequence[Reward], seconds: float
) -> Iterator[Step]:
    """Best of as many as there is time for, the given noise first."""
    further = noises(generator.noise_shape(), [int(abs(float(one.sum())) * 1e4) for one in noise])
    draws = (noise if n == 0 else more for n, more in enumerate(further))
    return best_of(generator, wanted, draws, reward, seconds)


def _say(method: str, made: Outcome) -> None:
    print(f"{method:24s} wins {made.wins.mean():.3f} gain {made.gain.mean():+.3f} subject {made.subject.mean():.3f} "
          f"seconds {made.seconds:.0f}", flush=True)  # fmt: skip


def main() -> None:
    """Measure, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--generator", default="mini-generator")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--first", type=int, default=0, help="For trials: others than those of the results.")
    parser.add_argument("--steps", type=int, default=GuideConfig().steps)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = open_generator(options.generator)
    people = GuidedPeople.of(draw_test(), options.people, open_reader(options.judge), options.first)
    config = GuideConfig(steps=options.steps)
    found = measured(options.methods, generator, people, config)
    write_results(
        options.out / "guidance.json",
        "experiments/guidance.sh",
        [SEED],
        [*outcome_figures(found, _unguided(generator, people))],
    )


@torch.no_grad()
def _unguided(generator: TextToImage, people: GuidedPeople) -> Bool[np.ndarray, "people prompts"]:
    """Whether the picture of the first noise shows its subject."""
    shown = np.zeros((len(people.votes), PROMPTS), bool)
    for rows, columns, subject in batches(len(people.votes)):
        _, seen = people.only(rows).truly(generator(_noise(generator, rows, columns), prompt(subject)))
        shown[rows, columns] = (seen == SUBJECTS.index(subject)).numpy()
    return shown


if __name__ == "__main__":
    main()
