"""The checkpoints of a stage: which of them training can resume from, and how they are thrown away.

Enters: a stage's folder. Leaves: the newest whole checkpoint, or a folder without any. Does not know: models, trainers.
A kill, a full disk or a failing one may leave a checkpoint of which files are missing, empty or cut.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from tasteprint.files import part_of
from tasteprint.hub import ABOUT

STATE = "trainer_state.json"
NEEDED = (STATE, "optimizer.pt", "scheduler.pt", ABOUT)
PATTERN = re.compile(r"checkpoint-(\d+)")


def last_checkpoint(stage: Path) -> str | None:
    """Give the newest checkpoint that is whole and whose best one so far is, too; None where there is none."""
    for checkpoint in sorted(_checkpoints(stage), key=_step, reverse=True):
        if is_whole(checkpoint):
            return str(checkpoint)
    return None


def is_whole(checkpoint: Path) -> bool:
    """Whether training can resume here: nothing is missing or cut, of it and of the best checkpoint that it names."""
    state = _state(checkpoint)
    if state is None or state.get("global_step") != _step(checkpoint) or not _has_whole_files(checkpoint):
        return False
    best = state.get("best_model_checkpoint")
    return best is None or _has_whole_files(checkpoint.with_name(Path(str(best)).name))


def delete_checkpoints(stage: Path, whole: bool = True) -> None:
    """Delete a stage's checkpoints, the `whole` ones too; one that goes is never seen in part."""
    for checkpoint in _checkpoints(stage):
        if whole or not is_whole(checkpoint):
            aside = part_of(checkpoint)
            checkpoint.rename(aside)
            shutil.rmtree(aside)


def _checkpoints(stage: Path) -> list[Path]:
    return [path for path in stage.glob("checkpoint-*") if PATTERN.fullmatch(path.name) and path.is_dir()]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _state(checkpoint: Path) -> dict[str, Any] | None:
    try:
        state = json.loads((checkpoint / STATE).read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def _has_whole_files(checkpoint: Path) -> bool:
    tensors = list(checkpoint.glob("*.safetensors"))
    return (
        bool(tensors)
        and all((checkpoint / name).is_file() for name in NEEDED)
        and all(map(_are_tensors, tensors))
        and all(zipfile.is_zipfile(path) for path in checkpoint.glob("*.pt*"))
    )


def _are_tensors(path: Path) -> bool:
    try:
        with safe_open(path, "np"):  # which compares the header's sizes with the file's
            return True
    except (OSError, SafetensorError):
        return False
