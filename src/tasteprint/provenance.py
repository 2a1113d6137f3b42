"""Ground floor: which code, which machine and which weights a number comes from.

Enters: nothing, or modules. Leaves: words for a record, never an error. Does not know: what is recorded. Loads torch
only when asked.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import tasteprint

if TYPE_CHECKING:
    from torch import nn

UNKNOWN = "unknown"
PATIENCE = 10.0
"""Seconds that git is given."""


def commit() -> str:
    """Commit of the checkout that runs, with `+` where files differ from it; `unknown` outside one, or without git.

    Only a checkout of tasteprint itself counts: an installation inside another repository is none.
    """
    here = Path(__file__).resolve()
    root = here.parents[2]
    if not _is_ours(root) or not _git(root, "ls-files", str(here)):
        return UNKNOWN
    return _git(root, "describe", "--always", "--exclude=*", "--dirty=+") or UNKNOWN


def code_digest() -> str:
    """Name the package's own code: 12 hex digits of the SHA-256 of its Python files, whether or not git knows them."""
    folder, digest = Path(__file__).resolve().parent, hashlib.sha256()
    try:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    except OSError:
        return UNKNOWN
    return digest.hexdigest()[:12]


def version() -> str:
    """Version of tasteprint that runs."""
    return tasteprint.__version__


def versions(*libraries: str) -> dict[str, str | None]:
    """Versions of tasteprint and of other packages by name; None for one that is not installed."""
    return {"tasteprint": version()} | {name: _installed(name) for name in libraries}


def hardware() -> str:
    """Name the accelerator, or the processor's cores."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} cores, {platform.machine()}"


def _is_ours(root: Path) -> bool:
    """Whether a folder is a checkout of this project, not of another that has a copy of the package."""
    try:
        return (root / ".git").exists() and '\nname = "tasteprint"\n' in (root / "pyproject.toml").read_text(
            "utf-8"
        )
    except (OSError, UnicodeDecodeError):
        return False


def _git(root: Path, *command: str) -> str:
    """What git says, "" where it is missing, slow or refuses: a record is never worth a result."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        said = subprocess.run(
            ["git", "-C", str(root), *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


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
