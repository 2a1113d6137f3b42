"""The generator that comes with the package: it opens without a network, is small, draws what is asked, for whom."""

from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression

import tasteprint
from tasteprint.config import GuideConfig
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import guide, noises
from tasteprint.guide.rewards import Reward, minus_margin
from tasteprint.posterior.model import TastePosterior
from tasteprint.simulate.painter import draw_pictures, paint
from tasteprint.simulate.taxonomy import SUBJECTS, prompt
from tasteprint.simulate.world import draw_test
from tasteprint.types import History
from tasteprint.vision.encoder import ImageEncoder

EACH = 8


@pytest.fixture(scope="module")
def generator():
    return open_generator("mini-generator", device="cpu")


@pytest.fixture(scope="module")
def images(generator):
    """Eight pictures of each subject, all of the same eight noises."""
    start = next(noises(generator.noise_shape(), range(EACH)))
    return torch.cat([generator(start, prompt(subject)) for subject in SUBJECTS])


def test_it_is_small_and_says_nothing_when_opened(capfd):
    folder = Path(tasteprint.__file__).parent / "weights/mini-generator"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 12_000_000
    assert (folder / "README.md").is_file() and not list(folder.rglob("*.bin"))
    made = open_generator("mini-generator", device="cpu")
    assert made.size == 48 and made.noise_shape() == (16, 12, 12)
    said = "".join(capfd.readouterr())
    assert "ignored" not in said and "Expected types" not in said


def test_the_prompt_decides_what_is_shown(images):
    """A reader of the eye's embeddings, taught here on painted pictures, finds the subject that was asked for."""
    eye, shown = ImageEncoder.from_pretrained("eye"), draw_pictures(1500, 77)
    painted = eye.embed_pictures(paint(p.subject, p.attributes, p.seed) for p in shown)
    predictor = LogisticRegression(max_iter=300).fit(painted, [p.subject for p in shown])
    asked = [subject for subject in SUBJECTS for _ in range(EACH)]
    assert predictor.score(painted, [p.subject for p in shown]) > 0.95
    assert predictor.score(eye.embed(images).detach(), asked) > 0.7


def test_the_noise_decides_the_rest(images):
    colours = images.mean(dim=(2, 3)).unflatten(0, (len(SUBJECTS), EACH))
    within = colours.std(dim=1).mean()  # of one prompt, from noise to noise
    between = colours.mean(dim=1).std(dim=0).mean()
    assert within > 0.1 and within > 2 * between


def test_it_is_guided_to_what_a_person_believes_to_like(generator):
    world = draw_test()
    votes = world.votes_by_user()[world.people[0].user_id][:8]

    def opened(name):
        picture = world.pictures[name]
        return paint(picture.subject, picture.attributes, picture.seed)

    taste = TastePosterior.from_pretrained("mini-posterior").print_of(History("me", tuple(votes)), opened)
    start = next(noises(generator.noise_shape(), [0, 1]))
    reward = Reward("own", taste, 0.75, minus_margin)
    *_, last = guide(generator, "a fish", start, [reward], GuideConfig(steps=8))
    first = taste.score(generator(start, "a fish"), ["a fish"] * 2)
    assert (last.best.seen.scores["own"] > first + 0.3).all()
