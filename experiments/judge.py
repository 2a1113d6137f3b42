"""A judge of generated pictures, and the bundled generator examined by it.

`python -m experiments.judge train --out FILE` trains a small network that reads subject and attributes from pixels;
`python -m experiments.judge examine --judge FILE` makes 1,000 pictures and reads them.

Enters: painter's pictures, painted here; the generator. Leaves: the judge's weights and the share it reads right;
docs/results/generator.json (the share whose subject is the prompt's; of each dimension the share of values that
appear, and how often the rarest does) and docs/pictures/generator.png, 64 of them. Does not know: `mini` or its eye
(what guides a generator must not judge it), how the generator was trained.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from experiments.figures import DOCS, exact
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import noises
from tasteprint.guide.text_to_image import TextToImage
from tasteprint.simulate.painter import fresh
from tasteprint.simulate.taxonomy import READABLE, SUBJECTS, prompt

CLASSES = [len(values) for values in READABLE.values()]
SEED, EXAMINED = 4242, 4000
"""No other seed of the project paints the judge's pictures."""

COUNT, FIRST_NOISE, SIDE, TIMES = 1000, 0, 8, 3
"""Pictures that the generator makes and their first seed; a side of the sheet, in pictures; how much it is enlarged."""


def reader() -> nn.Sequential:
    """Convolutions with batch normalisation, 48 pixels to 3 places a side; (n, 3, 48, 48) in [0, 1] to logits."""
    widths, layers = (3, 32, 64, 128, 192), []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(after, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(9 * widths[-1], sum(CLASSES)))


def open_reader(path: Path) -> nn.Sequential:
    """Read a judge that this program trained; frozen."""
    network = reader()
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False)


def read_values(network: nn.Module, images: Float[Tensor, "n 3 48 48"]) -> Int[Tensor, "n readable"]:
    """The most probable value of each dimension, the subject last."""
    logits = torch.cat([network(part) for part in images.split(256)])
    return torch.stack([part.argmax(1) for part in logits.split(CLASSES, dim=1)], dim=1)


def train_judge(options: argparse.Namespace) -> None:
    """Train the judge, say what share it reads right of new pictures."""
    torch.manual_seed(SEED)
    network = _trained(options.steps, *_pictures(options.pictures, SEED))
    pixels, labels = _pictures(EXAMINED, SEED + 1)
    with torch.no_grad():
        right = (read_values(network, pixels.float() / 255) == labels).float().mean(0)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, options.out)
    shares = {name: round(share, 4) for name, share in zip(READABLE, right.tolist(), strict=True)}
    print(json.dumps(shares), flush=True)


def _trained(steps: int, pixels: Tensor, labels: Tensor) -> nn.Sequential:
    network = reader().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        chosen = torch.randint(len(labels), (96,))
        images = _disturbed(pixels[chosen].float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images)
        losses = [
            cross_entropy(part, labels[chosen, i])
            for i, part in enumerate(logits.float().split(CLASSES, dim=1))
        ]
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(step + 1, f"{torch.stack(losses).mean().item():.4f}", flush=True)
    return network.eval()


def _disturbed(images: Float[Tensor, "n 3 48 48"]) -> Float[Tensor, "n 3 48 48"]:
    """A little noise, so that what a decoder cannot help does not sway the judge."""
    strength = 0.05 * torch.rand(len(images), 1, 1, 1)
    return (images + strength * torch.randn_like(images)).clamp(0, 1)


def _pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    pixels, labels = fresh(count, seed)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels).long()


def examine_generator(options: argparse.Namespace) -> None:
    """Examine, write the figures, draw the sheet."""
    images = made(open_generator(options.generator))
    with torch.no_grad():
        found = list(judge_figures(read_values(open_reader(options.judge), images)))
    for one in found:
        print(f"{one.name:24s} {one.value:.4f}", flush=True)
    write_results(
        options.out / "results/generator.json", "python -m experiments.judge examine", [FIRST_NOISE], found
    )
    sheet(images).save(options.out / "pictures/generator.png")


@torch.no_grad()
def made(generator: TextToImage) -> Float[Tensor, "n 3 side side"]:
    """As many pictures of each subject, every one from noise of its own; subjects take turns."""
    each = COUNT // len(SUBJECTS)
    parts = []
    for n, subject in enumerate(SUBJECTS):
        noise = next(
            noises(generator.noise_shape(), range(FIRST_NOISE + n * each, FIRST_NOISE + (n + 1) * each))
        )
        parts.append(torch.cat([generator(some, prompt(subject)) for some in noise.split(50)]))
    return torch.stack(parts, dim=1).flatten(0, 1)


def judge_figures(seen: Int[Tensor, "n readable"]) -> Iterator[Figure]:
    """Shares of 1."""
    asked = torch.arange(len(seen)) % len(SUBJECTS)
    right = (seen[:, -1] == asked).double()
    wide = 1.96 * float(right.std()) / len(right) ** 0.5
    yield Figure(
        "subject", float(right.mean()), float(right.mean()) - wide, float(right.mean()) + wide, len(seen)
    )
    for n, subject in enumerate(SUBJECTS):
        share = float(right[asked == n].mean())
        yield Figure(f"subject.{subject}", share, share, share, int((asked == n).sum()))
    for column, (name, size) in enumerate(zip(READABLE, CLASSES[:-1], strict=False)):
        shares = seen[:, column].bincount(minlength=size).double() / len(seen)
        for what, share in (("appear", float((shares > 0).double().mean())), ("rarest", float(shares.min()))):
            yield exact(f"{what}.{name}", share, len(seen))


def sheet(images: Float[Tensor, "n 3 side side"]) -> Image.Image:
    """The first of them, a column a subject."""
    pixels = (images[: SIDE**2].clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    side = pixels.shape[1]
    rows = pixels.reshape(SIDE, SIDE, side, side, 3).swapaxes(1, 2).reshape(SIDE * side, SIDE * side, 3)
    return Image.fromarray(np.ascontiguousarray(rows)).resize(
        (SIDE * side * TIMES,) * 2, Image.Resampling.NEAREST
    )


def main() -> None:
    """Train the judge, or examine the generator by it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(required=True)
    train = tasks.add_parser("train")
    train.set_defaults(task=train_judge)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--steps", type=int, default=1500)
    train.add_argument("--pictures", type=int, default=60_000)
    examine = tasks.add_parser("examine")
    examine.set_defaults(task=examine_generator)
    examine.add_argument("--judge", type=Path, required=True)
    examine.add_argument("--generator", default="mini-generator")
    examine.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.task(options)


if __name__ == "__main__":
    main()
