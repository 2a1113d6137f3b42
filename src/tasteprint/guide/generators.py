"""Text-to-image generators by name: a diffusers pipeline from where it is published, ready for a gradient.

Enters: a short name, the repository or folder of a diffusers pipeline, or an `Entry`. Leaves: a `TextToImage`, with
its one-step weights and its scheduler put in their places. Does not know: taste, rewards, how noise is improved, how a
pipeline is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tasteprint.devices import usable_device
from tasteprint.guide.pipelines import Entry, loaded_pipeline
from tasteprint.guide.text_to_image import TextToImage
from tasteprint.hub import WEIGHTS

GENERATORS: dict[str, Entry] = {
    "mini-generator": Entry(str(WEIGHTS / "mini-generator"), size=48),
    "sd-turbo": Entry("stabilityai/sd-turbo", size=512, variant="fp16"),
    "sdxl-turbo": Entry(
        "stabilityai/sdxl-turbo",
        size=512,
        scheduler="EulerAncestralDiscreteScheduler",
        scheduler_settings={"timestep_spacing": "trailing"},
        variant="fp16",
    ),
    "pixart-dmd": Entry(  # its weights are published as a pickle: convert them, and name the folder as `weights`
        "PixArt-alpha/PixArt-XL-2-512x512",
        size=512,
        timesteps=(400,),
        weights="PixArt-alpha/PixArt-Alpha-DMD-XL-2-512x512",
        scheduler="DDPMScheduler",
    ),
    "hyper-sd": Entry(
        "stabilityai/stable-diffusion-xl-base-1.0",
        size=1024,
        timesteps=(800,),
        weights="ByteDance/Hyper-SD",
        weights_file="Hyper-SDXL-1step-Unet.safetensors",
        scheduler="LCMScheduler",
        variant="fp16",
    ),
    "flux-schnell": Entry("black-forest-labs/FLUX.1-schnell", size=512),
}
"""By short name, with the settings of ReNO's code and of the models' cards."""


def open_generator(
    name: str | Entry,
    size: int | None = None,
    dtype: torch.dtype | None = None,
    device: str | None = None,
    checkpointing: bool = False,
    slicing: bool = False,
    offload: bool = False,
) -> TextToImage:
    """Load a generator by its short name, by the repository or folder of a diffusers pipeline, or as an `Entry`.

    Without a `device`, the first GPU or else the CPU; without a `dtype`, bfloat16 on a GPU and float32 on a CPU.
    `size` is that of an image in pixels. Memory for time: `checkpointing` computes the denoiser and the VAE again in
    the backward pass; `slicing` decodes one image of a batch after the other; `offload` keeps the weights in main
    memory and has each layer's on the device only while it computes (in the backward pass with `checkpointing` only).
    ValueError for an unknown name, one that leads to no such pipeline or to parts that are not whole, a size it cannot
    make, a device that is not here, or without diffusers.
    """
    entry = entry_of(name) if isinstance(name, str) else name
    called = name if isinstance(name, str) else name.repository
    device = str(usable_device(device or ("cuda" if torch.cuda.is_available() else "cpu")))
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    pipe = loaded_pipeline(entry, dtype, called, _expected())
    made = TextToImage(
        pipe, entry.steps, entry.guidance, entry.timesteps, entry.size if size is None else size, called
    )
    made.noise_shape(size)
    if checkpointing:
        for part in (pipe.vae, pipe.components.get("unet", pipe.components.get("transformer"))):
            part.enable_gradient_checkpointing()
    if slicing:
        pipe.vae.enable_slicing()
    _offload(pipe, device) if offload else pipe.to(device)
    return made


def entry_of(name: str) -> Entry:
    """Give the entry of a short name, or one for a repository or folder. ValueError for what can be neither."""
    if name in GENERATORS:
        return GENERATORS[name]
    if "/" not in name and not Path(name).is_dir():
        raise ValueError(f"generator {name!r} is not known; expected {_expected()}: check the name.")
    return Entry(name)


def _offload(pipe: Any, device: str) -> None:
    """Fetch layer by layer: a whole model moved away after the forward pass would be missing in the backward."""
    from accelerate import cpu_offload

    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            cpu_offload(part, torch.device(device), offload_buffers=bool(part._parameters))


def _expected() -> str:
    known = ", ".join(GENERATORS)
    return f"{known}, or the repository or folder of a diffusers text-to-image pipeline in safetensors"
