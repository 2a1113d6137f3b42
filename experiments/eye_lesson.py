"""The lesson before the stages: a vision part built from nothing learns to read the simulated world's attributes.

Enters: a preference model whose vision part is random. Leaves: the same, seeing (method.md section 9: what ended the
plateau of a small model, together with freezing what was learned). Does not know: votes, people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import get_cosine_schedule_with_warmup

from tasteprint.incontext.model import InContextModel
from tasteprint.simulate.painter import fresh
from tasteprint.simulate.taxonomy import READABLE

EXAMINED = 2000
"""New pictures on which the lesson is judged."""

CLASSES = [len(values) for values in READABLE.values()]


def teach_eye(
    model: InContextModel,
    steps: int,
    pictures: int,
    seed: int,
    batch_size: int = 128,
    lr: float = 2e-3,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> dict[str, float]:
    """Train the vision part on fresh pictures; returns the share read right of each dimension, on new ones.

    `steps` of `batch_size` are drawn from so many `pictures`; `progress` takes each step and its loss.
    """
    parts = nn.ModuleList(model.backbone.vision).requires_grad_(True)
    heads = nn.Linear(model.backbone.width * model.backbone.processor.image_seq_len, sum(CLASSES))
    learn = [*parts.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(learn, lr=lr, weight_decay=1e-2)
    schedule = get_cosine_schedule_with_warmup(optimizer, steps // 10, steps)
    for step, (pixels, labels) in enumerate(
        _batches(steps, pictures, batch_size, seed, model.settings.image_size), 1
    ):
        loss = reading_loss(heads(model.backbone.image_features(pixels).flatten(1)), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learn, 1.0)
        optimizer.step()
        schedule.step()
        progress(step, float(loss.detach()))
    return _read(model, heads, seed)


def reading_loss(
    logits: Float[Tensor, "n classes"], labels: Int[Tensor, "n dimensions"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy over the dimensions, in nats."""
    losses = [cross_entropy(part, labels[:, i]) for i, part in enumerate(logits.split(CLASSES, dim=1))]
    return torch.stack(losses).mean()


def _batches(
    steps: int, pictures: int, batch_size: int, seed: int, side: int
) -> Iterator[tuple[Tensor, Tensor]]:
    pixels, labels = _pictures(pictures, seed, side)
    for step in range(steps):
        chosen = torch.randint(
            len(labels), (batch_size,), generator=torch.Generator().manual_seed(seed + step)
        )
        yield _normalised(pixels[chosen]), labels[chosen]


def _pictures(count: int, seed: int, side: int) -> tuple[Tensor, Tensor]:
    pixels, labels = fresh(count, seed, side)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels).long()


def _normalised(pixels: Tensor) -> Float[Tensor, "n 3 h w"]:
    return pixels.float() / 127.5 - 1


@torch.no_grad()
def _read(model: InContextModel, heads: nn.Linear, seed: int) -> dict[str, float]:
    pixels, labels = _pictures(EXAMINED, seed + 1, model.settings.image_size)
    logits = heads(model.backbone.image_features(_normalised(pixels)).flatten(1))
    right = [
        (part.argmax(1) == labels[:, i]).float().mean() for i, part in enumerate(logits.split(CLASSES, dim=1))
    ]
    return dict(zip(READABLE, map(float, right), strict=True))
