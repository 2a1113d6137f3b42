"""The published way, short and plain: the slow twin of everything that prints and packed batches save.

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
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.incontext.packing import SLOT, collate, pack
from tasteprint.types import Candidate, History, Vote

Features = Callable[[Sequence[str]], Tensor]


def answer(
    network: PreferenceNetwork, histories: Sequence[History], asked: Sequence[Candidate], features: Features
) -> Tensor:
    """Give the answer's logits (n, v): one target a row, rows padded on the left, by the library's own forward."""
    pairs = zip(histories, asked, strict=True)
    rows = [pack(history, [candidate], network.encoder, len(network.tokens)) for history, candidate in pairs]
    batch = {name: value.to(network.device) for name, value in collate(rows, network.pad_id)[0].items()}
    ids = batch["input_ids"]
    embedded = network.backbone.embed(
        ids.clamp(min=0), features([name for row in rows for name in row.images])
    )
    out = network.backbone.network(
        inputs_embeds=network.tokens.fill(embedded, ids == SLOT),
        attention_mask=(batch["segments"] >= 0).long(),
        position_ids=batch["position_ids"],
        use_cache=False,
    )
    return out.logits[:, -1].float()


@torch.no_grad()
def scores(
    network: PreferenceNetwork, history: History, asked: Sequence[Candidate], features: Features
) -> Tensor:
    """Score candidates (n,), each after the whole history."""
    return torch.cat([margin(answer(network, [history], [one], features), network.answers) for one in asked])


def train_step(
    network: PreferenceNetwork,
    histories: Sequence[History],
    targets: Sequence[Sequence[Vote]],
    features: Features,
) -> None:
    """Add up the gradients of P's loss over target pairs, `targets[k]` one vote a person, two passes a pair."""
    for votes in targets:
        liked = answer(network, histories, [(vote.liked, vote.prompt) for vote in votes], features)
        disliked = answer(network, histories, [(vote.disliked, vote.prompt) for vote in votes], features)
        context = liked.new_zeros(0, liked.shape[1]), torch.zeros(0, dtype=torch.bool, device=liked.device)
        loss = preference_loss(torch.stack([liked, disliked], dim=1), *context, network.answers).total()
        (loss / len(targets)).backward()


def guidance_step(
    network: PreferenceNetwork, history: History, image: Tensor, prompt: str, features: Features
) -> Tensor:
    """Give the gradient of one image's score to its pixels (1, 3, h, w); the history's images need none."""

    def with_image(names: Sequence[str]) -> Tensor:
        with torch.no_grad():
            earlier = features(names[:-1])
        pixels = network.vision_part.twin(image)
        return torch.cat([earlier, network.backbone.image_features(pixels)])

    score = margin(answer(network, [history], [("guided", prompt)], with_image), network.answers)
    return torch.autograd.grad(score.sum(), image)[0]
