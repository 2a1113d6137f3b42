"""Ground floor: which code and which machine a number comes from.

Enters: nothing. Leaves: words for a record. Does not know: what is recorded. Loads torch only when asked.
"""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path


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
