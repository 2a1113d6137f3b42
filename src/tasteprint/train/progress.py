"""What a person sees while a stage trains: one bar with the loss, its three parts and the held-out accuracy.

Enters: the trainer's logs. Leaves: a progress bar on standard error. Does not know: how anything is computed.
"""

from __future__ import annotations

from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback

SHOWN = {"loss": "loss", "base": "base", "plus": "L+", "minus": "L-", "eval_accuracy": "held-out"}


class StageBar(TrainerCallback):
    """A bar over the steps of one stage."""

    def __init__(self, title: str) -> None:
        """Name the stage."""
        self.title = title
        self.shown: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the bar where a resumed run stands."""
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.title, dynamic_ncols=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move on."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Show the latest numbers."""
        self.shown.update(
            {SHOWN[name]: f"{value:.3f}" for name, value in more["logs"].items() if name in SHOWN}
        )
        self.bar.set_postfix(self.shown)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Leave the finished bar standing."""
        self.bar.close()
