"""Put a trained generator into the package: `python runs/ship_generator.py runs/generator/pipeline`.

Enters: a folder of `train_generator.py`. Leaves: src/tasteprint/weights/mini-generator, in half precision, with a card.
Does not know: how it was trained.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from tasteprint.provenance import commit

HOME = Path(__file__).parents[1] / "src/tasteprint/weights/mini-generator"

LEFT_OUT = {"model_index.json": ("_name_or_path",), "unet/config.json": ("_name_or_path",),
            "vae/config.json": ("_name_or_path", "block_out_channels")}  # fmt: skip
"""Of the configs: where the parts lay, and what AutoencoderTiny makes from other settings."""

MOST = 12_000_000
"""Bytes that it may take."""

CARD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# mini-generator

A one-step latent text-to-image generator of 48 x 48 pixels (`StableDiffusionPipeline` with `AutoencoderTiny`, CLIP
text encoder, UNet; 4.9 M parameters, half precision), taught on pictures of tasteprint's painter (commit {commit}).
The prompt names a subject (house, tree, fish, star, boat, flower, mountain, cup); the noise decides style, palette,
composition, detail, hue and medium. It is for trying out guidance, not for pictures of anything else.

    from tasteprint.guide.generators import open_generator
    generator = open_generator("mini-generator")

Recipe: `runs/train_generator.py`. What it reaches: `docs/results.md`.
"""


def main() -> None:
    """Write the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", type=Path)
    pipe = StableDiffusionPipeline.from_pretrained(parser.parse_args().pipeline)
    shutil.rmtree(HOME, ignore_errors=True)
    pipe.to(torch.float16).save_pretrained(HOME)
    _tidied()
    (HOME / "README.md").write_text(CARD.format(commit=commit()), "utf-8")
    size = sum(path.stat().st_size for path in HOME.rglob("*") if path.is_file())
    print(f"{size:,} bytes in {HOME}")
    if size > MOST:
        raise SystemExit(f"the generator takes {size:,} bytes; expected at most {MOST:,}: make it smaller.")


def _tidied() -> None:
    for name, keys in LEFT_OUT.items():
        told = json.loads((HOME / name).read_text("utf-8"))
        kept = {key: value for key, value in told.items() if key not in keys}
        (HOME / name).write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
