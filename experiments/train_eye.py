"""Teach the bundled eye to read attributes: `python -m experiments.train_eye`, under fifteen minutes on one core.

Enters: nothing; pictures are painted. Leaves: src/tasteprint/weights/eye.safetensors, the vision part of `mini`, and
docs/results/eye.json: how much of each dimension it reads right on new pictures. Does not know: votes, people. The
pictures are of seeds that no world and no result uses. A vision part that sees before the stages begin, and is then
frozen, ended the plateau of a small model (method.md section 9).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import get_cosine_schedule_with_warmup

from experiments.figures import RESULTS, exact
from experiments.judge import CLASSES
from tasteprint.bundled import note_bundled
from tasteprint.config import ModelConfig
from tasteprint.evaluate.results import write_results
from tasteprint.hub import WEIGHTS
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.simulate.painter import fresh
from tasteprint.simulate.taxonomy import READABLE
from tasteprint.train.allocator import keep_freed_memory
from tasteprint.vision.eye import FILE, keep_eye
from tasteprint.vision.idefics2 import VisionPart

EXAMINED = 2000
"""New pictures on which it is examined."""

STEPS, PICTURES, SEED = 3500, 60_000, 77_000


def teach_eye(
    part: VisionPart,
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
    heads = nn.Linear(part.width * part.length, sum(CLASSES))
    learn = [*part.modules.requires_grad_(True).parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(learn, lr=lr, weight_decay=1e-2)
    schedule = get_cosine_schedule_with_warmup(optimizer, steps // 10, steps)
    batches = _batches(steps, pictures, batch_size, seed, part.image_size)
    for step, (pixels, labels) in enumerate(batches, 1):
        loss = reading_loss(heads(part.tokens(pixels).flatten(1)), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learn, 1.0)
        optimizer.step()
        schedule.step()
        progress(step, float(loss.detach()))
    return _shares_right(part, heads, seed)


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
def _shares_right(part: VisionPart, heads: nn.Linear, seed: int) -> dict[str, float]:
    pixels, labels = _pictures(EXAMINED, seed + 1, part.image_size)
    logits = heads(part.tokens(_normalised(pixels)).flatten(1))
    right = [
        (part.argmax(1) == labels[:, i]).float().mean() for i, part in enumerate(logits.split(CLASSES, dim=1))
    ]
    return dict(zip(READABLE, map(float, right), strict=True))


def main() -> None:
    """Paint, teach, examine, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--out", type=Path, default=WEIGHTS / FILE)
    options = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    part = PreferenceNetwork.from_config(ModelConfig()).vision_part
    started = time.process_time()
    with tqdm(total=options.steps, desc="eye", mininterval=10) as bar:

        def shown(step: int, loss: float) -> None:
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

        read = teach_eye(part, options.steps, options.pictures, SEED, progress=shown)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    keep_eye(part, options.out)
    note_bundled(options.out)
    took = time.process_time() - started
    figures = [exact(f"read.{name}", share) for name, share in read.items()]
    figures.append(exact("train.cpu_seconds", took))
    print({figure.name: round(figure.value, 4) for figure in figures})
    write_results(RESULTS / "eye.json", "python -m experiments.train_eye", [SEED], figures)


if __name__ == "__main__":
    main()
