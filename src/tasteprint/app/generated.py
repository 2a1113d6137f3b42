"""The folder of a generation: refused before any work where it cannot be, written whole, with all to repeat it.

Enters: files' bytes, settings. Leaves: a new folder, or nothing. Does not know: how pictures are made.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasteprint import provenance
from tasteprint.data.disk import disk_error
from tasteprint.world.agent_set import require_new

if TYPE_CHECKING:
    from tasteprint.app.steering import Taste
    from tasteprint.config import GuideConfig
    from tasteprint.guide.rewards import Reward
    from tasteprint.guide.text_to_image import TextToImage
    from tasteprint.types import History

LIBRARIES = ("tasteprint", "torch", "transformers", "diffusers", "safetensors", "pillow")
FORMAT = 1


def record(
    asked: Mapping[str, Any],
    config: GuideConfig,
    generator: TextToImage,
    tastes: Sequence[Taste],
    rewards: Sequence[Reward],
    who: History,
) -> dict[str, Any]:
    """Give what is needed to repeat a generation, beside its steps."""
    import torch

    return {
        "format": FORMAT,
        "command": ["tasteprint", *sys.argv[1:]],
        "asked": dict(asked),
        "guide": asdict(config),
        "generator": {"name": generator.name, "fingerprint": generator.fingerprint},
        "models": {taste.name: {"fingerprint": taste.fingerprint} for taste in tastes},
        "rewards": [{"name": r.name, "weight": r.weight, "loss": r.loss.__name__} for r in rewards],
        "history": {"user": who.user_id, "votes": [asdict(vote) for vote in who.votes]},
        "versions": {name: _version(name) for name in LIBRARIES},
        "commit": provenance.commit(),
        "hardware": provenance.hardware(),
        "threads": torch.get_num_threads(),
    }


def require_place(out: Path) -> None:
    """Refuse a folder that holds something, or that could not be made, before any work; leaves nothing behind."""
    try:
        require_new(out)
        part = _part(out)
        trial = next(place for place in part.parents if place.exists()) / part.name
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise disk_error(f"making folder {str(out)!r}", error.strerror, error.errno) from error


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder whole: beside it first, then renamed. Raises OSError in one sentence, and leaves nothing."""
    part = _part(out)
    try:
        part.mkdir(parents=True)
        for name, data in files.items():
            (part / name).write_bytes(data)
        part.replace(out.resolve())
    except OSError as error:
        raise disk_error(f"writing {out}", error.strerror, error.errno) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _part(out: Path) -> Path:
    """The folder beside it that becomes it, of this process alone."""
    return out.resolve().with_name(f".{out.name}.{os.getpid()}.part")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
