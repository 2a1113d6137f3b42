"""Pictures far from what a learned prior learned from: told apart, said, and believed less; others are left alone."""

import warnings

import numpy as np
import pytest
import torch

from tasteprint.posterior.familiarity import CHANCE, EACH, LEAST, Familiarity, warn_of_strangers
from tasteprint.posterior.model import TastePosterior
from tasteprint.types import History
from tastes import COLOURS, colour_encoder, fitted, picture, some_people

pytestmark = pytest.mark.numerical

WIDTH = 5


def normal(images, seed, scale=1.0):
    """Correlated, so that a distance by columns alone would not do."""
    mix = torch.eye(WIDTH) + 0.9 * torch.tril(torch.ones(WIDTH, WIDTH), -1)
    return scale * torch.randn(images, WIDTH, generator=torch.Generator().manual_seed(seed)) @ mix + 3


@pytest.fixture(scope="module")
def known():
    return Familiarity.of(normal(4000, 0))


def test_the_distance_is_that_of_mahalanobis(known):
    rows, new = normal(4000, 0), normal(50, 1)
    inner = rows[torch.arange(4000) % 5 != 0].double().numpy()
    precision = np.linalg.inv(np.cov(inner.T, bias=True))
    apart = new.double().numpy() - inner.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", apart, precision, apart) / WIDTH)
    np.testing.assert_allclose(
        known.distance(new), expected, rtol=0.01
    )  # shrunk a little, and in half precision


def test_of_new_images_of_the_kind_most_are_believed_and_of_far_ones_none(known):
    """2,000 new ones: 1 % lie beyond `near`, give or take 4 standard errors of both samples (800 were kept apart)."""
    belief = known(normal(2000, 2))
    error = (0.01 * 0.99 * (1 / 2000 + 1 / 800)) ** 0.5
    assert abs(float((belief < 1).float().mean()) - 0.01) < 4 * error
    assert (known(normal(50, 3, scale=9.0) + 60) == 0).all()
    assert ((belief >= 0) & (belief <= 1)).all()


def test_belief_falls_along_a_line_and_has_gradients(known):
    way = normal(1, 4) - known.mean
    rows = (known.mean + torch.linspace(0, 5, 40)[:, None] * way).requires_grad_()
    belief = known(rows)
    assert (belief.diff() <= 0).all() and belief[0] == 1 and belief[-1] == 0
    belief.sum().backward()
    assert rows.grad.isfinite().all() and rows.grad.any()


def test_of_too_few_images_nothing_is_said():
    assert Familiarity.of(normal(LEAST - 1, 0)) is None
    assert Familiarity.of(normal(LEAST, 0)) is not None
    assert Familiarity.of(torch.randn(LEAST, 1 + LEAST // EACH)) is None


def test_images_that_are_all_alike_do_not_break_it():
    rows = normal(300, 0)
    rows[:, 2] = 7.0
    assert Familiarity.of(rows)(rows).isfinite().all()


@pytest.mark.parametrize(
    ("far", "of", "said"),
    [
        (0, 100, False),
        (1, 1, False),
        (2, 2, False),
        (3, 100, False),
        (4, 4, True),
        (60, 100, True),
        (1, 0, False),
    ],
)
def test_a_warning_needs_more_than_chance(far, of, said):
    """Two of two: a chance of 0.01², 1 in 10,000, just `CHANCE`; three of three: one in a million."""
    belief = torch.ones(of)
    belief[:far] = 0.2
    assert 0.01**3 < CHANCE <= 0.01**2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_strangers(belief)
    assert bool(caught) == said
    if said:
        assert "unlike those that the model learned from" in str(caught[0].message)


# Through a learned posterior


@pytest.fixture(scope="module")
def learned():
    """Learned from people's colours, then told what is usual from 400 colours of the same kind."""
    model = fitted()
    draws = torch.Generator().manual_seed(0)
    usual = torch.rand(400, 3, generator=draws) * torch.tensor([1.0, 1.0, 0.02]) + torch.tensor(
        [0, 0, 90 / 255]
    )
    model.fitted.familiarity = Familiarity.of(model.fitted.map.inputs(usual))
    return TastePosterior(model.encoder, model.config, model.fitted)


def test_far_pictures_are_believed_less_and_it_is_said(learned):
    taste = learned.print_of(History("me", tuple(some_people(1)["u0"])), picture)
    names = sorted(COLOURS)[:8]
    near = torch.tensor([[COLOURS[n][0], COLOURS[n][1], 92] for n in names]) / 255
    far = near + torch.tensor([0.0, 0.0, 30.0])
    sure = (taste.prefers_embeddings(near[:4], near[4:]) - 0.5).abs()
    with pytest.warns(UserWarning, match=r"unlike those that the model learned from.*open another model"):
        unsure = (taste.prefers_embeddings(far[:4], far[4:]) - 0.5).abs()
    assert sure.max() > 0.2 and unsure.max() < 1e-6


def test_what_is_usual_is_kept_with_the_model(learned, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tasteprint.posterior.storage.ImageEncoder.from_pretrained", lambda name: colour_encoder()
    )
    learned.save_pretrained(tmp_path)
    again = TastePosterior.from_pretrained(tmp_path)
    rows = torch.rand(9, 3)
    assert torch.equal(
        again.fitted.familiarity(again.fitted.map.inputs(rows)),
        learned.fitted.familiarity(learned.fitted.map.inputs(rows)),
    )
    assert again.fingerprint == learned.fingerprint


def test_a_learned_prior_is_told_what_is_usual_when_it_has_seen_enough(learned):
    """The world of these tests has 40 images, too few; see tests/test_bundled.py for one that has."""
    assert fitted().fitted.familiarity is None
