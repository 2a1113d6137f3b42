"""Put trained models into the package: `python -m experiments.ship mini MODEL POSTERIOR`, `... ship generator FOLDER`.

Enters: the folders of what `experiments/train_mini.sh` or `train_generator.py` trained. Leaves: `weights/mini` in half
precision and `weights/mini-posterior`, each with its card kept as it is; `weights/mini-generator`, in half precision,
with a card. Does not know: how they were trained.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from tasteprint.checksums import write_checksums
from tasteprint.hub import WEIGHTS
from tasteprint.incontext.model import InContextModel
from tasteprint.posterior.model import TastePosterior
from tasteprint.provenance import commit

MOST = 12_000_000
"""Bytes that the generator may take, and as many the models and the eye."""

HOME = WEIGHTS / "mini-generator"


def ship_models(options: argparse.Namespace) -> None:
    """Write both folders. SystemExit where the weights grow too large."""
    model, posterior = WEIGHTS / "mini", WEIGHTS / "mini-posterior"
    InContextModel.from_pretrained(options.model).save_pretrained(model, half=True)
    TastePosterior.from_pretrained(options.posterior).save_pretrained(posterior)
    _check_size("the models", [WEIGHTS / "eye.safetensors", *model.iterdir(), *posterior.iterdir()])


LEFT_OUT = {"model_index.json": ("_name_or_path",), "unet/config.json": ("_name_or_path",),
            "vae/config.json": ("_name_or_path", "block_out_channels")}  # fmt: skip
"""Of the configs: where the parts lay, and what AutoencoderTiny makes from other settings."""

CARD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# mini-generator

A one-step latent text-to-image generator of 48 x 48 pixels (`StableDiffusionPipeline` with `AutoencoderTiny`, CLIP
text encoder, UNet; 4.9 M parameters, half precision), trained on pictures of tasteprint's painter (commit {commit}).
The prompt names a subject (house, tree, fish, star, boat, flower, mountain, cup); the noise decides style, palette,
composition, detail, hue and medium. It is for trying out guidance, not for pictures of anything else.

    from tasteprint.guide.generators import open_generator
    generator = open_generator("mini-generator")

Recipe: `experiments/train_generator.py`. What it reaches: `docs/results.md`.
"""


def ship_generator(options: argparse.Namespace) -> None:
    """Write the folder anew. SystemExit where it grows too large."""
    pipe: Any = StableDiffusionPipeline.from_pretrained(
        options.pipeline, use_safetensors=True, trust_remote_code=False
    )
    shutil.rmtree(HOME, ignore_errors=True)
    pipe.to(torch.float16).save_pretrained(HOME)
    _tidied()
    write_checksums(HOME)
    (HOME / "README.md").write_text(CARD.format(commit=commit()), "utf-8")
    _check_size("the generator", HOME.rglob("*"))


def _check_size(what: str, files: Iterable[Path]) -> None:
    size = sum(path.stat().st_size for path in files if path.is_file())
    print(f"{what}: {size:,} bytes in {WEIGHTS}")
    if size > MOST:
        raise SystemExit(f"{what} take {size:,} bytes; expected at most {MOST:,}: make them smaller.")


def _tidied() -> None:
    for name, keys in LEFT_OUT.items():
        settings = json.loads((HOME / name).read_text("utf-8"))
        kept = {key: value for key, value in settings.items() if key not in keys}
        (HOME / name).write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


def main() -> None:
    """Ship the models or the generator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(required=True)
    models = tasks.add_parser("mini")
    models.set_defaults(task=ship_models)
    models.add_argument("model", type=Path)
    models.add_argument("posterior", type=Path)
    generator = tasks.add_parser("generator")
    generator.set_defaults(task=ship_generator)
    generator.add_argument("pipeline", type=Path)
    options = parser.parse_args()
    options.task(options)


if __name__ == "__main__":
    main()
