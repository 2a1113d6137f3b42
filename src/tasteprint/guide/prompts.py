"""Prompts of a diffusers pipeline: encoded once, without gradients; a warning where the end of one is not read.

Enters: a built pipeline, prompts. Leaves: what its own `encode_prompt` gives. Does not know: noise, images.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

_KEPT = 16  # prompts, each with its number of images; one of FLUX.1-schnell takes 2 MB an image


def encode_once(pipe: Any, longest: int | None = None) -> Callable[..., Any]:
    """Give a stand-in for the pipeline's `encode_prompt` that remembers what it gave for a prompt.

    `longest` is the number of tokens that the pipeline lets its longest text encoder read, where it says so.
    """

    @lru_cache(maxsize=_KEPT)
    def encode(*given: Any, **named: Any) -> Any:
        warn_where_cut(pipe, given[0] if given else named["prompt"], longest)
        with torch.no_grad():
            return type(pipe).encode_prompt(pipe, *given, **named)

    return encode


def warn_where_cut(pipe: Any, prompt: str, longest: int | None = None) -> None:
    """Warn of the tokens that no text encoder reads; where one reads the prompt to its end, nothing is lost."""
    lost = [
        len(part(prompt, verbose=False).input_ids)
        - min(part.model_max_length, longest or part.model_max_length)
        for name, part in pipe.components.items()
        if name.startswith("tokenizer") and part is not None
    ]
    if min(lost, default=0) > 0:
        warnings.warn(
            f"the prompt is longer than the text encoder reads, so its last {min(lost)} tokens are cut off: "
            "shorten it to have all of it count.",
            stacklevel=2,
        )
