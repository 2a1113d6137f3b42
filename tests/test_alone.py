"""The prior that needs nobody: its features by hand, its scales, its doors, its folder."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tasteprint.config import PosteriorConfig
from tasteprint.posterior.alone import REFERENCES, SCALES, AlonePrior, ScaleMixture
from tasteprint.posterior.basis import DIRECTIONS
from tasteprint.posterior.model import TastePosterior
from tasteprint.tensor_files import write_tensors
from tasteprint.types import History, Passed, Rating, Vote
from tasteprint.vision.encoder import ImageEncoder
from tastes import fitted, vector_encoder

pytestmark = pytest.mark.numerical

WIDTH = 6
ALONE = PosteriorConfig(prior="alone")


def rows_of(images, seed=0):
    return 3 + torch.randn(images, WIDTH, generator=torch.Generator().manual_seed(seed))


def alone(rows, encoder=None):
    return TastePosterior.alone(ALONE, rows.numpy(), encoder or vector_encoder(WIDTH))


@pytest.fixture(scope="module")
def posterior():
    return alone(rows_of(100))


# Features


def test_features_are_the_mean_of_both_kernels_around_an_average_picture():
    rows = rows_of(60)
    points = ((rows - rows.mean(dim=0)) / rows.std(dim=0)).double().numpy()
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    median = np.sort(distance[np.triu_indices(60, 1)])[(60 * 59 // 2 - 1) // 2]
    centring = np.eye(60) - 1 / 60
    kernels = [
        centring @ kernel @ centring
        for kernel in (points @ points.T, np.exp(-((distance / median) ** 2) / 2))
    ]
    kernel = sum(one / np.diag(one).mean() for one in kernels) / 2
    shared, features = AlonePrior.of(rows).utilities(rows)
    np.testing.assert_allclose(features @ features.T, kernel, atol=1e-3)
    assert features.square().sum(dim=1).mean().item() == pytest.approx(1, abs=1e-3)
    assert (shared == 0).all() and features.shape == (60, DIRECTIONS)
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(DIRECTIONS), atol=1e-5, rtol=0)


def test_of_more_pictures_than_landmarks_and_directions_most_is_kept():
    """600 pictures: 512 for the components, 256 landmarks, 128 directions; less than a tenth of the squares is lost."""
    rows = rows_of(600)
    prior = AlonePrior.of(rows)
    _, features = prior.utilities(rows)
    assert 0.9 < features.square().sum(dim=1).mean() < 1.001
    assert prior.references()[1].shape == (REFERENCES, DIRECTIONS)


def test_columns_count_what_the_encoder_says(posterior):
    rows, other = rows_of(40), rows_of(40)
    other[:, 2] = torch.randn(40, generator=torch.Generator().manual_seed(5))
    encoder = vector_encoder(WIDTH, torch.tensor([1.0, 1, 0, 1, 1, 1]))
    one, two = (alone(some, encoder).utilities(some)[1] for some in (rows, other))
    torch.testing.assert_close(one @ one.T, two @ two.T, atol=1e-3, rtol=0)
    without, unlike = (alone(some).utilities(some)[1] for some in (rows, other))
    assert (without @ without.T - unlike @ unlike.T).abs().max() > 0.1


def test_the_same_picture_twice_and_columns_that_are_constant():
    """Two files of one content have one utility; in a column without differences none can be seen."""
    rows = rows_of(30)
    rows[:, 1], rows[7] = 5.0, rows[3]
    _, features = AlonePrior.of(rows).utilities(rows)
    assert torch.equal(features[7], features[3]) and features.isfinite().all()
    elsewhere = rows + torch.tensor([0.0, 9, 0, 0, 0, 0])
    torch.testing.assert_close(AlonePrior.of(rows).utilities(elsewhere)[1], features)


def test_two_pictures_are_enough():
    """The one is as far above the other as the other below it."""
    rows = rows_of(2)
    _, features = AlonePrior.of(rows).utilities(rows)
    torch.testing.assert_close(
        features @ features.T, torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), atol=1e-3, rtol=0
    )


def test_the_scales_are_those_stated_and_cuts_stretch_with_them():
    prior = ScaleMixture(5)
    assert prior.log_weights.exp().tolist() == pytest.approx(list(SCALES.values()))
    assert prior.spread.tolist() == [pytest.approx([scale] * 5) for scale in SCALES]
    assert prior.stretch.tolist() == pytest.approx([(1 + 3 * (s / np.pi) ** 2) ** 0.5 for s in SCALES])
    assert (prior.means == 0).all() and sum(SCALES.values()) == 1


def test_torch_draws_the_same_after_a_prior_was_made():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    AlonePrior.of(rows_of(10))
    assert torch.equal(torch.rand(3), expected)


# Doors


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (rows_of(0), "0 pictures are at hand; expected at least two"),
        (rows_of(1), "1 pictures are at hand; expected at least two"),
        (rows_of(1).repeat(9, 1), "of all 9 images are the same"),
        (rows_of(9)[:, :4], "expected 6 numbers an image"),
        (rows_of(9) * float("nan"), "embedding 0 of 9 is not finite"),
    ],
)
def test_what_no_features_can_be_learned_from_is_refused_in_a_sentence(posterior, rows, words):
    for door in (alone, lambda rows: posterior.at_hand(rows.numpy())):
        with pytest.raises(ValueError, match=words) as refusal:
            door(rows)
        sentence = str(refusal.value)
        assert "expected" in sentence and "\n" not in sentence and sentence.endswith(".")


def test_other_pictures_at_hand_make_another_model(posterior):
    before, rows = posterior.fingerprint, rows_of(50, seed=8)
    other = posterior.at_hand(rows.numpy())
    assert other.fingerprint != before == posterior.fingerprint
    assert other.fingerprint == alone(rows).fingerprint == posterior.at_hand(rows.numpy()).fingerprint
    assert other.config == posterior.config and other.image_encoder is posterior.image_encoder


def test_a_model_that_was_fitted_to_people_keeps_its_features():
    learned = fitted(steps=2)
    assert learned.at_hand(np.zeros((9, 3), np.float32)) is learned


def test_ones_own_opinions_are_known_alone():
    """`fit` to one person asks nobody else, and learns features from the pictures in their opinions."""
    rows = rows_of(20)
    votes = [Vote("me", "", str(n), str(n + 1), 1.0) for n in range(19)]
    made = TastePosterior.fit(
        {"me": votes}, PosteriorConfig(), encoder=vector_encoder(WIDTH), embeddings=lambda names: rows.numpy()
    )
    assert isinstance(made.fitted, AlonePrior) and made.config.prior == "alone"
    for part, other in zip(made.utilities(rows), alone(rows).utilities(rows), strict=True):
        assert torch.equal(part, other)


# Folders


def opened(monkeypatch, folder, width=WIDTH):
    monkeypatch.setattr(ImageEncoder, "from_pretrained", lambda name: vector_encoder(width))
    return TastePosterior.from_pretrained(folder)


def test_a_folder_brings_it_back(posterior, tmp_path, monkeypatch):
    posterior.save_pretrained(tmp_path)
    back = opened(monkeypatch, tmp_path)
    assert isinstance(back.fitted, AlonePrior)
    assert back.fingerprint == posterior.fingerprint and back.config == posterior.config
    rows = rows_of(9, seed=3)
    for part, other in zip(back.utilities(rows), posterior.utilities(rows), strict=True):
        assert torch.equal(part, other)


@pytest.mark.parametrize("damage", ["missing", "width", "cut", "scales"])
def test_a_damaged_folder_is_refused(posterior, tmp_path, monkeypatch, damage):
    posterior.save_pretrained(tmp_path)
    file = tmp_path / "posterior.safetensors"
    state = load_file(file)
    (tmp_path / "checksums.json").unlink()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-8])
    else:
        if damage == "missing":
            del state["map.root"]
        else:
            name = "map.mean" if damage == "width" else "prior.raw_spread"
            state[name] = torch.zeros(WIDTH + 1)
        save_file(state, file)
    with pytest.raises(ValueError, match=r"save (it|or fetch it) again"):
        opened(monkeypatch, tmp_path)


def test_a_print_of_every_kind_of_opinion_survives_the_disk(posterior, tmp_path):
    rows = rows_of(100)
    said = History(
        "me",
        (Vote("me", "", "1", "2", 0.5), Vote("me", "", "3", "2", 1.0)),
        (Rating("me", "", "4", 2), Rating("me", "", "5", 3, 5)),
        (Passed("me", "6"), Passed("me", "7")),
    )
    taste = posterior.prints_of([said], embeddings=lambda names: rows[[int(name) for name in names]].numpy())[
        0
    ]
    taste.save(tmp_path / "me")
    back = type(taste).load(tmp_path / "me", posterior)
    assert set(back.opinions) == set(said.opinions) and back.opinions == taste.opinions
    assert all(torch.equal(part, other) for part, other in zip(back.belief, taste.belief, strict=True))
    with pytest.raises(ValueError, match="made by another posterior"):
        type(taste).load(tmp_path / "me", posterior.at_hand(rows_of(50, seed=8).numpy()))


def test_a_print_whose_opinions_are_of_no_kind_is_refused(posterior, tmp_path):
    from safetensors import safe_open

    rows = rows_of(100)
    said = History("me", passed=(Passed("me", "6"),))
    posterior.prints_of([said], embeddings=lambda names: rows[:1].numpy())[0].save(tmp_path / "me")
    with safe_open(tmp_path / "me", "pt") as file:
        about, tensors = file.metadata(), {name: file.get_tensor(name) for name in ("shared", "features")}
    for wrong in ([{"image": "6"}], [{"user_id": "me", "image": "6", "seen": 1}], [{}], ["6"]):
        write_tensors(
            tmp_path / "other", tensors, about | {"said": json.dumps({"user": "me", "opinions": wrong})}
        )
        with pytest.raises(ValueError, match="names no readable opinions"):
            type(posterior.print_of(History("me"))).load(tmp_path / "other", posterior)
