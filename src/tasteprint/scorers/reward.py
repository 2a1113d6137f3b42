"""A published reward model at work: pictures in, one score each out, the same alone and in any company.

Enters: how the model prepares a picture, and what judges the pixels. Leaves: a `Scorer`. Does not know: which model it
is, where its weights come from, people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.vision.pixels import as_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.scorers.preparation import Preparation

BATCH = 16
"""Pictures that are judged together."""

Judge = Callable[[Tensor, Sequence[str]], Tensor]
"""Prepared pixels (n, 3, height, width) and a prompt each to n scores."""


@dataclass(frozen=True, eq=False)
class RewardModel:
    """A frozen reward model. Guidance adds `weight * (offset - score)` to its loss (method.md section 8).

    `weight` is one of the model's: it says where and in which precision pixels are judged.
    """

    preparation: Preparation
    judge: Judge
    weight: Tensor
    offset: float

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score each image in [0, 1], of any size, for its prompt; higher is better; gradients reach the pixels.

        16 images at once; the scores lie on the images' device, in float32 at least. ValueError where the counts
        differ.
        """
        require_prompt_each(len(images), prompts)
        exact = at_least_float32(images)
        parts = [
            self._judged(self.preparation.twin(exact[n : n + BATCH].to(self.weight.device)), prompts[n : n + BATCH])
            for n in range(0, len(images), BATCH)
        ]  # fmt: skip
        scores = torch.cat(parts) if parts else exact.new_zeros(0)
        return scores.to(images.device, torch.promote_types(scores.dtype, exact.dtype))

    @torch.no_grad()
    def score_pictures(self, pictures: Sequence[Image], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score PIL pictures, prepared as the model's authors do; on the CPU, in float32 at least.

        ValueError where the counts differ, and for a score that is not a finite number.
        """
        require_prompt_each(len(pictures), prompts)
        scores = torch.zeros(len(pictures), dtype=torch.promote_types(self.weight.dtype, torch.float32))
        for chosen, pixels in self._alike(pictures):
            scores[chosen] = self._judged(pixels, [prompts[n] for n in chosen]).to("cpu", scores.dtype)
        require_finite_scores(scores)
        return scores

    def _judged(self, pixels: Tensor, prompts: Sequence[str]) -> Tensor:
        return self.judge(pixels.to(self.weight.device, self.weight.dtype), prompts)

    def _alike(self, pictures: Sequence[Image]) -> Iterator[tuple[list[int], Tensor]]:
        """Places of pictures whose pixels are of one size, and those pixels; 16 at most."""
        waiting: dict[torch.Size, list[tuple[int, Tensor]]] = {}
        for place, picture in enumerate(pictures):
            pixels = self.preparation.picture(as_rgb(picture))
            group = waiting.setdefault(pixels.shape, [])
            group.append((place, pixels))
            if len(group) == BATCH:
                yield _together(waiting.pop(pixels.shape))
        yield from (_together(group) for group in waiting.values())


def require_prompt_each(count: int, prompts: Sequence[str]) -> None:
    """ValueError unless there are as many prompts as images."""
    if isinstance(prompts, str) or len(prompts) != count:
        got = "one string" if isinstance(prompts, str) else f"{len(prompts)} prompts"
        raise ValueError(f"{count} images came with {got}; expected one prompt an image: repeat it.")


def require_finite_scores(scores: Float[Tensor, " b"]) -> None:
    """ValueError for a score that is infinite or not a number."""
    if (wrong := (~scores.isfinite()).nonzero()).numel():
        place = int(wrong[0])
        raise ValueError(
            f"the score of picture {place + 1} of {len(scores)} is {scores[place].item()}; expected a finite number: "
            "open the scorer with dtype float32, or fetch its weights again."
        )


def at_least_float32(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Give images in the precision to resize in and to score in: a score of 20 in bfloat16 is rounded to eighths."""
    return images.to(torch.promote_types(images.dtype, torch.float32))


def _together(group: list[tuple[int, Tensor]]) -> tuple[list[int], Tensor]:
    return [place for place, _ in group], torch.cat([pixels for _, pixels in group])
