"""Measured figures as data: what a command that measures writes, and tables are made from.

Enters: figures. Leaves: a small JSON file (house.md, "Results are data") and a table. Does not know: how they
were measured.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `low` and `high` are its 95 % interval or its spread, `n` how many people or repeats."""

    name: str
    value: float
    low: float
    high: float
    n: int


def write_results(path: Path, command: str, seeds: Sequence[int], figures: Sequence[Figure]) -> None:
    """Write figures with what is needed to measure them again. Replaces the file in one step."""
    record = {
        "command": command,
        "commit": commit(),
        "date": date.today().isoformat(),
        "hardware": hardware(),
        "seeds": list(seeds),
        "figures": [asdict(figure) for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_results(path: Path) -> list[Figure]:
    """Read the figures of a results file back."""
    return [Figure(**figure) for figure in json.loads(path.read_text(encoding="utf-8"))["figures"]]


def commit() -> str:
    """Commit of the checkout that runs, or `unknown` outside one."""
    here = Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def hardware() -> str:
    """Name the accelerator, or the number of threads of the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU threads, {platform.machine()}"
