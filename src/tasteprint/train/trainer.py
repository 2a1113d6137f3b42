"""`transformers.Trainer` for preference networks, as thin as the library allows, with its arguments and progress bar.

Enters: an objective, a stage's settings, a stream of examples, held-out examples. Leaves: checkpoints, the best weights
in the network, a bar on standard error. Does not know: logs of votes. accelerate, resuming and trackers come with the
library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from tqdm.auto import tqdm
from transformers import Trainer, TrainerCallback, TrainingArguments

from tasteprint.config import StageConfig
from tasteprint.files import disk_faults
from tasteprint.incontext.packing import Batch, collate, pack_example
from tasteprint.train.objective import Objective
from tasteprint.train.stream import ExampleStream
from tasteprint.types import Example


def training_arguments(
    path: Path, stage: StageConfig, seed: int, report_to: str = "none"
) -> TrainingArguments:
    """Give a stage's settings by the library's names; checkpoints go to `path`, the best on held-out people is kept."""
    return TrainingArguments(
        output_dir=str(path),
        max_steps=stage.steps,
        per_device_train_batch_size=stage.batch_size,
        gradient_accumulation_steps=stage.gradient_accumulation_steps,
        learning_rate=stage.lr,
        weight_decay=stage.weight_decay,
        adam_beta2=stage.beta2,
        warmup_steps=stage.warmup,
        lr_scheduler_type=stage.schedule,
        max_grad_norm=stage.max_grad_norm,
        logging_steps=max(1, stage.evaluate_every // 5),
        eval_strategy="steps",
        eval_steps=stage.evaluate_every,
        save_steps=stage.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
        bf16=_fast_in_half(),
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,
        report_to=report_to,
        seed=seed,
    )


def _fast_in_half() -> bool:
    """Whether this machine multiplies in bfloat16 itself, which takes two thirds of the time (docs/decisions.md)."""
    return torch.cuda.is_available() or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


SHOWN = {"loss": "loss", "base": "base", "plus": "L+", "minus": "L-", "eval_accuracy": "held-out"}


class StageBar(TrainerCallback):
    """A bar over the steps of one stage."""

    def __init__(self, title: str) -> None:
        """Name the stage."""
        self.title = title
        self.shown: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the bar where a resumed run stands, whose best checkpoint lies where it lies now."""
        if state.best_model_checkpoint:  # named where the run lay then
            state.best_model_checkpoint = str(Path(args.output_dir) / Path(state.best_model_checkpoint).name)
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


PEOPLE_A_CALL = 32
Images = Callable[[Sequence[str]], dict[str, Tensor]]


class PreferenceTrainer(Trainer):
    """Trains what `set_trainable` left moving; `images` gives pixels or features by name."""

    objective: Objective

    def __init__(
        self,
        objective: Objective,
        arguments: TrainingArguments,
        stream: ExampleStream,
        held_out: Sequence[Example],
        images: Images,
        **more: Any,
    ) -> None:
        """Hold the parts."""
        self.objective, self.preference_network = objective, objective.network
        self.stream, self.held_out, self.images = stream, list(held_out), images
        self._parts: list[dict[str, Tensor]] = []
        super().__init__(
            objective,
            arguments,
            data_collator=self._collated,
            train_dataset=stream,
            eval_dataset=self.held_out,
            **more,
        )

    def _collated(self, examples: Sequence[Example]) -> Batch:
        network = self.preference_network
        rows = [pack_example(example, network.encoder, len(network.tokens)) for example in examples]
        batch, names = collate(rows, network.pad_id)
        teacher = self.objective.teacher
        return {**batch, **self.images(names), **(teacher.images(names) if teacher else {})}

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Give the objective's loss; its parts are remembered for the log."""
        out = model(**inputs)
        self._parts.append({name: value for name, value in out.items() if name != "loss"})
        return (out["loss"], out) if return_outputs else out["loss"]

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the loss's parts, averaged since the last log."""
        if "loss" in logs and self._parts:
            for name in self._parts[0]:
                logs[name] = float(torch.stack([part[name] for part in self._parts]).mean())
            self._parts.clear()
        super().log(logs, *args, **kwargs)

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Pairwise accuracy on held-out people, over pairs; an exact tie counts one half."""
        right = [
            self._right(self.held_out[i : i + PEOPLE_A_CALL])
            for i in range(0, len(self.held_out), PEOPLE_A_CALL)
        ]
        metrics = {f"{metric_key_prefix}_accuracy": float(torch.cat(right).mean())}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        self.objective.train()
        return metrics

    def _right(self, examples: Sequence[Example]) -> Tensor:
        asked = [[(i, v.prompt) for v in e.targets for i in (v.liked, v.disliked)] for e in examples]
        margins = self.preference_network.margins(
            [example.history for example in examples], asked, self.images
        )
        pairs = torch.cat([torch.from_numpy(values).reshape(-1, 2) for values in margins])
        return (pairs[:, 0] > pairs[:, 1]).float() + 0.5 * (pairs[:, 0] == pairs[:, 1]).float()

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.stream)  # the stream is shuffled already, and resumes by number

    def _save_checkpoint(self, *arguments: Any) -> None:
        """Save as the library does; a full disk is an OSError in one sentence."""
        with disk_faults(f"saving a checkpoint in {self.args.output_dir}"):
            super()._save_checkpoint(*arguments)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(str(output_dir or self.args.output_dir))
        self.preference_network.save_pretrained(folder)
        self.objective.write_readouts(folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self.preference_network.load_weights(resume_from_checkpoint)
        self.objective.read_readouts(Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        best = Path(str(self.state.best_model_checkpoint))
        self.preference_network.load_weights(best)
        self.objective.read_readouts(best)
