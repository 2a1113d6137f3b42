"""Measured figures as data: what a command that measures writes, and tables are made from.

Enters: figures. Leaves: a small JSON file (house.md, "Results are data") and a table. Does not know: how they
were measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tasteprint.provenance import commit, hardware


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
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record(command, seeds, figures), indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def record(command: str, seeds: Sequence[int], figures: Sequence[Figure]) -> dict[str, Any]:
    """Give figures with the command, commit, date, hardware and seeds that they come from."""
    return {
        "command": command,
        "commit": commit(),
        "date": date.today().isoformat(),
        "hardware": hardware(),
        "seeds": list(seeds),
        "figures": [asdict(figure) for figure in figures],
    }


def read_results(path: Path) -> list[Figure]:
    """Read the figures of a results file back."""
    return [Figure(**figure) for figure in json.loads(path.read_text(encoding="utf-8"))["figures"]]
