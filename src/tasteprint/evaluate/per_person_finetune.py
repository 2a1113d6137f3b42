"""The baseline that knows one person alone: an untrained network, trained on this person's history and no more.

Enters: a way to make an untrained network, and images by name. Leaves: a predictor. Does not know: other people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from tasteprint.incontext.images import PixelCache
from tasteprint.incontext.loss import preference_loss
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.incontext.packing import collate, pack_example
from tasteprint.types import Candidate, Example, History, Predictor

if TYPE_CHECKING:
    from tasteprint.types import OpenImage

STEPS = 20
RATE = 1e-3


def per_person_finetune(
    fresh: Callable[[], PreferenceNetwork],
    open_image: OpenImage,
    steps: int = STEPS,
    rate: float = RATE,
    seed: int = 0,
) -> Predictor:
    """Train an untrained network on one person's votes and predict that person's candidates with it.

    The votes are targets of an empty history, all in one sequence, for 20 steps of AdamW with P's loss; the
    person is then in the weights, and candidates are read without history too. Every person begins at the
    same weights, made once from `seed`; only trainable ones are kept twice. A person without history gets
    zeros: nothing was learned.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = fresh()
    start = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    images = PixelCache(model, open_image)

    def person(history: History, candidates: Sequence[Candidate]) -> np.ndarray:
        if not history.votes:
            return np.zeros(len(candidates))
        model.load_state_dict(start, strict=False)
        _train(model, history, images, steps, rate)
        return model.margins([History(history.user_id)], [candidates], images)[0]

    return lambda histories, candidates: [person(*row) for row in zip(histories, candidates, strict=True)]


def _train(model: PreferenceNetwork, history: History, images: PixelCache, steps: int, rate: float) -> None:
    row = pack_example(Example(History(history.user_id), history.votes), model.encoder, len(model.tokens))
    batch, names = collate([row], model.pad_id)
    batch |= images(names)
    liked = batch.pop("context_liked").to(model.device)
    batch = {name: value.to(model.device) for name, value in batch.items()}
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    model.eval()  # no dropout: the same person is learned the same twice
    for _ in range(steps):
        logits = model(**batch)
        pairs = logits.targets.unflatten(0, (-1, 2))
        loss = preference_loss(pairs, logits.context, liked, model.answers).total()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
