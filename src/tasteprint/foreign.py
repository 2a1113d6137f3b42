"""Ground floor: folders of models that others trained for the paper's task, known by their files.

Enters: a folder. Leaves: whether it is one. Does not know: what is in the files. Such a folder has an adapter of PEFT's
and no record of ours: LUP, the paper's released code (stage 1; with preference tokens beside it stage 2), and ViPer's
proxy metric, which the paper builds on.
"""

from __future__ import annotations

from pathlib import Path

from tasteprint.hub import ABOUT

ADAPTER_SETTINGS = "adapter_config.json"
ADAPTER = "adapter_model.safetensors"
POOL_TENSORS, POOL_MODULE = "prompt_pool_state_dict.pt", "prompt_pool.pt"
"""LUP's preference tokens: tensors by name, or a whole pickled module."""


def is_foreign(folder: Path) -> bool:
    """Whether a folder holds an adapter or preference tokens without a record of ours."""
    theirs = (ADAPTER_SETTINGS, POOL_TENSORS, POOL_MODULE)
    return not (folder / ABOUT).is_file() and any((folder / name).is_file() for name in theirs)
