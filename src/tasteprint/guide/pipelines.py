"""A diffusers pipeline as it is published: every part whole, in safetensors, by the libraries' own classes.

Enters: an `Entry`, which says where the parts are. Leaves: the pipeline of diffusers, without what stands between its
decoder and a gradient. Does not know: generators' names, devices, noise.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tasteprint.checksums import read_object, refuse_pointer, require_unchanged
from tasteprint.hub import local_folder, require_hub
from tasteprint.loading import brief, require_whole
from tasteprint.tensor_files import require_finite, require_floats

INDEX = "model_index.json"

TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")
"""The files of which a tokenizer has one; without any, a library makes one that knows no words, and does not say so."""


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


def loaded_pipeline(entry: Entry, dtype: torch.dtype, called: str, expected: str) -> Any:
    """Load a pipeline with an entry's weights and scheduler, and without a safety checker or a watermark.

    ValueError without diffusers, or where a part is not to be had whole and in safetensors; the sentence names the
    generator as the caller did (`called`) and what was `expected`.
    """
    try:
        import diffusers
    except ImportError as error:
        raise ValueError(
            f"generator {called!r} needs diffusers, which is not installed; expected it for text-to-image models: "
            "pip install tasteprint[generate]."
        ) from error
    folder = _folder(entry, dtype, expected)
    try:
        with _any_decoder():
            pipe = diffusers.AutoPipelineForText2Image.from_pretrained(
                str(folder),
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                **_parts(entry, folder, dtype),
            )
        pipe.scheduler = _scheduler(entry, pipe.scheduler)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # of broken files diffusers raises what it stumbles over: KeyError, TypeError, ...
        raise ValueError(
            f"generator {called!r} cannot be loaded ({brief(error)}); expected {expected}: check the name."
        ) from error
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            require_finite(f"the {name} of generator {called!r}", dict(part.named_parameters()))
    return _differentiable(pipe, dtype)


def _folder(entry: Entry, dtype: torch.dtype, expected: str) -> Path:
    """The folder of the pipeline, fetched by diffusers, which knows the files of a variant."""
    from diffusers import DiffusionPipeline

    if Path(entry.repository).is_dir():
        require_unchanged(Path(entry.repository))
        return Path(entry.repository)
    online = require_hub(entry.repository, "generator", expected)
    try:
        return Path(
            DiffusionPipeline.download(
                entry.repository,
                variant=_variant(entry, dtype),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=not online,
            )
        )
    except (OSError, ValueError) as error:
        raise ValueError(
            f"generator {entry.repository!r} could not be fetched ({brief(error)}); expected {expected}: "
            "check the name."
        ) from error


def _variant(entry: Entry, dtype: torch.dtype) -> str | None:
    return entry.variant if dtype.itemsize == 2 else None


def _parts(entry: Entry, folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """Load every network ourselves: a pipeline would leave the weights that a file lacks at random, with a warning."""
    named = read_object(folder / INDEX)
    parts: dict[str, Any] = {}
    if "safety_checker" in named:
        parts = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if entry.weights_file:
        parts["unet"] = _single_file(entry, folder, dtype)
    elif entry.weights:
        apart = _apart(entry)
        kind = _network_class(
            ["diffusers", read_object(apart / "transformer/config.json").get("_class_name")]
        )
        parts["transformer"] = _whole_part(kind, apart, "transformer", dtype, None)
    for name, said in named.items():
        if name.startswith("tokenizer") and (folder / name).is_dir():
            _require_words(folder / name)
        kind = _network_class(said)
        if kind is not None and name not in parts and (folder / name).is_dir():
            parts[name] = _whole_part(kind, folder, name, dtype, _variant(entry, dtype))
    return parts


def _require_words(tokenizer: Path) -> None:
    if not any((tokenizer / file).is_file() for file in TOKENIZERS):
        raise ValueError(f"its {tokenizer.name} has none of {', '.join(TOKENIZERS)}")


def _apart(entry: Entry) -> Path:
    files = ("transformer/*.json", "transformer/*.safetensors", "scheduler/*.json")
    return local_folder(entry.weights, "a generator's weights", "a folder", files)


def _network_class(said: Any) -> Any:
    """The class of a part that is a network of diffusers or transformers; None for anything else."""
    match said:
        case ["diffusers" | "transformers" as library, str() as name]:
            kind = getattr(import_module(library), name, None)
            return kind if isinstance(kind, type) and issubclass(kind, torch.nn.Module) else None
    return None


def _whole_part(kind: Any, folder: Path, name: str, dtype: torch.dtype, variant: str | None) -> Any:
    files = sorted((folder / name).glob("*.safetensors"))
    for path in (folder / name).glob("*.json"):
        read_object(path)
    for path in files:
        refuse_pointer(path)
    named = (
        variant if any(f".{variant}." in path.name or f".{variant}-" in path.name for path in files) else None
    )
    loaded, found = kind.from_pretrained(
        str(folder),
        subfolder=name,
        dtype=dtype,
        variant=named,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    try:
        require_whole(found, left_over=True)
        require_floats(files, loaded.state_dict())
    except ValueError as fault:
        raise ValueError(f"of its {name}, {fault}") from fault
    return loaded


def _single_file(entry: Entry, folder: Path, dtype: torch.dtype) -> Any:
    from diffusers import UNet2DConditionModel

    if not entry.weights_file.endswith(".safetensors"):
        raise ValueError(f"{entry.weights_file} is no file in safetensors")
    apart = local_folder(entry.weights, "generator's weights", "a folder", (entry.weights_file,))
    refuse_pointer(apart / entry.weights_file)
    made: Any = UNet2DConditionModel.from_single_file(
        str(apart / entry.weights_file), config=str(folder), subfolder="unet", dtype=dtype
    )
    if missing := sorted(name for name, value in made.named_parameters() if value.is_meta):
        raise ValueError(f"{entry.weights_file} has no weights for {missing[0]}")
    return made


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


def _scheduler(entry: Entry, published: Any) -> Any:
    import diffusers

    if not entry.scheduler:
        return published.from_config(published.config, **entry.scheduler_settings)
    kind = getattr(diffusers, entry.scheduler)
    apart = entry.weights and not entry.weights_file
    config = kind.load_config(_apart(entry), subfolder="scheduler") if apart else published.config
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
