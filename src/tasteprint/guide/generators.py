"""Text-to-image generators by name: a diffusers pipeline from where it is published, ready for a gradient.

Enters: a short name, the repository or folder of a diffusers pipeline, or an `Entry`. Leaves: a `TextToImage`, with
its one-step weights and its scheduler put in their places. Does not know: taste, rewards, how noise is improved.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from tasteprint.guide.text_to_image import TextToImage

_BUNDLED = Path(str(resources.files("tasteprint"))) / "weights"


@dataclass(frozen=True)
class Entry:
    """Where a generator's parts are and how it is run; what is left out is as in the pipeline. Safetensors only.

    The pipeline is at `repository`, a repository or folder. Where the denoiser's one-step weights are published
    apart, they are at `weights`: a repository with a `transformer` and a `scheduler`, or, with `weights_file`, one
    with that single file of the repository's UNet. `variant` names the repository's files of half precision.
    """

    repository: str
    size: int | None = None
    steps: int = 1
    guidance: float = 0.0
    timesteps: tuple[int, ...] = ()
    weights: str = ""
    weights_file: str = ""
    scheduler: str = ""
    scheduler_settings: Mapping[str, Any] = field(default_factory=dict)
    variant: str | None = None


GENERATORS: dict[str, Entry] = {
    "mini-generator": Entry(str(_BUNDLED / "mini-generator"), size=48),
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
    ValueError for an unknown name, one that leads to no such pipeline, a size it cannot make, or without diffusers.
    """
    entry = entry_of(name) if isinstance(name, str) else name
    called = name if isinstance(name, str) else name.repository
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    pipe = _loaded_pipeline(entry, dtype, called, _expected())
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


def _loaded_pipeline(entry: Entry, dtype: torch.dtype, called: str, expected: str) -> Any:
    """Load a pipeline with an entry's weights and scheduler, and without a safety checker or a watermark.

    ValueError without diffusers, or where a part is not to be had in safetensors; the sentence names the
    generator as the caller did (`called`) and what was `expected`.
    """
    try:
        import diffusers
    except ImportError as error:
        raise ValueError(
            f"generator {called!r} needs diffusers, which is not installed; expected it for text-to-image models: "
            "pip install tasteprint[generate]."
        ) from error
    try:
        with _any_decoder():
            pipe = diffusers.AutoPipelineForText2Image.from_pretrained(
                entry.repository, dtype=dtype, use_safetensors=True, **_parts(entry, dtype)
            )
        pipe.scheduler = _scheduler(entry, pipe.scheduler)
    except (OSError, ValueError, KeyError, ImportError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise ValueError(
            f"generator {called!r} cannot be loaded ({why}); expected {expected}: check the name."
        ) from error
    return _differentiable(pipe, dtype)


@contextmanager
def _any_decoder() -> Iterator[None]:
    """Let a small autoencoder stand in a pipeline, as is common, without the warning that a large one was expected."""
    log = logging.getLogger("diffusers.pipelines.pipeline_utils")

    def keep(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Expected types for vae")

    log.addFilter(keep)
    try:
        yield
    finally:
        log.removeFilter(keep)


def _parts(entry: Entry, dtype: torch.dtype) -> dict[str, Any]:
    """Load the parts that do not come from the entry's repository."""
    from diffusers import AutoModel, DiffusionPipeline, UNet2DConditionModel
    from huggingface_hub import hf_hub_download

    named = DiffusionPipeline.load_config(entry.repository)
    parts: dict[str, Any] = {}
    if "safety_checker" in named:
        parts = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if dtype.itemsize == 2 and entry.variant:
        parts["variant"] = entry.variant
    if entry.weights_file:
        inside = Path(entry.weights) / entry.weights_file
        file = inside if inside.is_file() else hf_hub_download(entry.weights, entry.weights_file)
        parts["unet"] = UNet2DConditionModel.from_single_file(
            str(file), config=entry.repository, subfolder="unet", dtype=dtype
        )
    elif entry.weights:
        parts["transformer"] = AutoModel.from_pretrained(
            entry.weights, subfolder="transformer", dtype=dtype, use_safetensors=True
        )
    return parts


def _scheduler(entry: Entry, published: Any) -> Any:
    import diffusers

    if not entry.scheduler:
        return published.from_config(published.config, **entry.scheduler_settings)
    kind = getattr(diffusers, entry.scheduler)
    apart = entry.weights and not entry.weights_file
    config = kind.load_config(entry.weights, subfolder="scheduler") if apart else published.config
    if entry.timesteps:  # it would warn at each image of a timestep that it had not chosen
        logging.getLogger(kind.__module__).setLevel(logging.ERROR)
    return kind.from_config(config, **entry.scheduler_settings)


def _differentiable(pipe: Any, dtype: torch.dtype) -> Any:
    """Leave out what stands between the decoder and a gradient; lay a UNet's weights out as its convolutions want them.

    SDXL's VAE overflows in float16, so its pipeline casts it to float32 and, before any backward pass, back again:
    it is kept in float32 instead.
    """
    if getattr(pipe, "watermark", None) is not None:
        pipe.watermark = None
    if "unet" in pipe.components:  # a sixth of a step's time on a CPU
        pipe.unet.to(memory_format=torch.channels_last)
    if dtype == torch.float16 and hasattr(pipe, "upcast_vae") and pipe.vae.config.force_upcast:
        decode = pipe.vae.float().decode
        pipe.vae.decode = lambda latents, *given, **named: decode(latents.float(), *given, **named)
    return pipe


def _offload(pipe: Any, device: str) -> None:
    """Fetch layer by layer: a whole model moved away after the forward pass would be missing in the backward."""
    from accelerate import cpu_offload

    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            cpu_offload(part, torch.device(device), offload_buffers=bool(part._parameters))


def _expected() -> str:
    known = ", ".join(GENERATORS)
    return f"{known}, or the repository or folder of a diffusers text-to-image pipeline in safetensors"
