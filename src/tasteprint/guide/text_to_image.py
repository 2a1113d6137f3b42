"""A text-to-image model by name, through diffusers, as a `Generator`.

Enters: a repository or folder of a diffusers pipeline; noise and prompts. Leaves: images in [0, 1].
Does not know: taste, agents, files other than the pipeline's.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_NEEDED = {"latents", "height", "width", "num_inference_steps", "guidance_scale", "num_images_per_prompt"}


class TextToImage:
    """A pipeline whose noise is handed over, so that the same noise and prompt give the same image.

    The noise has the shape of the pipeline's latents, unpacked: `noise_shape(size)`. Where it requires a
    gradient, the images have one.
    """

    def __init__(self, pipe: Any, steps: int = 4, guidance: float = 0.0) -> None:
        """Hold a built pipeline. ValueError for fewer than 1 step, or a pipeline that takes no plain noise."""
        if steps < 1:
            raise ValueError(f"{steps} steps were asked for; expected at least 1: raise the number.")
        self._pipe, self._steps, self._guidance = pipe, steps, guidance
        self._packed = _is_packed(pipe)
        pipe.set_progress_bar_config(disable=True)
        for part in pipe.components.values():
            if isinstance(part, torch.nn.Module):
                part.requires_grad_(False)

    @classmethod
    def from_pretrained(
        cls, name: str, steps: int = 4, guidance: float = 0.0, device: str | None = None
    ) -> TextToImage:
        """Load a pipeline by the name of its repository or by its folder.

        The defaults are those of FLUX.1-schnell and suit other models distilled to few steps; others want more
        steps and a guidance of 4 to 8. Without a `device`, the first GPU or else the CPU; bfloat16 on a GPU,
        float32 on a CPU. ValueError where diffusers is missing, or the name leads to no such pipeline.
        """
        try:
            from diffusers import AutoPipelineForText2Image
        except ImportError as error:
            raise ValueError(
                f"generator {name!r} needs diffusers, which is not installed; expected it for text-to-image models: "
                "pip install tasteprint[generate]."
            ) from error
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        try:
            pipe = AutoPipelineForText2Image.from_pretrained(name, dtype=dtype, use_safetensors=True)
        except (OSError, ValueError, KeyError) as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise ValueError(
                f"generator {name!r} cannot be loaded ({why}); expected 'painter' or the repository or folder "
                "of a diffusers text-to-image pipeline: check the name."
            ) from error
        return cls(pipe.to(device), steps, guidance)

    def noise_shape(self, size: int) -> tuple[int, int, int]:
        """Channels, height and width of the noise of an image of `size` x `size` pixels.

        ValueError for a size that the pipeline cannot make: one that its factor does not divide.
        """
        factor = self._pipe.vae_scale_factor
        smallest = factor * 2 if self._packed else factor
        if size < smallest or size % smallest:
            raise ValueError(f"the size is {size} pixels; expected a multiple of {smallest}: choose one.")
        network = self._pipe.components.get("unet", self._pipe.components.get("transformer"))
        channels = network.config.in_channels // (4 if self._packed else 1)
        return channels, size // factor, size // factor

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 height width"]:
        """Make one image for each noise, in float32 on the pipeline's device."""
        draw = inspect.unwrap(type(self._pipe).__call__)  # diffusers decorates it with torch.no_grad
        batch, channels, height, width = noise.shape
        factor, more = self._pipe.vae_scale_factor, {}
        latents = noise.to(self._pipe.device, self._pipe.dtype)
        if self._packed:
            latents = self._pipe._pack_latents(latents, batch, channels, height, width)
            if not getattr(self._pipe.transformer.config, "guidance_embeds", True):
                more = {"max_sequence_length": 256}  # as FLUX.1-schnell was distilled
        with torch.set_grad_enabled(noise.requires_grad and torch.is_grad_enabled()):
            made = draw(
                self._pipe,
                prompt,
                height=height * factor,
                width=width * factor,
                num_inference_steps=self._steps,
                guidance_scale=self._guidance,
                num_images_per_prompt=batch,
                latents=latents,
                output_type="pt",
                **more,
            )
        return made.images.float()


def _is_packed(pipe: Any) -> bool:
    """Whether the pipeline wants its noise folded into a sequence, as Flux does. ValueError for other kinds."""
    takes = inspect.signature(inspect.unwrap(type(pipe).__call__)).parameters
    helper = getattr(pipe, "_pack_latents", None)
    known = helper is None or list(inspect.signature(helper).parameters)[1:2] == ["batch_size"]
    if not (set(takes) >= _NEEDED and hasattr(pipe, "vae_scale_factor") and known):
        raise ValueError(
            f"the pipeline is a {type(pipe).__name__}; expected one that takes its noise as the latents of one "
            "image, such as FLUX.1-schnell or sd-turbo: name another."
        )
    return helper is not None
