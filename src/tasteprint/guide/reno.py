"""Reward-based noise optimisation (ReNO, arXiv 2406.04312; P section 3.2): the noise is changed, the generator is not.

Enters: a generator, a prompt, noise, rewards. Leaves: every step, and with it the best image so far.
Does not know: files, progress bars, people. Each noise of a batch is a run of its own and goes as it would alone.

    for step in guide(generator, "a fish", next(noises(shape, [0])), [Reward("mini", taste, 0.75)]):
        print(step.number, step.seen.scores["mini"].sigmoid(), step.best.number)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tasteprint.config import GuideConfig
from tasteprint.guide.rewards import Reward, regulariser
from tasteprint.types import Generator


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


def noises(shape: tuple[int, int, int], seeds: Sequence[int]) -> Iterator[Float[Tensor, "b c h w"]]:
    """Draw batches of standard normal noise for ever; row i depends on seed i alone."""
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        yield torch.stack([torch.randn(shape, generator=source) for source in sources])


def guide(
    generator: Generator,
    prompt: str,
    noise: Float[Tensor, "b c h w"],
    rewards: Sequence[Reward],
    config: GuideConfig = GuideConfig(),  # noqa: B008 - frozen
) -> Iterator[Step]:
    """Follow the gradient of `Σ weight · loss(image) + regulariser` in the noise: at most `config.steps` + 1 steps.

    Gradient descent with Nesterov momentum; each noise's gradient is clipped to a norm of `config.max_grad_norm`.
    The last step has no gradient. ValueError where no reward has a gradient, and where one gives scores of a wrong
    shape, or values that are not finite on the first images; later such values end the run of that noise (see `Step`).
    """
    _check(rewards)
    noise = noise.detach().float()
    velocity, step = torch.zeros_like(noise), None
    for number in range(config.steps + 1):
        start, steer = perf_counter(), number < config.steps
        seen, cost, gradient = _look(generator, prompt, noise, rewards, config.regulariser, steer)
        step = next_step(step, seen, cost, gradient, config.patience, perf_counter() - start)
        yield step
        if gradient is None or not step.running.any():
            return
        velocity, moved = nesterov(noise, velocity, clipped(gradient, config.max_grad_norm), config)
        noise = torch.where(as_rows(step.running), moved, noise)


def best_of(
    generator: Generator,
    prompt: str,
    draws: Iterable[Float[Tensor, "b c h w"]],
    rewards: Sequence[Reward],
    seconds: float = float("inf"),
) -> Iterator[Step]:
    """Optimise nothing: one step a draw, without gradients, until there are no more; after `seconds` none is begun.

    The cheap alternative to `guide`. Row i of every draw belongs to run i; the best of all b runs is the one with the
    least `best.seen.loss`. `islice(noises(shape, seeds), n)` are n draws, the first of them the noise to guide from.
    ValueError as for `guide`.
    """
    _check(rewards)
    step = None
    for noise in draws:
        start = perf_counter()
        seen, cost, _ = _look(generator, prompt, noise.float(), rewards, 0.0, steer=False)
        step = next_step(step, seen, cost, None, 0, perf_counter() - start)
        yield step
        if step.seconds >= seconds or not step.running.any():
            return


def clipped(gradient: Float[Tensor, "b c h w"], most: float) -> Float[Tensor, "b c h w"]:
    """Shorten each row to a norm of `most` where it is longer, as torch's `clip_grad_norm_` does for one."""
    norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return gradient * as_rows((most / (norm + 1e-6)).clamp(max=1.0))


def nesterov(
    noise: Float[Tensor, "b c h w"],
    velocity: Float[Tensor, "b c h w"],
    gradient: Float[Tensor, "b c h w"],
    config: GuideConfig,
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
    """Give the next velocity `v' = μv + g` and the next noise `ε − lr (g + μv')`, as torch's SGD does."""
    velocity = config.momentum * velocity + gradient
    return velocity, noise - config.lr * (gradient + config.momentum * velocity)


def _check(rewards: Sequence[Reward]) -> None:
    names = [reward.name for reward in rewards]
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"the rewards are {names}; expected at least one, each under its own name: rename them."
        )


def _look(
    generator: Generator, prompt: str, noise: Tensor, rewards: Sequence[Reward], strength: float, steer: bool
) -> tuple[Seen, Tensor, Tensor | None]:
    """Make images and score them; give the weighted regulariser and, to steer, the gradient of the whole loss."""
    with torch.set_grad_enabled(steer):  # in here, not around a yield: there it would hold for the caller too
        noise = noise.detach().requires_grad_(steer)
        images = generator(noise, prompt)
        scores = {reward.name: reward.scores(images, prompt).to(noise.device) for reward in rewards}
        terms = [reward.weight * reward.loss(scores[reward.name]).float() for reward in rewards]
        loss, cost = torch.stack(terms).sum(dim=0), strength * regulariser(noise)
        gradient = _gradient(loss, cost, noise) if steer else None
    found = {name: score.detach() for name, score in scores.items()}
    return Seen(images.detach(), noise.detach(), found, loss.detach()), cost.detach(), gradient


def _gradient(loss: Tensor, cost: Tensor, noise: Tensor) -> Tensor:
    """The gradient in the noise alone: no model's own gradients are filled."""
    if not loss.requires_grad:
        raise ValueError(
            "no reward has a gradient in the noise; expected a differentiable generator and a differentiable scorer: "
            "take the best of several noises instead."
        )
    return torch.autograd.grad((loss + cost).sum(), noise)[0]
