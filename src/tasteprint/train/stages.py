"""What is trainable when (P section 3.1; LUP's variants are settings).

Enters: a preference model and a stage's settings. Leaves: the same model with the right parts moving.
Does not know: data, losses, optimisers.
"""

from __future__ import annotations

from tasteprint.config import StageConfig
from tasteprint.model.preference import PreferenceModel

ADAPTER = "lora_"


def enter_stage(model: PreferenceModel, stage: StageConfig) -> None:
    """Freeze everything, then let move what the stage names; a first token stage grows the tokens.

    With an adapter, the language part that moves is the adapter (wherever it sits, as in LUP) and never the
    backbone below it; the vision tower moves whole.
    """
    model.grow_tokens(stage.n_tokens)
    model.requires_grad_(False)
    for name, parameter in model.backbone.network.named_parameters():
        parameter.requires_grad_(_moves(name, model.settings.lora_r > 0, stage))
    model.tokens.requires_grad_(stage.train_tokens)


def _moves(name: str, adapted: bool, stage: StageConfig) -> bool:
    if adapted:
        if ADAPTER in name:
            return stage.train_language
        return stage.train_vision and "vision_model.modules_to_save" in name
    sees = "vision_model" in name or "connector" in name
    return stage.train_vision if sees else stage.train_language
