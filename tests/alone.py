"""A small stand-in for a model that needs nobody else: kernel ridge on embeddings, every number by hand."""

from __future__ import annotations

import numpy as np
import torch

from tasteprint.types import Passed, Vote
from tasteprint.vision.encoder import ImageEncoder

RIDGE = 1.0


def wish(opinion):
    """What the person would have the opinion's features be worth: 1 for a like or a vote, -1 for a dislike."""
    if isinstance(opinion, Vote):
        return 2 * opinion.label_0 - 1
    if isinstance(opinion, Passed):
        return -0.1
    return 2 * (opinion.stars - 1) / (opinion.out_of - 1) - 1


class AlonePrint:
    """Knows a person by the weights of their opinions: score = sum over opinions of weight times likeness."""

    def __init__(self, model, history, embeddings):
        self.model, self.opinions, self.history = model, history.opinions, history
        rows = [self._row(opinion, embeddings) for opinion in self.opinions] or [np.zeros(len(model.mean))]
        self.rows = np.stack(rows)
        wishes = [wish(opinion) for opinion in self.opinions] or [0.0]
        likeness = self.rows @ self.rows.T
        self.weights = np.linalg.solve(likeness + RIDGE * np.eye(len(likeness)), np.array(wishes)) * 3

    def _row(self, opinion, embeddings):
        if isinstance(opinion, Vote):
            first, second = self.model.features(np.asarray(embeddings(opinion.images)))
            return first - second
        return self.model.features(np.asarray(embeddings([opinion.image])))[0]

    def evidence(self, rows, names=()):
        return torch.tensor(self.model.features(rows.numpy()) @ self.rows.T * self.weights)

    def score_embeddings(self, rows, names=()):
        return self.evidence(rows).sum(dim=1)

    def assess(self, rows, names=()):
        scores, others = self.score_embeddings(rows), self.score_embeddings(torch.tensor(self.model.rows))
        return scores, torch.sigmoid(scores[:, None] - others).mean(dim=1)


class Alone:
    """Knows pictures by an encoder alone; `at_hand` learns what is common among a person's pictures."""

    fingerprint = "alone"

    def __init__(self, encoder="statistics", rows=None):
        self.image_encoder = (
            encoder if isinstance(encoder, ImageEncoder) else ImageEncoder.from_pretrained(encoder)
        )
        self.rows = (
            np.zeros((1, self.image_encoder.width), np.float32)
            if rows is None
            else np.asarray(rows, np.float32)
        )
        self.mean, self.scale = self.rows.mean(0), self.rows.std(0) + 1e-3
        weights = getattr(self.image_encoder, "column_weights", None)
        self.weights = (
            np.full(len(self.mean), len(self.mean) ** -0.5) if weights is None else np.asarray(weights)
        )

    def features(self, rows):
        return (rows - self.mean) / self.scale * self.weights

    def at_hand(self, embeddings):
        return Alone(self.image_encoder, embeddings)

    def utilities(self, embeddings, names=()):
        raise NotImplementedError

    def prints_of(self, histories, open_image=None, embeddings=None):
        return [AlonePrint(self, history, embeddings) for history in histories]
