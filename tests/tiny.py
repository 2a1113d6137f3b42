"""A training run of seconds, and the command that begins it."""

import sys

TINY = (
    "posterior.steps=5", "posterior.prior=learned",
    "stage1.steps=6", "stage1.batch_size=4", "stage1.targets=2", "stage1.evaluate_every=2", "stage1.evaluate_people=3",
    "stage2.steps=4", "stage2.batch_size=4", "stage2.targets=2", "stage2.evaluate_every=2", "stage2.evaluate_people=3",
)  # fmt: skip


def command(dataset, out, *more, config="mini"):
    """The arguments of a tiny `tasteprint train`, later settings over earlier ones."""
    settings = [part for setting in (*TINY, *more) for part in ("--set", setting)]
    data = ["--data", str(dataset.folder), "--out", str(out), "--config", config]
    return [sys.executable, "-m", "tasteprint", "train", *data, *settings]
