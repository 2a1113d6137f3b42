"""The published way, short and plain: the slow twin of everything that tasteprints and packed batches save.

Enters: a model, histories, candidates and their pixels. Leaves: logits, scores, gradients in the weights or pixels.
Does not know: prints, shared histories, cached features. Each target is a whole conversation of its own: every
image through the vision part anew, every token through the language model, logits over the full vocabulary at
every place, and a pass for each of the two images of a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tasteprint.incontext.loss import margin, preference_loss
from tasteprint.incontext.network import InContextModel
from tasteprint.incontext.packing import SLOT, collate, pack
from tasteprint.types import History, Vote
from tasteprint.vision.pixels import differentiable

Candidate = tuple[str, str]
Features = Callable[[Sequence[str]], Tensor]


def answer(
    model: InContextModel, histories: Sequence[History], asked: Sequence[Candidate], features: Features
) -> Tensor:
    """Give the answer's logits (n, v): one target a row, rows padded on the left, by the library's own forward."""
    pairs = zip(histories, asked, strict=True)
    rows = [pack(history, [candidate], model.encoder, len(model.tokens)) for history, candidate in pairs]
    batch = {name: value.to(model.device) for name, value in collate(rows, model.pad_id)[0].items()}
    ids = batch["input_ids"]
    embedded = model.backbone.embed(ids.clamp(min=0), features([name for row in rows for name in row.images]))
    out = model.backbone.network(
        inputs_embeds=model.tokens.fill(embedded, ids == SLOT),
        attention_mask=(batch["segments"] >= 0).long(),
        position_ids=batch["position_ids"],
        use_cache=False,
    )
    return out.logits[:, -1].float()


@torch.no_grad()
def scores(model: InContextModel, history: History, asked: Sequence[Candidate], features: Features) -> Tensor:
    """Score candidates (n,), each after the whole history."""
    return torch.cat([margin(answer(model, [history], [one], features), model.answers) for one in asked])


def train_step(
    model: InContextModel,
    histories: Sequence[History],
    targets: Sequence[Sequence[Vote]],
    features: Features,
) -> None:
    """Add up the gradients of P's loss over target pairs, `targets[k]` one vote a person, two passes a pair."""
    for votes in targets:
        liked = answer(model, histories, [(vote.liked, vote.prompt) for vote in votes], features)
        disliked = answer(model, histories, [(vote.disliked, vote.prompt) for vote in votes], features)
        told = liked.new_zeros(0, liked.shape[1]), torch.zeros(0, dtype=torch.bool, device=liked.device)
        loss = preference_loss(torch.stack([liked, disliked], dim=1), *told, model.answers).total()
        (loss / len(targets)).backward()


def guidance_step(
    model: InContextModel, history: History, image: Tensor, prompt: str, features: Features
) -> Tensor:
    """Give the gradient of one image's score to its pixels (1, 3, h, w); the history's images need none."""

    def with_image(names: Sequence[str]) -> Tensor:
        with torch.no_grad():
            earlier = features(names[:-1])
        pixels = differentiable(image, model.backbone.processor, model.settings.image_size)
        return torch.cat([earlier, model.backbone.image_features(pixels)])

    score = margin(answer(model, [history], [("guided", prompt)], with_image), model.answers)
    return torch.autograd.grad(score.sum(), image)[0]
