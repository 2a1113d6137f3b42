"""The lesson in which the bundled eye learned to see."""

import math
import sys
from pathlib import Path

import pytest
import torch

from tasteprint.config import load_config
from tasteprint.incontext.network import InContextModel

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))

from experiments.eye_lesson import CLASSES, reading_loss, teach_eye


def test_reading_loss_of_equal_logits():
    expected = sum(math.log(count) for count in CLASSES) / len(CLASSES)
    assert reading_loss(
        torch.zeros(3, sum(CLASSES)), torch.zeros(3, len(CLASSES), dtype=torch.long)
    ).item() == pytest.approx(expected)


def test_the_eye_learns():
    config = load_config("mini")
    torch.manual_seed(0)
    model = InContextModel.from_config(config.model)
    losses = []
    read = teach_eye(model, 30, 600, 0, batch_size=64, progress=lambda step, loss: losses.append(loss))
    assert losses[-1] < losses[0] - 0.2 and read["palette"] > 0.4
