"""How long `tasteprint rank` takes on a folder of photographs, the first time and the second, and what memory.

    python -m benchmarks.ranking runs/photos --count 2000

Enters: a folder to draw in, the number of photographs of 12 megapixels. Leaves: docs/results/rank.json. Does not know:
what the command does. Twenty photographs are drawn, half of them smooth and half with a telephone's grain; the others
are theirs with bytes of their own behind, so that every file has a content of its own.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from tasteprint.evaluate.results import Figure, write_results

SIDES = (4000, 3000)
DRAWN, LIKED = 20, 40
OUT = Path(__file__).parents[1] / "docs/results/rank.json"


def main(folder: Path, count: int = 2000, out: Annotated[Path, typer.Option()] = OUT) -> None:
    """Draw, rank, rank again, write the figures."""
    photographs, liked = folder / "photographs", folder / "liked.txt"
    if not photographs.is_dir():
        draw(photographs, count)
    liked.write_text(
        "".join(f"{path.resolve()}\n" for path in sorted(photographs.iterdir())[:LIKED]), "utf-8"
    )
    environment = {**os.environ, "TASTEPRINT_CACHE": str(folder / f"cache-{time.time_ns()}")}
    first, again = (ranked(photographs, liked, environment) for _ in range(2))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    figures: dict[str, float] = {
        "rank.pictures": float(count),
        "rank.megabytes_a_picture": sum(p.stat().st_size for p in photographs.iterdir()) / count / 1e6,
        "rank.pictures_per_second": count / first,
        "rank.again.seconds": again,
        "rank.peak_mb": peak,
    }
    for name, value in figures.items():
        print(f"{name} {value:.2f}")
    measured = [Figure(name, value, value, value, 1) for name, value in figures.items()]
    write_results(out, f"python -m benchmarks.ranking FOLDER --count {count}", [0], measured)


def draw(folder: Path, count: int) -> None:
    """Write so many JPEGs of 12 megapixels."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    kept: list[bytes] = []
    for number in range(count):
        path = folder / f"DSC_{number:05d}.JPG"
        if number < DRAWN:
            _photograph(rng, detailed=number % 2 == 1).save(path, quality=90)
            kept.append(path.read_bytes())
        else:
            path.write_bytes(kept[number % DRAWN] + number.to_bytes(8))


def _photograph(rng: np.random.Generator, detailed: bool) -> Image.Image:
    coarse = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize(SIDES, Image.Resampling.BICUBIC)
    if not detailed:
        return picture
    grain = rng.normal(0, 9, (SIDES[1] // 2, SIDES[0] // 2)).astype(np.float32)
    noise = np.asarray(Image.fromarray(grain).resize(SIDES, Image.Resampling.BILINEAR))[..., None]
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def ranked(photographs: Path, liked: Path, environment: dict[str, str]) -> float:
    """Seconds of one run of the command, interpreter included."""
    files = liked.read_text("utf-8").split("\n")[:-1]
    options = [part for path in files for part in ("--liked", path)]
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "tasteprint", "rank", str(photographs), *options, "--json"],
        env=environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - started


if __name__ == "__main__":
    typer.run(main)
