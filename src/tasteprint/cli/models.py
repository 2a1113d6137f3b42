"""Either way to know a person, opened by name, and read for evaluation beside its controls.

Enters: a folder, a run's folder or a Hub name; a dataset. Leaves: a model; readers. Does not know: how either works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasteprint.data.dataset import Dataset
    from tasteprint.evaluate.predictors import Predictor
    from tasteprint.incontext.network import InContextModel
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.vision.feature_store import FeatureStore

    AnyModel = InContextModel | TastePosterior


def open_model(name: str) -> AnyModel:
    """Open a model of either way by folder or Hub name, or one of those that come with the package."""
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    from tasteprint.incontext.network import InContextModel
    from tasteprint.incontext.storage import find, read_about
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.posterior.storage import KIND

    disable_progress_bar()
    set_verbosity_error()  # "the fast image processor needs torchvision": the slow one is meant
    folder = find(name)
    is_posterior = read_about(folder).get("kind") == KIND
    return (TastePosterior if is_posterior else InContextModel).from_pretrained(folder)


def predictors(
    model: AnyModel, dataset: Dataset, seed: int, beside: TastePosterior | None = None
) -> dict[str, Predictor]:
    """Make a model and its controls readers; the controls see the model's own features of the training images.

    `beside` is a taste posterior that is read on the same pairs, as `posterior`.
    """
    from tasteprint.evaluate.baselines import logistic, population, shared_tastes
    from tasteprint.evaluate.shared_tastes import STEPS, TASTES, fit_tastes

    store = store_of(model, dataset)
    train, held = dataset.votes_by_user("train"), dataset.votes_by_user("validation")
    everyone = [vote for votes in train.values() for vote in votes]
    seen = list(dict.fromkeys(image for vote in everyone for image in vote.images))
    tastes, _ = fit_tastes(store, train, held, TASTES, STEPS, seed)
    found = _own(model, store, dataset)
    if beside is not None:
        found["posterior"] = predictor(beside, dataset)
    return found | {
        "population": population(everyone),
        "logistic": logistic(store.rows, seen),
        "tastes": shared_tastes(tastes, store.rows),
    }


def predictor(model: AnyModel, dataset: Dataset) -> Predictor:
    """Make a model of either way a reader of a dataset's images."""
    return _read_by(model, store_of(model, dataset))


def store_of(model: AnyModel, dataset: Dataset) -> FeatureStore:
    """Open the features of a dataset's images as a model sees them. ValueError for a dataset without images."""
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.vision.feature_store import FeatureStore

    eye = model.encoder if isinstance(model, TastePosterior) else model.requires_grad_(False)
    return FeatureStore(dataset.folder / "features", eye, dataset.images.open)


def _read_by(model: AnyModel, store: FeatureStore) -> Predictor:
    from tasteprint.evaluate.predictors import PosteriorPredictor
    from tasteprint.posterior.model import TastePosterior

    if isinstance(model, TastePosterior):
        return PosteriorPredictor(model, store.rows)
    return lambda histories, candidates: model.margins(histories, candidates, store)


def _own(model: AnyModel, store: FeatureStore, dataset: Dataset) -> dict[str, Predictor]:
    """The model as a reader; of an in-context one also a twin that sees one person's votes and nothing else."""
    from tasteprint.evaluate.per_person_finetune import per_person_finetune
    from tasteprint.incontext.network import InContextModel

    if not isinstance(model, InContextModel):
        return {"own": _read_by(model, store)}
    captions, open_image = dataset.prompts(), dataset.images.open

    def untrained() -> InContextModel:
        return InContextModel.from_config(model.settings, captions, len(model.tokens))

    return {"own": _read_by(model, store), "own_only": per_person_finetune(untrained, open_image)}
