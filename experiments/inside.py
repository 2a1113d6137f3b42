"""What happens inside the in-context model: people as vectors and their clusters, attention to preference tokens.

Enters: an in-context model, histories, one target picture for all. Leaves: embeddings, maps, figures.
Does not know: how well anyone is predicted. Both follow P section 3.3: clusters of the last layer's last token
(table 6), attention of preference tokens and target tokens (figure 3).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score, silhouette_score
from torch import Tensor

from experiments.baselines import RECIPE
from experiments.figures import spread
from experiments.models import ModelPair
from experiments.people import AT_ONCE, MeasuredPeople, reshuffled
from tasteprint.config import load_config
from tasteprint.evaluate.metrics import resampled
from tasteprint.evaluate.predictors import Candidate
from tasteprint.evaluate.results import Figure
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.incontext.packing import SLOT, collate, pack
from tasteprint.types import History

ImageTensors = Callable[[Sequence[str]], dict[str, Tensor]]
MAPS, SHOWN = 5, 4
"""Random orders of a history in P figure 3, and how many people of a group are drawn."""
BELIEFS = load_config(RECIPE).teacher.posterior_layer
ENOUGH = 0.01
TINY = float(np.finfo(np.float32).tiny)
CLUSTERS = range(2, 11)
"""P leaves K open; the best silhouette decides (method.md section 7)."""


class PersonVectors(NamedTuple):
    """Everyone as a vector: the last layer where the answer is read (P), and the posterior layer after the votes."""

    answering: Float[np.ndarray, "people d"]
    posterior: Float[np.ndarray, "people d"]


@torch.no_grad()
def embedded(
    model: PreferenceNetwork, histories: Sequence[History], target: Candidate, images: ImageTensors
) -> PersonVectors:
    """Everyone, before one picture; histories of one length, at least one vote."""
    answering, posterior = [], []
    for batch in _batches(model, histories, target, images):
        late, early = model(**batch, layers=(model.backbone.depth, BELIEFS)).layers
        targets, context = batch["targets"], batch["context"].unflatten(0, (len(batch["targets"]), -1))[:, -1]
        answering.append(late[targets[:, 0], targets[:, 1]].double())
        # The last vote is known when its answer has been read: one place after the one that predicts it.
        posterior.append(early[context[:, 0], context[:, 1] + 1].double())
    return PersonVectors(torch.cat(answering).numpy(), torch.cat(posterior).numpy())


def clustered(
    models: ModelPair, tested: MeasuredPeople, votes: int, seeds: Sequence[int]
) -> Iterator[Figure]:
    """K-means of people's vectors, about one target picture a seed; from the lowest to the highest."""
    context = tested.histories(votes)
    people = [
        embedded(models.model.network, context, tested.candidates[seed][0], models.images) for seed in seeds
    ]
    for kind, prefix in (("answering", "clusters"), ("believed", "clusters.beliefs")):
        found = [
            _clusters(getattr(one, kind), tested.groups, seed)
            for one, seed in zip(people, seeds, strict=True)
        ]
        for name in found[0]:
            yield spread(f"{prefix}.{name}", [one[name] for one in found])


def attended(models: ModelPair, tested: MeasuredPeople, votes: int, path: Path) -> Iterator[Figure]:
    """How alike the maps of people of one group are, and of two, by layer; some are kept in a file.

    Shares differ by orders of magnitude, so maps are compared as logs. Nothing for a model without tokens.
    """
    if not len(models.model.network.tokens):
        return
    context, target = tested.histories(votes), tested.candidates[0][0]
    orders = [
        attention_maps(models.model.network, reshuffled(context, seed), target, models.images)
        for seed in range(MAPS)
    ]
    maps = np.stack(orders, axis=1)
    shares, logs = maps.sum(axis=-1).mean(axis=(0, 1, 4)), np.log(maps.clip(min=TINY))
    keep_maps(path, logs, shares, tested.groups)
    for layer, heads in enumerate(shares):
        share = float(heads.mean())
        yield Figure(
            f"attention.share.{layer + 1}", share, float(heads.min()), float(heads.max()), len(heads)
        )
        mean = logs[:, :, layer].mean(axis=1).reshape(len(logs), -1)
        yield from likeness(mean, tested.groups, layer + 1)


def _clusters(vectors: Float[np.ndarray, "people d"], groups: np.ndarray, seed: int) -> dict[str, float]:
    labels = {k: KMeans(k, n_init=10, random_state=seed).fit_predict(vectors) for k in CLUSTERS}
    best = max(labels, key=lambda k: silhouette_score(vectors, labels[k]))
    true = len(np.unique(groups))
    return {
        "k": float(best),
        "silhouette": float(silhouette_score(vectors, labels[best])),
        "davies_bouldin": float(davies_bouldin_score(vectors, labels[best])),
        "ari": float(adjusted_rand_score(groups, labels[best])),
        "ari.true_k": float(adjusted_rand_score(groups, labels[true])),
        "silhouette.true_groups": float(silhouette_score(vectors, groups)),
    }


@torch.no_grad()
def attention_maps(
    model: PreferenceNetwork, histories: Sequence[History], target: Candidate, images: ImageTensors
) -> Float[np.ndarray, "people layers heads visual tokens"]:
    """How the visual tokens of one picture attend to the preference tokens; shares of all attention, 0 to 1."""
    maps = []
    with _weights_of(model) as seen:
        for batch in _batches(model, histories, target, images):
            model(**batch)
            weights = torch.stack(seen, dim=1)
            seen.clear()
            image = model.backbone.network.config.image_token_id
            asks = (batch["input_ids"] == image) & (batch["segments"] == 1)
            slots = batch["input_ids"] == SLOT
            for share, rows, columns in zip(weights, asks, slots, strict=True):
                maps.append(share[:, :, rows][..., columns].double())
    return torch.stack(maps).numpy()


def likeness(maps: Float[np.ndarray, "people cells"], groups: np.ndarray, layer: int) -> Iterator[Figure]:
    """How alike maps are within a group and across: cosine after the mean of all people is taken off; bootstrap."""
    centred = maps - maps.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True).clip(min=1e-12)
    alike = centred @ centred.T
    same = (groups[:, None] == groups) & ~np.eye(len(groups), dtype=bool)
    other = groups[:, None] != groups
    statistics = {
        "within": lambda counts: _means(alike, same, counts),
        "across": lambda counts: _means(alike, other, counts),
        "within_minus_across": lambda counts: _means(alike, same, counts) - _means(alike, other, counts),
    }
    for name, statistic in statistics.items():
        # Sums over the rows of a unit matrix say how often each person is drawn.
        yield Figure(f"attention.{name}.{layer}", *resampled(np.eye(len(groups)), statistic, seed=0))


def _means(
    alike: Float[np.ndarray, "people people"], pairs: np.ndarray, counts: Float[np.ndarray, "draws people"]
) -> Float[np.ndarray, " draws"]:
    """Mean over pairs of two people, each person as often as it was drawn; nobody is a pair with themselves."""
    total, number = (((counts @ part) * counts).sum(axis=1) for part in (alike * pairs, pairs.astype(float)))
    return total / number


def keep_maps(
    path: Path,
    logs: Float[np.ndarray, "people orders layers heads visual tokens"],
    shares: Float[np.ndarray, "layers heads"],
    groups: np.ndarray,
) -> None:
    """Keep how far the maps of the first people of two groups lie from the mean of all people, as logs.

    Of the last layer that gives the tokens a hundredth of some head's attention (else of the last), and the head that
    gives most there.
    """
    enough = np.flatnonzero(shares.max(axis=1) >= ENOUGH)
    layer = int(enough[-1]) if len(enough) else len(shares) - 1
    head = int(shares[layer].argmax())
    maps = logs[:, :, layer, head]
    maps = maps - maps.mean(axis=(0, 1))
    kept = {str(group): maps[np.flatnonzero(groups == group)[:SHOWN]].round(3).tolist() for group in (0, 1)}
    path.write_text(json.dumps({"layer": layer + 1, "head": head + 1, "maps": kept}) + "\n", encoding="utf-8")


def _batches(
    model: PreferenceNetwork, histories: Sequence[History], target: Candidate, images: ImageTensors
) -> Iterator[dict[str, Tensor]]:
    model.eval()
    for start in range(0, len(histories), AT_ONCE):
        some = histories[start : start + AT_ONCE]
        rows = [pack(history, [target], model.encoder, len(model.tokens)) for history in some]
        batch, names = collate(rows, model.pad_id)
        yield {**batch, **images(names)}


@contextmanager
def _weights_of(model: PreferenceNetwork) -> Iterator[list[Float[Tensor, "b heads s s"]]]:
    """Attend by transformers' own slow way, which gives the weights, to the same masks; a tensor a layer and call."""
    text = model.backbone.network.model.text_model
    seen: list[Tensor] = []
    before = text.config._attn_implementation
    hooks = [
        layer.self_attn.register_forward_hook(lambda *call: seen.append(call[2][1])) for layer in text.layers
    ]
    text.config._attn_implementation = "eager"
    try:
        yield seen
    finally:
        text.config._attn_implementation = before
        for hook in hooks:
            hook.remove()
