"""Other people's preparations of pictures in plain steps: resize, cut the middle out, rescale, normalise.

Enters: a processor of transformers, or timm's settings. Leaves: a processor of plain steps, which has a differentiable
twin (`pixels.has_twin`). Does not know: pictures, models, embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil


def convnext_steps(processor: Any) -> BitImageProcessorPil:
    """Say what ConvNeXt's processor does in plain steps: a margin is cut off below 384 pixels, none from there on."""
    side = processor.size.shortest_edge
    square = {"height": side, "width": side}
    return BitImageProcessorPil(
        size={"shortest_edge": int(side / processor.crop_pct)} if side < 384 else square,
        crop_size=square,
        resample=processor.resample,
        image_mean=processor.image_mean,
        image_std=processor.image_std,
    )


def timm_steps(said: Mapping[str, Any]) -> BitImageProcessorPil:
    """Say what timm does to a picture in evaluation in plain steps, from a model's `pretrained_cfg`.

    The middle may lie a pixel before timm's, where a margin is odd. `pixels.has_twin` is false of what comes of a
    border or of another kernel, which plain steps cannot say.
    """
    _, height, width = said["input_size"]
    scaled = [int(side / (said.get("crop_pct") or 0.875)) for side in (height, width)]
    mode = said.get("crop_mode") or "center"
    if mode == "squash":
        size = {"height": scaled[0], "width": scaled[1]}
    else:
        size = {"shortest_edge" if mode == "center" and height == width else "longest_edge": scaled[0]}
    return BitImageProcessorPil(
        size=size,
        crop_size={"height": height, "width": width},
        resample={"bilinear": 2, "bicubic": 3}.get(said.get("interpolation") or "bicubic", 1),
        image_mean=list(said["mean"]),
        image_std=list(said["std"]),
    )
