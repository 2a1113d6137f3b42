"""Ground floor: which code, which machine and which weights a number comes from.

Enters: nothing, or modules. Leaves: words for a record. Does not know: what is recorded. Loads torch only when asked.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def commit() -> str:
    """Commit of the checkout that runs, with `+` where files differ from it, or `unknown` outside one."""
    described = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=+"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return described.stdout.strip() or "unknown"


def version() -> str:
    """Version of tasteprint that runs."""
    return metadata.version("tasteprint")


def hardware() -> str:
    """Name the accelerator, or the processor's cores."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} cores, {platform.machine()}"


def fingerprint(*parts: nn.Module) -> str:
    """Name a state of weights: SHA-256 over every tensor's name, shape and up to 64 of its values, evenly spread.

    Training changes nearly every value, so a step is noticed; an 8B model is named in well under a minute.
    """
    digest = hashlib.sha256()
    for part in parts:
        for name, value in part.state_dict().items():
            flat = value.detach().reshape(-1)
            picked = flat[:: max(1, len(flat) // 64)].float().cpu().numpy()
            digest.update(f"{name}{tuple(value.shape)}".encode() + picked.tobytes())
    return digest.hexdigest()
