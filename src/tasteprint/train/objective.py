"""What a stage trains: which weights move, and the objective that they minimise, as one module for a trainer.

Enters: a network, a stage's settings, packed batches. Leaves: the loss and its parts. Does not know: optimisers, data,
how long a stage is. What is trainable when is P section 3.1; LUP's variants are settings.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from tasteprint.config import StageConfig
from tasteprint.incontext.loss import accuracy, margin, preference_loss
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.tensor_files import read_tensors, write_tensors
from tasteprint.train.teacher import Teacher

ADAPTER = "lora_"
"""In the name of every weight of an adapter."""

READOUTS = "readouts.safetensors"
"""Beside a checkpoint: the teacher's read-outs, which training resumes with."""


def set_trainable(network: PreferenceNetwork, stage: StageConfig) -> None:
    """Freeze everything, then let move what the stage names; a first token stage grows the tokens.

    With an adapter, the language part that moves is the adapter (wherever it sits, as in LUP) and never the
    backbone below it; the vision tower moves whole.
    """
    network.grow_tokens(stage.n_tokens)
    network.requires_grad_(False)
    for name, parameter in network.backbone.network.named_parameters():
        parameter.requires_grad_(_moves(name, network.settings.lora_r > 0, stage))
    network.tokens.requires_grad_(stage.train_tokens)


def _moves(name: str, adapted: bool, stage: StageConfig) -> bool:
    if adapted:
        if ADAPTER in name:
            return stage.train_language
        return stage.train_vision and "vision_model.modules_to_save" in name
    sees = "vision_model" in name or "connector" in name
    return stage.train_vision if sees else stage.train_language


class Objective(nn.Module):
    """The losses of method.md section 2, and with a teacher those of section 11, weighed as the stage says.

    One module, so that the read-outs are stepped, clipped, zeroed and spread over devices with the model.
    """

    def __init__(
        self, network: PreferenceNetwork, stage: StageConfig, teacher: Teacher | None = None
    ) -> None:
        """Hold the parts; what moves is decided before, by `set_trainable`."""
        super().__init__()
        self.network, self.stage, self.teacher = network, stage, teacher

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Give `loss`, and beside it every part before weighting and the share of target pairs ranked right."""
        out = self.network(**batch, layers=self.teacher.layers if self.teacher else ())
        pairs = out.targets.float().unflatten(0, (-1, 2))
        margins = margin(pairs, self.network.answers)
        parts = preference_loss(
            pairs, out.context.float(), batch["context_liked"], self.network.answers, self.stage.binary_loss
        )
        logged = parts._asdict() | {"train_accuracy": accuracy(margins[:, 0], margins[:, 1])}
        loss = parts.total(self.stage.contrastive, self.stage.history_labels)
        if self.teacher:
            distilled = self.teacher.loss(batch, out, margins)
            loss = loss + distilled.total(self.teacher.config)
            logged |= distilled._asdict()
        return {"loss": loss} | {name: value.detach() for name, value in logged.items()}

    def write_readouts(self, folder: Path) -> None:
        """Keep the read-outs, which training goes on with and the model that is kept does not have."""
        if self.teacher:
            write_tensors(folder / READOUTS, self.teacher.state_dict())

    def read_readouts(self, folder: Path) -> None:
        """Take over the read-outs of a folder, where it has any."""
        if self.teacher and (folder / READOUTS).is_file():
            self.teacher.load_state_dict(read_tensors(folder / READOUTS)[1])
