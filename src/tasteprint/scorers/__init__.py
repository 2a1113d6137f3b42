"""Scorers: other people's reward models by name, each a `Scorer` that guidance and evaluation may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from tasteprint.types import Scorer

if TYPE_CHECKING:
    import torch


class RewardModel(Scorer, Protocol):
    """A general reward model. Guidance adds `weight * (offset - score)` to its loss (method.md section 8)."""

    offset: float


def open_scorer(
    name: str, device: str | torch.device | None = None, dtype: torch.dtype | None = None
) -> RewardModel:
    """Load a reward model, frozen: "clip", "pickscore" or "aesthetic".

    Without a `device` it lies on the CPU, without a `dtype` it computes in float32; scores are float32 at least.
    ValueError for another name, or where the weights cannot be read.
    """
    if name not in SCORERS:
        raise ValueError(
            f"there is no scorer {name!r}; expected one of {', '.join(SCORERS)}: name one of them."
        )
    return SCORERS[name](device=device, dtype=dtype)


def _clip(**settings: Any) -> RewardModel:
    from tasteprint.scorers.clip import open_clip

    return open_clip(**settings)


def _pickscore(**settings: Any) -> RewardModel:
    from tasteprint.scorers.pickscore import open_pickscore

    return open_pickscore(**settings)


def _aesthetic(**settings: Any) -> RewardModel:
    from tasteprint.scorers.aesthetic import open_aesthetic

    return open_aesthetic(**settings)


SCORERS: dict[str, Callable[..., RewardModel]] = {
    "clip": _clip,
    "pickscore": _pickscore,
    "aesthetic": _aesthetic,
}
"""How each is opened. A repository or folder may be given as `name`, and `device` and `dtype`."""
