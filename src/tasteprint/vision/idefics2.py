"""The part of an Idefics2 that sees, apart from its language model: SigLIP's tower, then the connector.

Enters: pictures, or tensors in [0, 1]. Leaves: pixels by the model's own processor or its differentiable twin, and
k visual tokens an image. Does not know: the language model, votes, people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import max_pool2d
from transformers import AutoImageProcessor, Idefics2Config
from transformers.models.idefics2.modeling_idefics2 import Idefics2Connector, Idefics2VisionTransformer

from tasteprint.hub import find_model, read_about, said_in
from tasteprint.loading import library_faults
from tasteprint.tensor_files import read_tensors, require_fit
from tasteprint.vision.pixels import (
    framed_pixels,
    framed_twin,
    image_processor_numbers,
    square_pixels,
    square_twin,
)

PREFIXES = ("model.vision_model.", "model.connector.")
"""Where the two parts lie among a whole model's weights."""


def visual_tokens(
    vision_model: nn.Module, connector: nn.Module, pixels: Float[Tensor, "n channels h w"]
) -> Float[Tensor, "n k d"]:
    """Give the k visual tokens of each image from normalised pixels, as transformers' own model does.

    Where there are four channels, the last says where the image is in its frame (`pixels.framed_pixels`); a patch is
    seen where the image fills it. Transformers drops images that are 0 everywhere, taking them for padding; here they
    are images.
    """
    weight = next(vision_model.parameters())
    side: int = vision_model.config.patch_size  # type: ignore[union-attr,assignment]
    here = pixels[:, 3] if pixels.shape[1] == 4 else torch.ones_like(pixels[:, 0])
    patches = max_pool2d(1 - here.detach(), side) == 0
    shown = pixels[:, :3].to(weight.dtype).contiguous()
    seen = vision_model(pixel_values=shown, patch_attention_mask=patches)
    return connector(seen.last_hidden_state, attention_mask=patches.flatten(1))


@dataclass(frozen=True, eq=False)
class VisionPart:
    """A vision tower and connector with the preparation of their pixels: `image_size` is the side of the square that
    pictures are squashed to before; 0 keeps their proportions.
    """

    vision_model: nn.Module
    connector: nn.Module
    image_processor: Any
    image_size: int
    length: int
    width: int

    @classmethod
    def from_config(cls, config: Idefics2Config, image_processor: Any, image_size: int) -> VisionPart:
        """Build the two parts with random weights from torch's current seed; no language model is built."""
        perceiver: Any = config.perceiver_config
        text: Any = config.text_config
        vision_model = Idefics2VisionTransformer._from_config(config.vision_config)
        connector = Idefics2Connector(config)
        length, width = perceiver.resampler_n_latents, text.hidden_size
        return cls(vision_model, connector, image_processor, image_size, length, width)

    @classmethod
    def from_pretrained(cls, name: str | Path) -> VisionPart:
        """Read the vision part, frozen, of a whole model that tasteprint saved. ValueError for what is none."""
        folder = find_model(name)
        about = read_about(folder)
        if "model" not in about or (folder / "adapter_config.json").is_file():
            raise ValueError(
                f"{folder} has no vision part of its own; expected a whole in-context model, not an adapter or a "
                "posterior: name the backbone's folder, or another encoder."
            )
        side = said_in(said_in(about, folder, "model", dict), folder, "image_size", int)
        weights = _weights(folder)
        with library_faults(
            f"vision part of {str(folder)!r}", "config.json and a processor as they were saved"
        ):
            processor = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
            config = Idefics2Config.from_pretrained(folder, trust_remote_code=False)
            part = cls.from_config(config, processor, side)
        part.modules.float()
        part.load(weights)
        return part.frozen()

    @property
    def modules(self) -> nn.ModuleList:
        """Tower, then connector: their weights by the names that the bundled file has."""
        return nn.ModuleList([self.vision_model, self.connector])

    @property
    def preparation(self) -> str:
        """Every number that the pixels depend on."""
        shape = f"square {self.image_size}" if self.image_size else "framed"
        return f"{shape} {image_processor_numbers(self.image_processor)}"

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take weights over, by the names of `modules`. ValueError where they do not fit."""
        require_fit("a vision part", weights, self.modules.state_dict())
        self.modules.load_state_dict(weights)

    def frozen(self) -> VisionPart:
        """Put the parts in evaluation mode, without gradients for their weights."""
        self.modules.eval().requires_grad_(False)
        return self

    def pixels(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "n channels side side"]:
        """Prepare pictures with the processor."""
        if not self.image_size:
            return framed_pixels(pictures, self.image_processor)
        return square_pixels(pictures, self.image_processor, self.image_size)

    def twin(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n channels side side"]:
        """Prepare tensors in [0, 1] alike, with gradients."""
        if not self.image_size:
            return framed_twin(images, self.image_processor)
        return square_twin(images, self.image_processor, self.image_size)

    def tokens(self, pixels: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n k d"]:
        """Give the visual tokens of normalised pixels."""
        return visual_tokens(self.vision_model, self.connector, pixels)


def _weights(folder: Path) -> dict[str, Tensor]:
    """Those of the vision part among a folder's safetensors, by the names of `VisionPart.modules`."""
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        for name, value in read_tensors(path)[1].items():
            for place, prefix in enumerate(PREFIXES):
                if name.startswith(prefix):
                    found[f"{place}.{name.removeprefix(prefix)}"] = value.float()
    return found
