"""A preference model on disk or on the Hub: safetensors and JSON only, adapter weights in PEFT's own format.

Enters: a backbone, its settings and its tokens. Leaves: a folder, and the same parts read back.
Does not know: `InContextModel`, which is put together next door. Nothing here unpickles.

    tasteprint.json                  what the weights belong to
    preference_tokens.safetensors    `vectors` (L_p, d), where there are any
    config.json, model.safetensors   the whole network, where it was built here
    adapter_*.{json,safetensors}     or only what was learned on top of a named backbone
    tokenizer*, preprocessor*, ...   the processor
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from peft import set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoProcessor, Idefics2ForConditionalGeneration

from tasteprint.config import ModelConfig
from tasteprint.incontext.backbone import Idefics2Backbone, load_backbone

FORMAT = 1
PEFT_PREFIX = "base_model.model."
BUNDLED = ("mini", "mini-posterior")
"""Models that come with the package, and need no download."""

ABOUT, TOKENS = "tasteprint.json", "preference_tokens.safetensors"
PATTERNS = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "README.md"]


def save(
    folder: Path, backbone: Idefics2Backbone, config: ModelConfig, tokens: Tensor, half: bool = False
) -> None:
    """Write everything that `load` needs into a folder; in half precision if asked, read back in full."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = half and not config.lora_r
    state = {name: value.half() for name, value in backbone.network.state_dict().items()} if whole else None
    backbone.network.save_pretrained(folder, state_dict=state)
    backbone.processor.save_pretrained(folder)
    (folder / TOKENS).unlink(missing_ok=True)
    if len(tokens):
        vectors = tokens.detach().cpu().contiguous()
        save_file({"vectors": vectors.half() if half else vectors}, folder / TOKENS)
    about = {"format": FORMAT, "model": asdict(config), "n_tokens": len(tokens)}
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def load(
    name: str | Path, template: str | None = None, n_tokens: int | None = None
) -> tuple[Idefics2Backbone, ModelConfig, Tensor]:
    """Read a folder or a Hub repository back; ValueError where it is not what was said or what was expected."""
    folder = find(name)
    about = read_about(folder)
    config = ModelConfig(**about["model"])
    _expect(folder, "template", config.template, template)
    _expect(folder, "n_tokens", about["n_tokens"], n_tokens)
    tokens = _tokens(folder, about["n_tokens"])
    if (folder / "adapter_config.json").is_file():
        backbone = load_backbone(replace(config, lora_r=0))
        backbone.network.load_adapter(str(folder), adapter_name="default", is_trainable=True)
    else:
        network = Idefics2ForConditionalGeneration.from_pretrained(folder)
        backbone = Idefics2Backbone(network, AutoProcessor.from_pretrained(folder, backend="pil"))
    return backbone, config, tokens


def load_weights(folder: Path, backbone: Idefics2Backbone) -> Tensor:
    """Put a folder's weights into a backbone of the same shape; returns its preference tokens."""
    adapter = folder / "adapter_model.safetensors"
    if adapter.is_file():
        state = {name.removeprefix(PEFT_PREFIX): value for name, value in load_file(adapter).items()}
        set_peft_model_state_dict(backbone.network, state)
    else:
        backbone.network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return _tokens(folder, read_about(folder)["n_tokens"])


def find(name: str | Path) -> Path:
    """Give the local folder of a model: a folder, one that comes with the package, or a download from the Hub.

    Of a run's folder, the model in it. No pickles and no code are downloaded.
    """
    if Path(name).is_dir():
        inside = Path(name) / "model"
        return inside if inside.is_dir() else Path(name)
    if str(name) in BUNDLED:
        return Path(str(resources.files("tasteprint"))) / "weights" / str(name)
    try:
        return Path(snapshot_download(str(name), allow_patterns=PATTERNS))
    except (HfHubHTTPError, HFValidationError, OSError) as fault:
        raise ValueError(
            f"model {str(name)!r} could not be opened; expected a folder that `save_pretrained` or "
            "`tasteprint train` wrote, or a Hub repository that can be reached."
        ) from fault


def read_about(folder: Path) -> dict[str, Any]:
    """Read what a folder says of itself."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, json.JSONDecodeError) as fault:
        raise ValueError(
            f"folder {str(folder)!r} has no readable {ABOUT}; expected a tasteprint model: name another folder."
        ) from fault
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{folder / ABOUT} is of format {about.get('format')!r}; expected {FORMAT}: use the release of "
            "tasteprint that wrote it."
        )
    return about


def push(folder: Path, repository: str, private: bool) -> str:
    """Upload a saved folder to the Hub; returns the address of the commit."""
    api = HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=repository, folder_path=folder))


def _expect(folder: Path, what: str, got: str | int, expected: str | int | None) -> None:
    if expected is not None and got != expected:
        raise ValueError(
            f"{folder} was trained with {what} {got!r}; expected {expected!r}: use another checkpoint."
        )


def _tokens(folder: Path, count: int) -> Tensor:
    if not count:
        return torch.zeros(0)
    try:
        vectors = load_file(folder / TOKENS)["vectors"]
    except (OSError, SafetensorError, KeyError) as fault:
        raise ValueError(
            f"{folder / TOKENS} could not be read; expected {count} preference tokens: save the model again."
        ) from fault
    if len(vectors) != count:
        raise ValueError(
            f"{folder / TOKENS} holds {len(vectors)} preference tokens; expected the {count} that {ABOUT} names: "
            "the folder mixes two models, save it again."
        )
    return vectors
