"""What is refused before a run's folder is touched, so that the corrected command finds nothing in its way.

Enters: names that a config or a command gives. Leaves: nothing, or a ValueError. Does not know: runs, folders.
"""

from __future__ import annotations

from importlib.util import find_spec

from tasteprint.hub import find_model, read_about

IN_CONTEXT, POSTERIOR = "in-context", "posterior"

TRACKERS = ("none", "tensorboard", "wandb")


def expect_kind(setting: str, name: str, kind: str) -> None:
    """Refuse a model of another kind than the setting needs, or one that cannot be opened."""
    found = read_about(find_model(name)).get("kind", IN_CONTEXT)
    if found != kind:
        raise ValueError(
            f"{setting} is {name!r}, a model of kind {found!r}; expected kind {kind!r}: name another."
        )


def check_tracker(name: str) -> None:
    """Refuse a tracker that is not known or not installed."""
    if name not in TRACKERS:
        raise ValueError(f"report-to is {name!r}; expected one of {', '.join(TRACKERS)}: choose one.")
    if name != "none" and find_spec(name) is None:
        raise ValueError(
            f"report-to is {name!r}, which is not installed; expected it: pip install 'tasteprint[tracking]'."
        )
