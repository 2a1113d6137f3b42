"""What a stage minimises: the model, its teacher's read-outs and the losses, as one module that a trainer can hold.

Enters: packed batches. Leaves: the loss and its parts. Does not know: optimisers, data, how long a stage is.
"""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tasteprint.config import StageConfig
from tasteprint.model.loss import accuracy, margin, preference_loss
from tasteprint.model.preference import PreferenceModel
from tasteprint.train.teacher import Teacher

READOUTS = "readouts.safetensors"


class Objective(nn.Module):
    """The losses of method.md section 2, and with a teacher those of section 11, weighed as the stage says.

    One module, so that the read-outs are stepped, clipped, zeroed and spread over devices with the model.
    """

    def __init__(self, model: PreferenceModel, stage: StageConfig, teacher: Teacher | None = None) -> None:
        """Hold the parts; what moves is decided before, by `enter_stage`."""
        super().__init__()
        self.model, self.stage, self.teacher = model, stage, teacher

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Give `loss`, and beside it every part before weighting and the share of target pairs told right."""
        out = self.model(**batch, layers=self.teacher.layers if self.teacher else ())
        pairs = out.targets.float().unflatten(0, (-1, 2))
        margins = margin(pairs, self.model.answers)
        parts = preference_loss(
            pairs, out.told.float(), batch["told_liked"], self.model.answers, self.stage.two_way
        )
        told = parts._asdict() | {"train_accuracy": accuracy(margins[:, 0], margins[:, 1])}
        loss = parts.total(self.stage.contrastive, self.stage.history_labels)
        if self.teacher:
            lesson = self.teacher.loss(batch, out, margins)
            loss = loss + lesson.total(self.teacher.config)
            told |= lesson._asdict()
        return {"loss": loss} | {name: value.detach() for name, value in told.items()}

    def write_readouts(self, folder: Path) -> None:
        """Keep the read-outs, which training goes on with and the model that is kept does not have."""
        if self.teacher:
            save_file(self.teacher.state_dict(), folder / READOUTS)

    def read_readouts(self, folder: Path) -> None:
        """Take over the read-outs of a folder, where it has any."""
        if self.teacher and (folder / READOUTS).is_file():
            self.teacher.load_state_dict(load_file(folder / READOUTS))
