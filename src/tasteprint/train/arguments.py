"""A stage's settings as `transformers.Trainer` takes them.

Enters: a stage's settings, a folder, a seed. Leaves: `TrainingArguments`. Does not know: models, data.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import TrainingArguments

from tasteprint.config import StageConfig


def training_arguments(
    path: Path, stage: StageConfig, seed: int, report_to: str = "none"
) -> TrainingArguments:
    """Say a stage in the library's words; checkpoints go to `path`, the best on held-out people is kept."""
    return TrainingArguments(
        output_dir=str(path),
        max_steps=stage.steps,
        per_device_train_batch_size=stage.people,
        gradient_accumulation_steps=stage.accumulate,
        learning_rate=stage.lr,
        weight_decay=stage.weight_decay,
        adam_beta2=stage.beta2,
        warmup_steps=stage.warmup,
        lr_scheduler_type=stage.schedule,
        max_grad_norm=stage.clip,
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
