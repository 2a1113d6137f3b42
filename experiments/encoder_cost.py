"""What a picture costs each image encoder, on one core: `python -m experiments.encoder_cost`, some minutes.

Enters: nothing; encoders of other people are built at their true size with random weights, which take the same time.
Leaves: docs/results/encoders.json: the width of each embedding, and how many milliseconds of processor time a
picture of 500 x 375 pixels in memory takes to be prepared and embedded, eight at once, the least of several runs.
Does not know: how well they see.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image

from experiments.figures import RESULTS, exact
from tasteprint.evaluate.results import write_results
from tasteprint.vision.encoder import ImageEncoder

PICTURES, SIZE, RUNS, SEED = 8, (500, 375), 12, 0
OURS = ("photo", "eye", "statistics")

BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
SMALL = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6}
OTHERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "siglip2-base-patch16-224": ("Siglip", "SiglipVision", {**BASE, "image_size": 224, "patch_size": 16}),
    "clip-vit-base-patch32": (
        "CLIP", "CLIPVisionModelWithProjection", {**BASE, "image_size": 224, "patch_size": 32, "projection_dim": 512},
    ),
    "dinov2-small": ("Bit", "Dinov2", {**SMALL, "image_size": 518, "patch_size": 14}),
}  # fmt: skip
"""Processor, model and the published configuration's sizes."""

PREPARED = {
    "Siglip": {"size": {"height": 224, "width": 224}, "resample": 2},
    "CLIP": {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "resample": 3},
    "Bit": {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 3},
}


def build(name: str, folder: Path) -> ImageEncoder:
    """Build one of `OTHERS` with random weights and open it as a published one is opened."""
    processor, network, sizes = OTHERS[name]
    family = network.removesuffix("ModelWithProjection")
    config = getattr(transformers, f"{family}Config")(**sizes)
    model = getattr(transformers, network if network.endswith("Projection") else f"{network}Model")(config)
    model.save_pretrained(folder)
    said = {"image_processor_type": f"{processor}ImageProcessor", "do_resize": True, **PREPARED[processor]}
    (folder / "preprocessor_config.json").write_text(json.dumps(said), encoding="utf-8")
    return ImageEncoder.from_pretrained(folder)


def least_seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """Take the least processor time of several runs after a first one: what other work on the machine delays least."""
    work()
    taken = []
    for _ in range(runs):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    """Time ours, then the others, on the same pictures."""
    torch.set_num_threads(1)
    drawn = np.random.default_rng(SEED).integers(0, 256, (PICTURES, 12, 16, 3), dtype=np.uint8)
    pictures = [Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC) for small in drawn]
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for name in (*OURS, *OTHERS):
            opened = ImageEncoder.from_pretrained(name) if name in OURS else build(name, Path(folder))
            seconds = least_seconds(lambda encoder=opened: encoder.embed_pictures(pictures))  # type: ignore[misc]
            figures += [exact(f"width.{name}", opened.width)]
            figures += [exact(f"ms.{name}", 1000 * seconds / PICTURES, PICTURES)]
            print(name, opened.width, round(figures[-1].value, 2), flush=True)
    write_results(RESULTS / "encoders.json", "python -m experiments.encoder_cost", [SEED], figures)


if __name__ == "__main__":
    main()
