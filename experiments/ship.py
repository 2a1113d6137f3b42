"""Put trained models into the package: `python -m experiments.ship mini MODEL POSTERIOR`, `... ship generator FOLDER`.

Enters: the folders of what `experiments/train_mini.sh` or `train_generator.py` trained. Leaves: `weights/mini` in half
precision and `weights/mini-posterior`, each with its card kept as it is; `weights/mini-generator`, in half precision,
with a card. Does not know: how they were trained.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib import resources
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.storage import BUNDLED
from tasteprint.posterior.model import TastePosterior
from tasteprint.provenance import commit

MOST = 12_000_000
"""Bytes that both and the eye may take."""


def main() -> None:
    """Write both folders. SystemExit where the weights grow too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("posterior", type=Path)
    options = parser.parse_args()
    weights = Path(str(resources.files("tasteprint"))) / "weights"
    model, posterior = (weights / name for name in BUNDLED)
    InContextModel.from_pretrained(options.model).save_pretrained(model, half=True)
    TastePosterior.from_pretrained(options.posterior).save_pretrained(posterior)
    files = [weights / "eye.safetensors", *model.iterdir(), *posterior.iterdir()]
    size = sum(path.stat().st_size for path in files)
    print(f"{size:,} bytes of weights in {weights}")
    if size > MOST:
        raise SystemExit(
            f"the weights take {size:,} bytes; expected at most {MOST:,}: make the model smaller."
        )


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
        context = json.loads((HOME / name).read_text("utf-8"))
        kept = {key: value for key, value in context.items() if key not in keys}
        (HOME / name).write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
