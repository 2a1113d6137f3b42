"""One journey for every way to know a person: the two that come with the package, and one written here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from tasteprint.cli.score import scores_of
from tasteprint.cli.steering import own_rewards
from tasteprint.config import Config, GuideConfig
from tasteprint.data.histories import fixed_examples
from tasteprint.evaluate.baselines import baselines_of
from tasteprint.evaluate.evaluation import evaluate
from tasteprint.evaluate.predictors import predictor_of
from tasteprint.guide.reno import guide, noises
from tasteprint.library.opinions import renamed
from tasteprint.library.rank import rank_files
from tasteprint.methods import METHODS, open_model
from tasteprint.report.people import person_pages
from tasteprint.types import History, Print, Scorer, TasteModel


def pixels_of(pictures):
    arrays = [np.asarray(picture.convert("RGB")) for picture in pictures]
    return torch.stack([torch.tensor(array).movedim(-1, 0) / 255 for array in arrays])


@dataclass(frozen=True)
class BrightnessPrint:
    """Likes a picture the more, the nearer its mean brightness is to that of the pictures liked so far."""

    user_id: str
    liked: tuple[float, ...] = ()
    fingerprint = "brightness"

    def score(self, images, prompts=()):
        return -(images.mean(dim=(1, 2, 3)) - sum(self.liked) / max(1, len(self.liked))).abs()

    def score_pictures(self, pictures, prompts=(), *, names=()):
        return self.score(pixels_of(pictures))

    def prefers(self, a, b, prompts=(), *, names=()):
        a, b = (x if isinstance(x, torch.Tensor) else pixels_of(x) for x in (a, b))
        return (self.score(a) - self.score(b)).sigmoid()

    def extended(self, opinions, open_image):
        means = [float(pixels_of([open_image(vote.liked)]).mean()) for vote in opinions]
        return BrightnessPrint(self.user_id, (*self.liked, *means))

    def save(self, path):
        Path(path).write_text(json.dumps([self.user_id, self.liked]))

    @staticmethod
    def load(path, model):
        user_id, liked = json.loads(Path(path).read_text())
        return BrightnessPrint(user_id, tuple(liked))


class Brightness:
    """A third way to know a person."""

    fingerprint = "brightness"

    def print_of(self, history, open_image):
        return BrightnessPrint(history.user_id).extended(history.votes, open_image)

    def prints_of(self, histories, open_image):
        return [self.print_of(history, open_image) for history in histories]

    def save_pretrained(self, folder):
        Path(folder).mkdir()


@pytest.fixture(scope="module", params=["mini", "mini-posterior", "brightness"])
def model(request):
    return Brightness() if request.param == "brightness" else open_model(request.param)


@pytest.fixture(scope="module")
def examples(dataset):
    return fixed_examples(dataset.votes_by_user("test"), 4, 4, 0)[0]


@pytest.fixture(scope="module")
def person(model, dataset, examples):
    return model.print_of(examples[0].history, dataset.images.open)


@pytest.fixture(scope="module")
def pictures(dataset, examples):
    return [dataset.images.open(name) for vote in examples[0].targets for name in vote.images]


def prompts(pictures):
    return ["a fish"] * len(pictures)


def test_it_keeps_the_protocol(model, person, examples):
    assert isinstance(model, TasteModel) and isinstance(person, Print) and isinstance(person, Scorer)
    assert person.user_id == examples[0].history.user_id and person.fingerprint == model.fingerprint


def test_many_people_are_each_as_alone(model, person, dataset, examples, pictures):
    first, second = model.prints_of([example.history for example in examples[:2]], dataset.images.open)
    assert [first.user_id, second.user_id] == [example.history.user_id for example in examples[:2]]
    close(
        first.score_pictures(pictures, prompts(pictures)), person.score_pictures(pictures, prompts(pictures))
    )


def close(a, b, tolerance=1e-4):
    torch.testing.assert_close(a.float().cpu(), b.float().cpu(), rtol=tolerance, atol=tolerance)


def test_scores_are_one_a_picture_with_gradients_to_the_pixels(person, pictures):
    images = pixels_of(pictures).requires_grad_()
    scores = person.score(images, prompts(pictures))
    assert scores.shape == (len(pictures),) == person.score_pictures(pictures, prompts(pictures)).shape
    gradient = torch.autograd.grad(scores.sum(), images)[0]
    assert gradient.isfinite().all() and all(row.abs().sum() > 0 for row in gradient)


def test_preferences_are_probabilities_that_add_up(person, pictures):
    a, b = pictures[0::2], pictures[1::2]
    forth, back = person.prefers(a, b, prompts(a)), person.prefers(b, a, prompts(a))
    assert ((forth > 0) & (forth < 1)).all()
    close(forth + back, torch.ones(len(a)))
    close(person.prefers(pixels_of(a), pixels_of(a), prompts(a)), torch.full((len(a),), 0.5))


def test_an_extended_print_is_that_of_the_longer_history(model, person, dataset, examples, pictures):
    history = examples[0].history
    before = model.print_of(History(history.user_id, history.votes[:2]), dataset.images.open)
    after = before.extended(history.votes[2:], dataset.images.open)
    scores = person.score_pictures(pictures, prompts(pictures))
    close(after.score_pictures(pictures, prompts(pictures)), scores)
    assert not torch.allclose(before.score_pictures(pictures, prompts(pictures)), scores)


def test_a_saved_print_scores_as_before(model, person, pictures, tmp_path):
    person.save(tmp_path / "person")
    again = type(person).load(tmp_path / "person", model)
    assert again.user_id == person.user_id and again.fingerprint == model.fingerprint
    close(
        again.score_pictures(pictures, prompts(pictures)), person.score_pictures(pictures, prompts(pictures))
    )


def test_pictures_are_ranked_by_their_score(model, person, dataset, examples, pictures):
    names = sorted({name for vote in examples[0].targets for name in vote.images})
    shown = [dataset.images.open(name) for name in names]
    scores = [row["margin"] for row in scores_of(person, names, shown, "a fish")]
    files = [dataset.images.path(name) for name in names]
    history = renamed(
        examples[0].history, {name: str(dataset.images.path(name)) for name in examples[0].history.images}
    )
    ranking = rank_files(model, files, history, None, lambda *_: None, "a fish")
    found = {one.path: one.score for one in ranking.pictures}
    np.testing.assert_allclose(
        [found[file] for file in files], scores, rtol=0.02, atol=0.02
    )  # half precision
    assert [one.score for one in ranking.pictures] == sorted(found.values(), reverse=True)


def test_it_is_evaluated_beside_its_baselines(model, dataset, examples):
    baselines = baselines_of(model, dataset, seed=0)
    assert {"population", "logistic", "tastes"} <= set(baselines)
    assert ("own_only" in baselines) == hasattr(model, "untrained")
    predictors = {"own": predictor_of(model, dataset), "population": baselines["population"]}
    figures = {figure.name: figure for figure in evaluate(predictors, examples, counts=(0, 4))}
    assert {"accuracy.own", "accuracy.no_history", "own_minus_other.4", "accuracy.population"} <= set(figures)
    assert all(figure.n == len(examples) for name, figure in figures.items() if name.startswith("accuracy"))


def test_its_people_are_shown_in_a_report(model, dataset):
    page = person_pages(model, dataset, 4, 0)[0]
    assert len(page.history) == 4 and page.pairs and page.outcomes
    assert bool(page.memberships) == hasattr(
        model.prints_of([History("ann")], dataset.images.open)[0], "memberships"
    )


def test_it_guides_a_generator(person):
    def painter(noise, prompt):
        return interpolate(noise.sigmoid(), scale_factor=8)

    [reward] = own_rewards({"own": person}, weight=0.75)
    steps = list(guide(painter, "a fish", next(noises((3, 6, 6), [0])), [reward], GuideConfig(steps=2)))
    assert len(steps) == 3 and steps[-1].best.seen.loss <= steps[0].seen.loss


def test_every_method_is_one_of_the_config_and_names_classes_that_exist():
    assert set(METHODS) == set(get_args(get_type_hints(Config)["method"]))
    for method in METHODS.values():
        assert callable(method.model_class().from_pretrained) and callable(method.run_class().go)


def test_a_model_of_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "tasteprint.json").write_text('{"format": 1, "kind": "horoscope"}')
    with pytest.raises(
        ValueError, match="is of the kind 'horoscope'; expected one of in-context, posterior: "
    ):
        open_model(str(tmp_path))
