"""`transformers.Trainer` for preference models, as thin as the library allows.

Enters: a model in a stage, a stream of examples, held-out examples. Leaves: checkpoints, and the best weights in the
model. Does not know: files of votes, configs of other stages. accelerate, resuming and trackers come with the library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainingArguments

from tasteprint.config import StageConfig
from tasteprint.data.collate import Batch, collate, pack_example
from tasteprint.model.loss import accuracy, margin, preference_loss
from tasteprint.model.preference import PreferenceModel
from tasteprint.train.beliefs import Teacher
from tasteprint.train.stream import ExampleStream
from tasteprint.types import Example

READOUTS = "readouts.safetensors"
PEOPLE_A_CALL = 32
Images = Callable[[Sequence[str]], dict[str, Tensor]]


class PreferenceTrainer(Trainer):
    """Trains what `enter_stage` left moving, by the losses of method.md section 2."""

    def __init__(
        self,
        model: PreferenceModel,
        stage: StageConfig,
        arguments: TrainingArguments,
        stream: ExampleStream,
        held_out: Sequence[Example],
        images: Images,
        teacher: Teacher | None = None,
        **more: Any,
    ) -> None:
        """Hold the parts; `images` gives pixels or features by name, `teacher` adds belief supervision."""
        self.stage, self.held_out, self.images, self.teacher = stage, held_out, images, teacher
        self.preference = model
        self._parts: list[Tensor] = []
        datasets = {"train_dataset": stream, "eval_dataset": list(held_out)}
        super().__init__(model, arguments, data_collator=self._collated, **datasets, **more)

    def _collated(self, examples: Sequence[Example]) -> Batch:
        model = self.preference
        rows = [pack_example(example, model.encoder, len(model.tokens)) for example in examples]
        batch, names = collate(rows, model.pad_id)
        return {**batch, **self.images(names)}

    def compute_loss(self, model: nn.Module, inputs: Batch, return_outputs: bool = False, **_: Any) -> Any:
        """Add up the stage's losses; the parts are remembered for the log."""
        answers = self.preference.answers
        out = model(**inputs, layers=self.teacher.layers if self.teacher else ())
        pairs = out.targets.float().unflatten(0, (-1, 2))
        parts = preference_loss(pairs, out.told.float(), inputs["told_liked"], answers, self.stage.two_way)
        loss = parts.total(self.stage.contrastive, self.stage.history_labels)
        margins = margin(pairs, answers)
        if self.teacher:
            loss = loss + self.teacher.loss(inputs, out, margins).total(self.teacher.config)
        self._parts.append(torch.stack([*parts, accuracy(margins[:, 0], margins[:, 1])]).detach())
        return (loss, out) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the loss's parts and the training accuracy, averaged since the last log."""
        if "loss" in logs and self._parts:
            means = torch.stack(self._parts).mean(dim=0).tolist()
            logs.update(zip(("base", "plus", "minus", "history", "train_accuracy"), means, strict=True))
            self._parts.clear()
        super().log(logs, *args, **kwargs)

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Pairwise accuracy on held-out people, over pairs; an exact tie counts one half."""
        right = [self._right(self.held_out[i : i + PEOPLE_A_CALL]) for i in range(0, len(self.held_out), PEOPLE_A_CALL)]
        metrics = {f"{metric_key_prefix}_accuracy": float(torch.cat(right).mean())}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _right(self, examples: Sequence[Example]) -> Tensor:
        asked = [[(i, v.prompt) for v in e.targets for i in (v.liked, v.disliked)] for e in examples]
        margins = self.preference.margins([example.history for example in examples], asked, self.images)
        pairs = torch.cat([torch.from_numpy(values).reshape(-1, 2) for values in margins])
        return (pairs[:, 0] > pairs[:, 1]).float() + 0.5 * (pairs[:, 0] == pairs[:, 1]).float()

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Let the teacher's read-outs learn beside the model."""
        optimizer = super().create_optimizer(model)
        if self.teacher:
            learn = [parameter for parameter in self.teacher.parameters() if parameter.requires_grad]
            optimizer.add_param_group({"params": learn, "lr": self.args.learning_rate})
        return optimizer

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # the stream is shuffled already, and resumes by number

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        self.preference.save_pretrained(folder)
        if self.teacher:
            save_file(self.teacher.state_dict(), folder / READOUTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self.preference.load_weights(resume_from_checkpoint)
        if self.teacher:
            self.teacher.load_state_dict(load_file(Path(resume_from_checkpoint) / READOUTS))

    def _load_best_model(self) -> None:
        self.preference.load_weights(self.state.best_model_checkpoint)
