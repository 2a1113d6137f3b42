"""Ground floor: where a model computes, checked before anything is loaded.

Enters: a device's name. Leaves: torch's device, or one sentence. Does not know: models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasteprint.loading import brief

if TYPE_CHECKING:
    import torch


def usable_device(name: str | torch.device) -> torch.device:
    """Give a device on which tensors can be made. ValueError for one that torch does not know or that is not here."""
    import torch

    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("it keeps no numbers")
        torch.zeros(1, device=device)
    except (
        RuntimeError,
        AssertionError,
        NotImplementedError,
    ) as fault:  # torch raises all three for what is not here
        here = ", ".join(["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
        raise ValueError(
            f"device {str(name)!r} cannot be used ({brief(fault)[:120]}); expected one that is here, such as {here}: "
            "name another."
        ) from fault
    return device
