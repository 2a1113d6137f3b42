"""What guiding everyone by one method gave, and all methods as figures.

Enters: gains of true utility, a row a person. Leaves: shares, means and their intervals. Does not know: models, images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tasteprint.evaluate.metrics import mean_interval, resampled
from tasteprint.evaluate.results import Figure


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


def figures(found: dict[str, Outcome], unguided: Bool[np.ndarray, "people prompts"]) -> Iterator[Figure]:
    """Everything as figures; intervals over people. `own` is the better of the two ways."""
    yield Figure("subject.unguided", *mean_interval(list(unguided.astype(float)), 0))
    ways = [name for name in ("own_context", "own_posterior") if name in found]
    better = {"own": max((found[name] for name in ways), key=lambda made: made.gain.mean())} if ways else {}
    for method, made in (found | better).items():
        yield Figure(f"wins.{method}", *mean_interval(list(made.wins), 0))
        yield Figure(f"gain.{method}", *mean_interval(list(made.gain), 0))
        yield Figure(f"subject.{method}", *mean_interval(list(made.subject.astype(float)), 0))
        yield _exact(f"seconds.{method}", made.each, 1)
        yield _exact(f"looks.{method}", made.looks / made.gain.size, made.gain.size)
        for name, course in zip(
            ("true", "reward"), () if made.courses is None else made.courses, strict=False
        ):
            for number, value in enumerate(course - course[0]):
                yield _exact(f"course.{method}.{name}.{number}", float(value), made.gain.size)
    if better and "oracle" in found:
        pairs = np.stack([better["own"].gain.sum(axis=1), found["oracle"].gain.sum(axis=1)], axis=1)
        yield Figure("gain_share_of_oracle", *resampled(pairs, lambda sums: sums[..., 0] / sums[..., 1], 0))


def _exact(name: str, value: float, n: int) -> Figure:
    return Figure(name, value, value, value, n)
