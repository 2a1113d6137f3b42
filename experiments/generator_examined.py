"""Is the bundled generator any good? `python runs/generator_examined.py --judge FILE`.

Enters: the generator, a judge of `attribute_reader.py`. Leaves: docs/results/generator.json (of 1,000 pictures: the
share whose subject is the prompt's; of each dimension the share of values that appear, and how often the rarest does)
and docs/pictures/generator.png, 64 of them. Does not know: how it was trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from experiments.attribute_reader import CLASSES, open_reader, read
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from tasteprint.evaluate.results import Figure, write_results
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import noises
from tasteprint.guide.text_to_image import TextToImage
from tasteprint.simulate.taxonomy import READABLE, SUBJECTS, prompt

COUNT, SEED, SIDE, TIMES = 1000, 0, 8, 3
DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Examine, write the figures, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--generator", default="mini-generator")
    parser.add_argument("--out", type=Path, default=DOCS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    images = made(open_generator(asked.generator))
    with torch.no_grad():
        found = list(figures(read(open_reader(asked.judge), images)))
    for one in found:
        print(f"{one.name:24s} {one.value:.4f}", flush=True)
    write_results(asked.out / "results/generator.json", "python runs/generator_examined.py", [SEED], found)
    sheet(images).save(asked.out / "pictures/generator.png")


@torch.no_grad()
def made(generator: TextToImage) -> Float[Tensor, "n 3 side side"]:
    """As many pictures of each subject, every one from noise of its own; subjects take turns."""
    each = COUNT // len(SUBJECTS)
    parts = []
    for n, subject in enumerate(SUBJECTS):
        noise = next(noises(generator.noise_shape(), range(SEED + n * each, SEED + (n + 1) * each)))
        parts.append(torch.cat([generator(some, prompt(subject)) for some in noise.split(50)]))
    return torch.stack(parts, dim=1).flatten(0, 1)


def figures(seen: Int[Tensor, "n readable"]) -> Iterator[Figure]:
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
            yield Figure(f"{what}.{name}", share, share, share, len(seen))


def sheet(images: Float[Tensor, "n 3 side side"]) -> Image.Image:
    """The first of them, a column a subject."""
    pixels = (images[: SIDE**2].clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    side = pixels.shape[1]
    rows = pixels.reshape(SIDE, SIDE, side, side, 3).swapaxes(1, 2).reshape(SIDE * side, SIDE * side, 3)
    return Image.fromarray(np.ascontiguousarray(rows)).resize(
        (SIDE * side * TIMES,) * 2, Image.Resampling.NEAREST
    )


if __name__ == "__main__":
    main()
