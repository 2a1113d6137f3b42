"""The baselines that every model is compared with (method.md section 7), as predictors.

Enters: a model and a dataset; training votes, image features, another predictor. Leaves: predictors by name, and
examples with another person's history. Does not know: how margins are judged.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tasteprint.data.histories import with_history_of
from tasteprint.evaluate.per_person_finetune import per_person_finetune
from tasteprint.evaluate.shared_tastes import STEPS, TASTES, Features, SharedTastes, fit_tastes
from tasteprint.types import Candidate, Example, History, Predictor, TasteModel, Vote
from tasteprint.vision.encoder import STATISTICS, ImageEncoder
from tasteprint.vision.feature_store import FeatureStore

if TYPE_CHECKING:
    from tasteprint.data.dataset import Dataset
    from tasteprint.incontext.network import PreferenceNetwork

CandidateFeatures = Callable[[Sequence[Candidate]], np.ndarray]
"""Candidates to their features, (n, d)."""

RIDGE = 1.0
"""Of the population's strengths: a standard normal prior on each, in logits."""


@runtime_checkable
class HasImageEncoder(Protocol):
    """A model that sees images through an encoder of its own."""

    @property
    def image_encoder(self) -> ImageEncoder: ...


@runtime_checkable
class HasUntrained(Protocol):
    """A model whose shape can be learned anew from one person alone."""

    def untrained(self, captions: Iterable[str]) -> PreferenceNetwork:
        """Give a network of the same shape that has learned nothing; the captions fit its tokenizer."""
        ...


def baselines_of(model: TasteModel, dataset: Dataset, seed: int) -> dict[str, Predictor]:
    """Make the baselines of a model: `population`, `logistic`, `tastes`, and `own_only` where it can be untrained.

    Image features are those of the model's own encoder, of a model without one colour and gradient statistics.
    ValueError where the dataset has no images.
    """
    images = dataset.images
    rows = FeatureStore(dataset.folder / "features", _encoder_of(model), images.open).rows
    train, held_out = dataset.votes_by_user("train"), dataset.votes_by_user("validation")
    everyone = [vote for votes in train.values() for vote in votes]
    names = list(dict.fromkeys(image for vote in everyone for image in vote.images))
    found = {
        "population": population(everyone),
        "logistic": logistic(rows, names),
        "tastes": shared_tastes(fit_tastes(rows, train, held_out, TASTES, STEPS, seed), rows),
    }
    if isinstance(model, HasUntrained):
        fresh = partial(model.untrained, dataset.prompts())
        found["own_only"] = per_person_finetune(fresh, images.open)
    return found


def population(votes: Sequence[Vote], ridge: float = RIDGE) -> Predictor:
    """Everybody's taste: one Bradley-Terry strength an image from all training votes, whoever the person is.

    Maximises `Σ log σ(s_liked - s_disliked) - ridge / 2 Σ s²`; a tie counts half for either side. Strengths
    sum to 0, and an image without votes has this mean, so that two such images tie.
    """
    strengths = bradley_terry(votes, ridge)

    def predicted(
        histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        return [np.array([strengths.get(image, 0.0) for image, _ in person]) for person in candidates]

    return predicted


def bradley_terry(votes: Sequence[Vote], ridge: float = RIDGE) -> dict[str, float]:
    """Strength of each image that the votes show, in logits; empty without votes (see `population`)."""
    places = {image: i for i, image in enumerate(dict.fromkeys(i for vote in votes for i in vote.images))}
    if not places:
        return {}
    pairs = np.array([[places[image] for image in vote.images] for vote in votes])
    first = csr_array(
        (np.tile([1.0, -1.0], len(pairs)), pairs.ravel(), np.arange(0, 2 * len(pairs) + 1, 2)),
        shape=(len(pairs), len(places)),
    )
    share = np.array([vote.label_0 for vote in votes], dtype=np.float64)
    strengths = _both_orders(first, share, 1 / ridge)
    return dict(zip(places, strengths.tolist(), strict=True))


def logistic(features: Features, training_images: Sequence[str], prior: float = 1.0) -> Predictor:
    """One logistic regression a person, on the feature differences of the history's pairs, nothing shared.

    Features are standardised by the training images. No intercept, since a pair has no order. The ridge is a
    normal prior of variance `prior / d` on each of d weights, so that a typical utility has variance `prior`.
    A person without history gets zeros.
    """
    of_images = [(image, "") for image in training_images]
    return logistic_of_candidates(lambda asked: features([image for image, _ in asked]), of_images, prior)


def logistic_of_candidates(
    features: CandidateFeatures, training: Sequence[Candidate], prior: float = 1.0
) -> Predictor:
    """Do the same on features of an image and its prompt, such as what several scorers say (`ScorerFeatures`)."""
    scaler = StandardScaler().fit(features(training))

    def person(history: History, candidates: Sequence[Candidate]) -> np.ndarray:
        if not history.votes:
            return np.zeros(len(candidates))
        said = [(image, vote.prompt) for vote in history.votes for image in (vote.liked, vote.disliked)]
        rows = scaler.transform(features([*said, *candidates]))
        differences = rows[0 : len(said) : 2] - rows[1 : len(said) : 2]
        weights = _both_orders(differences, np.ones(len(differences)), prior / rows.shape[1])
        return rows[len(said) :] @ weights

    return lambda histories, candidates: [person(*row) for row in zip(histories, candidates, strict=True)]


def shared_tastes(model: SharedTastes, features: Features) -> Predictor:
    """Shared tastes, the person's mixture of them inferred from the history.

    The margin of a candidate is its utility's posterior mean; so `sigmoid(margin a - margin b)` is the
    model's own P(a over b) where one taste has all the weight, and a little surer where several share it.
    """

    def person(history: History, candidates: Sequence[Candidate]) -> np.ndarray:
        names = [image for vote in history.votes for image in (vote.liked, vote.disliked)]
        rows = features(names + [image for image, _ in candidates])
        with torch.no_grad():
            utilities = model.utilities(
                torch.as_tensor(rows, dtype=model.mean.dtype, device=model.mean.device)
            )
            context, targets = utilities[: len(names)], utilities[len(names) :]
            return (
                (targets @ model.log_memberships(context[0::2] - context[1::2]).exp())
                .double()
                .numpy(force=True)
            )

    return lambda histories, candidates: [person(*row) for row in zip(histories, candidates, strict=True)]


def no_history(predictor: Predictor) -> Predictor:
    """The same predictor without any history; of a predictor with `pairs`, the pairs."""
    predict = getattr(predictor, "pairs", predictor)

    def predicted(
        histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        return predict([History(history.user_id) for history in histories], candidates)

    return predicted


def other_history(
    examples: Sequence[Example], seed: int, votes: Mapping[str, Sequence[Vote]] | None = None
) -> list[Example]:
    """Give every person the next one's history, in a seeded round of all people (so never the own).

    `votes`, by user, fill up where another's history shows a target image. ValueError for fewer than two
    people.
    """
    if len(examples) < 2:
        raise ValueError(
            f"another's history was requested among {len(examples)} people; expected at least 2: "
            "evaluate more people."
        )
    order = random.Random(seed).sample(range(len(examples)), len(examples))
    given = dict(zip(order, [*order[1:], order[0]], strict=True))
    others = [examples[given[place]] for place in range(len(examples))]
    spare = [(votes or {}).get(other.history.user_id, ()) for other in others]
    return [with_history_of(*row) for row in zip(examples, others, spare, strict=True)]


def _both_orders(
    differences: np.ndarray | csr_array, share: Float[np.ndarray, " pairs"], inverse_ridge: float
) -> Float[np.ndarray, " d"]:
    """Weights w of `P(first) = σ(w · difference)`; a pair's `share` is for its first.

    Both answers of a pair go in, so that ties weigh half for either and sklearn finds two classes.
    """
    labels = np.repeat([1, 0], len(share))
    weights = np.concatenate([share, 1 - share])
    rows = differences[np.tile(np.arange(len(share)), 2)]
    model = LogisticRegression(C=inverse_ridge, fit_intercept=False, max_iter=1000, tol=1e-6)
    return model.fit(rows, labels, weights).coef_[0]


def _encoder_of(model: TasteModel) -> ImageEncoder:
    return (
        model.image_encoder
        if isinstance(model, HasImageEncoder)
        else ImageEncoder.from_pretrained(STATISTICS)
    )
