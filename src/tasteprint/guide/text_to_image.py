"""A text-to-image pipeline of diffusers as a `Generator`: the noise is handed over, and images have gradients.

Enters: a built pipeline; noise and prompts, each encoded once. Leaves: images in [0, 1], and a warning where a prompt
is longer than the text encoder reads. Does not know: taste, agents, where pipelines come from.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.provenance import fingerprint

_PROMPTS = 16  # prompts, each with its number of images; one of FLUX.1-schnell takes 2 MB an image

_NEEDED = {
    "latents", "height", "width", "num_inference_steps", "guidance_scale", "num_images_per_prompt", "generator",
}  # fmt: skip


class TextToImage:
    """A pipeline whose noise is handed over, so that the same noise and prompt give the same image.

    The noise has the shape of the pipeline's latents, unpacked: `noise_shape(size)`. Where it requires a
    gradient, the images have one; the pipeline's own parameters have none. A prompt is encoded once. `fingerprint`
    names the weights.
    """

    def __init__(
        self,
        pipe: Any,
        steps: int = 4,
        guidance: float = 0.0,
        timesteps: Sequence[int] = (),
        size: int | None = None,
        name: str = "",
    ) -> None:
        """Hold a built pipeline, which is changed: its parameters are frozen, its prompts remembered.

        `timesteps`, one a step, stand in for the scheduler's own; `size` (pixels) for the pipeline's own. ValueError
        for fewer than 1 step, another number of timesteps, or a pipeline that takes no plain noise.
        """
        if steps < 1 or len(timesteps) not in (0, steps):
            wanted = f"{len(timesteps)}, as there are timesteps" if timesteps else "at least 1"
            raise ValueError(f"{steps} steps were requested; expected {wanted}: ask for another number.")
        self.name, self.steps, self.guidance, self._pipe = name, steps, guidance, pipe
        self._packed = _is_packed(pipe)
        self._network = pipe.components.get("unet", pipe.components.get("transformer"))
        sides = getattr(pipe, "default_sample_size", self._network.config.get("sample_size"))
        self.size = size or (sides * pipe.vae_scale_factor if isinstance(sides, int) else None)
        pipe.set_progress_bar_config(disable=True)
        parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
        for part in parts:
            part.requires_grad_(False)
        self.fingerprint = fingerprint(*parts)
        settings = _settings(pipe, self._packed) | ({"timesteps": list(timesteps)} if timesteps else {})
        pipe.encode_prompt = encode_once(pipe, settings.get("max_sequence_length"))
        draw = partial(_drawing(pipe), pipe, num_inference_steps=steps, guidance_scale=guidance)
        self._draw = partial(draw, output_type="pt", **settings)

    def noise_shape(self, size: int | None = None) -> tuple[int, int, int]:
        """Channels, height and width of the noise of an image of `size` x `size` pixels, or of the own size.

        ValueError for a size that the pipeline cannot make: one that its factor does not divide.
        """
        factor, size = self._pipe.vae_scale_factor, size if size is not None else self.size
        smallest = factor * 2 if self._packed else factor
        if size is None or size < smallest or size % smallest:
            given = "not given by the pipeline" if size is None else f"{size} pixels"
            raise ValueError(f"the size is {given}; expected a multiple of {smallest}: choose one.")
        return self._channels, size // factor, size // factor

    @property
    def _channels(self) -> int:
        return int(self._network.config.in_channels) // (4 if self._packed else 1)

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 height width"]:
        """Make one image for each noise, in float32 on the pipeline's device.

        ValueError for noise of another number of channels; a UserWarning for a prompt longer than the text
        encoder reads, whose end is cut off.
        """
        batch, channels, height, width = noise.shape
        if channels != self._channels:
            raise ValueError(
                f"the noise has {channels} channels; expected {self._channels}: draw noise of the generator's "
                "`noise_shape`."
            )
        device, factor = self._pipe._execution_device, self._pipe.vae_scale_factor
        latents = noise.to(device, self._network.dtype)
        if self._packed:
            latents = self._pipe._pack_latents(latents, batch, channels, height, width)
        seeded = torch.Generator(device).manual_seed(0)  # for schedulers that add noise of their own
        with torch.set_grad_enabled(noise.requires_grad and torch.is_grad_enabled()):
            made = self._draw(
                prompt,
                height=height * factor,
                width=width * factor,
                num_images_per_prompt=batch,
                latents=latents,
                generator=seeded,
            )
        return made.images.float()


def encode_once(pipe: Any, longest: int | None = None) -> Callable[..., Any]:
    """Give a stand-in for the pipeline's `encode_prompt` that remembers what it gave for a prompt.

    `longest` is the number of tokens that the pipeline lets its longest text encoder read, where it says so.
    """

    @lru_cache(maxsize=_PROMPTS)
    def encode(*given: Any, **named: Any) -> Any:
        warn_where_cut(pipe, given[0] if given else named["prompt"], longest)
        with torch.no_grad():
            return type(pipe).encode_prompt(pipe, *given, **named)

    return encode


def warn_where_cut(pipe: Any, prompt: str, longest: int | None = None) -> None:
    """Warn of the tokens that no text encoder reads; where one reads the prompt to its end, nothing is lost."""
    lost = [
        len(part(prompt, verbose=False).input_ids)
        - min(part.model_max_length, longest or part.model_max_length)
        for name, part in pipe.components.items()
        if name.startswith("tokenizer") and part is not None
    ]
    if min(lost, default=0) > 0:
        warnings.warn(
            f"the prompt is longer than the text encoder reads, so its last {min(lost)} tokens are cut off: "
            "shorten it to have all of it count.",
            stacklevel=2,
        )


def _drawing(pipe: Any) -> Callable[..., Any]:
    """Give the pipeline's own way from noise to image, which diffusers decorates with `torch.no_grad`."""
    return inspect.unwrap(type(pipe).__call__)


def _settings(pipe: Any, packed: bool) -> dict[str, Any]:
    """Give the settings of a kind of pipeline with which the prompt and the size are taken as they are."""
    takes = inspect.signature(_drawing(pipe)).parameters
    settings: dict[str, Any] = dict.fromkeys({"clean_caption", "use_resolution_binning"} & set(takes), False)
    if packed and not getattr(pipe.transformer.config, "guidance_embeds", True):
        return settings | {"max_sequence_length": 256}  # as FLUX.1-schnell was distilled
    if "max_sequence_length" in takes:
        settings["max_sequence_length"] = takes["max_sequence_length"].default
    return settings


def _is_packed(pipe: Any) -> bool:
    """Whether the pipeline wants its noise folded into a sequence, as Flux does. ValueError for other kinds."""
    takes = inspect.signature(_drawing(pipe)).parameters
    helper = getattr(pipe, "_pack_latents", None)
    known = helper is None or list(inspect.signature(helper).parameters)[1:2] == ["batch_size"]
    if not (set(takes) >= _NEEDED and hasattr(pipe, "vae_scale_factor") and known):
        raise ValueError(
            f"the pipeline is a {type(pipe).__name__}; expected one that takes its noise as the latents of one "
            "image, such as FLUX.1-schnell or sd-turbo: name another."
        )
    return helper is not None
