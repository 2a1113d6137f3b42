"""The steps of an optimisation: what each found, the best image so far, which noises continue and why others end.

Enters: images, their scores and losses. Leaves: a `Step`. Does not know: how images are made, scored or improved.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Seen:
    """Images in [0, 1], their noise and scores, detached. `loss` is that of the rewards alone."""

    images: Float[Tensor, "b 3 height width"]
    noise: Float[Tensor, "b c h w"]
    scores: dict[str, Float[Tensor, " b"]]
    loss: Float[Tensor, " b"]


@dataclass(frozen=True, slots=True)
class Best:
    """The least loss of each noise so far, the earliest of equals, and the number of its step."""

    number: Int[Tensor, " b"]
    seen: Seen


@dataclass(frozen=True, slots=True)
class Step:
    """One step of every noise. Step 0 is unguided.

    `regulariser` is weighted as in the loss; `seconds` counts from the beginning, without the time between steps.
    A noise that has stopped (`running` False) stays where it is. `stopped` says why in the step where it stops for a
    value that is not finite; what was best until then stays the best.
    """

    number: int
    seen: Seen
    regulariser: Float[Tensor, " b"]
    norm: Float[Tensor, " b"]
    seconds: float
    running: Bool[Tensor, " b"]
    best: Best
    stopped: str | None = None


def next_step(
    before: Step | None, seen: Seen, cost: Tensor, gradient: Tensor | None, patience: int, seconds: float
) -> Step:
    """Give the step after `before`, with `seconds` added.

    A noise ends when a value is not finite, or no image was better for `patience` steps (0: never).
    ValueError where a value of the first images is not finite: then there is nothing to keep.
    """
    number, ran = (before.number + 1, before.running) if before else (0, torch.ones(len(seen.loss)).bool())
    finite = _finite(seen, cost)
    sound = ran & torch.stack(list(finite.values())).all(dim=0)
    best = _best(before.best, number, seen, sound) if before else Best(torch.zeros(len(ran)).long(), seen)
    if gradient is not None:
        finite["gradient"] = _rows(gradient)
    running = sound & finite.get("gradient", sound)
    if patience:
        running = running & (number - best.number < patience)
    stopped = _sentence(finite, ran, number)
    if before is None and stopped:
        raise ValueError(
            f"{stopped}; expected a number: repair the scorer or the generator, or start elsewhere."
        )
    norm = torch.linalg.vector_norm(seen.noise.flatten(1), dim=1)
    spent = seconds + (before.seconds if before else 0.0)
    kept = f"{stopped}; expected a number: this noise ends here and its best image so far is kept."
    return Step(number, seen, cost, norm, spent, running, best, kept if stopped else None)


def as_rows(values: Tensor) -> Tensor:
    """Give one number a row the shape that multiplies or chooses among rows of images or noise."""
    return values[:, None, None, None]


def _finite(seen: Seen, cost: Tensor) -> dict[str, Tensor]:
    named = {f"reward {name!r}": score for name, score in seen.scores.items()}
    parts = {"image": seen.images, **named, "loss": seen.loss, "regulariser": cost}
    return {name: _rows(part) for name, part in parts.items()}


def _rows(part: Tensor) -> Tensor:
    return part.isfinite().flatten(1).all(dim=1).cpu() if part.ndim > 1 else part.isfinite().cpu()


def _sentence(finite: dict[str, Tensor], ran: Tensor, number: int) -> str | None:
    """Name what is not finite first, of the first noise that was still running."""
    for name, rows in finite.items():
        if (ran & ~rows).any():
            return f"the {name} of noise {int((ran & ~rows).nonzero()[0])} is not finite at step {number}"
    return None


def _best(before: Best, number: int, seen: Seen, sound: Tensor) -> Best:
    old = before.seen
    better = sound & (seen.loss < old.loss)
    place = as_rows(better)
    chosen = Seen(
        torch.where(place.to(seen.images.device), seen.images, old.images),
        torch.where(place, seen.noise, old.noise),
        {name: torch.where(better, score, old.scores[name]) for name, score in seen.scores.items()},
        torch.where(better, seen.loss, old.loss),
    )
    return Best(torch.where(better, number, before.number), chosen)
