"""The results of the in-context model on simulated people: figures checked by hand, shortcuts against slow twins."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments import baselines
from experiments.combined import CombinedModels, left_out
from experiments.figures import calibration, flips, flips_of_means, share_of_headroom
from experiments.inside import _clusters, _weights_of, attention_maps, likeness
from experiments.models import open_pair, painted
from experiments.people import HISTORY, MeasuredPeople, reshuffled, scores_of, strangers
from tasteprint.incontext.images import StoredTokens
from tasteprint.posterior.likelihoods import Answers
from tasteprint.simulate.bayes import predict
from tasteprint.simulate.oracle import bounds, bounds_of
from tasteprint.simulate.world import draw_test
from tasteprint.vision.feature_store import FeatureStore

pytestmark = pytest.mark.numerical


@pytest.fixture
def tested():
    return MeasuredPeople.of(draw_test(), 4)


@pytest.fixture
def images(tested, model, tmp_path):
    store = FeatureStore(tmp_path, model.image_encoder, painted(tested.world.pictures))
    return StoredTokens(store, model.network.backbone.width)


@pytest.fixture
def predictor(model, tested, tmp_path):
    return model.predictor(painted(tested.world.pictures), tmp_path)


def test_flips_are_counted_over_pairs_of_readings():
    odds = [
        np.array([[1.0, 1.0], [1.0, 2.0]]),
        np.array([[1.0, -1.0], [1.0, 2.0]]),
        np.array([[1.0, -2.0], [0.0, 2.0]]),
    ]
    # Of each person's two targets and three pairs of readings: person 0 flips twice, person 1 never (a tie does not).
    assert flips("order.flips", odds).value == pytest.approx(2 / 12)
    assert flips_of_means("of_1", odds, 1).value == pytest.approx(2 / 12)
    four = [
        np.array([[3.0], [1.0]]),
        np.array([[-1.0], [1.0]]),
        np.array([[-1.0], [1.0]]),
        np.array([[-1.0], [1.0]]),
    ]
    # However the 3 is placed, its mean with a -1 is 1 and the mean of the others is -1.
    assert flips_of_means("of_2", four, 2).value == pytest.approx(1 / 2)


def test_calibration_bins_say_what_was_said_and_how_much_came_true():
    odds = np.log(0.8 / 0.2)  # said 0.8: the seventh of ten bins from 0.5 on
    people = [np.array([[odds, 0.0], [odds, 0.0]]), np.array([[0.0, odds], [odds, 0.0]])]
    found = {figure.name: figure.value for figure in calibration(people, ".mine")}
    (said,) = (value for name, value in found.items() if name.startswith("calibration.said.mine."))
    (right,) = (value for name, value in found.items() if name.startswith("calibration.right.mine."))
    assert (said, right) == (pytest.approx(0.8), 0.75)
    assert found["calibration.ece.mine"] == pytest.approx(0.05)


def test_the_bound_captures_all_of_the_headroom_and_the_average_none():
    average, best = np.array([[0.5, 0.5], [0.6, 0.4]]), np.array([[0.9, 0.7], [0.8, 0.8]])
    assert share_of_headroom("h", best, average, best).value == 1
    assert share_of_headroom("h", average, average, best).value == 0
    half = share_of_headroom("h", (average + best) / 2, average, best)
    assert (half.value, half.low, half.high) == (pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0.5))


def test_bounds_of_fewer_votes_are_those_of_all_the_history(tested):
    world = tested.world
    slow = bounds(world.population, tested.people, world.votes_by_user(), world.pictures, (0, 2, 32))
    fast = tested.bounds((0, 2))
    for name in ("bound.oracle", "bound.average", "bound.centroid.2", "bound.bayes.2"):  # by the same samples
        assert np.array_equal(slow[name].earned, fast[name].earned)


def test_references_rank_two_pictures_as_they_choose_between_them():
    """Of two pictures the expected wins rank as the pair's own probability: the same samples, so the same choices."""

    whole = MeasuredPeople.of(draw_test(), 100)
    one_target = replace(whole, votes=[votes[: HISTORY + 1] for votes in whole.votes])
    told, answers = (
        np.delete(a, np.s_[8:HISTORY], axis=1) for a in (one_target.differences, one_target.answers)
    )
    population, utilities = one_target.world.population, one_target.utilities
    found = bounds_of(population, utilities, told, answers, (0, 8), samples=baselines.SAMPLES)
    scores = baselines.reference_scores(one_target, 8)
    pairs = {"bound.bayes": "bound.bayes.8", "bound.centroid": "bound.centroid.8"}
    for name, ranked in scores.items():
        assert np.array_equal(one_target.earned(ranked), found[pairs.get(name, name)].earned)


def test_wins_are_counted_over_all_other_pictures(tested):
    """The slow twin: one picture against the rest at a time; a picture against itself has one half of a win."""

    shown = baselines._shown(tested)
    told, answers = tested.differences[:, :8], tested.answers[:, :8]
    slow = [
        predict(
            tested.world.population, told, answers, shown[:, [i]] - shown, baselines.SAMPLES, 1
        ).probability.sum(1)
        for i in range(0, shown.shape[1], 5)
    ]
    scores = baselines.reference_scores(tested, 8)
    assert shown.shape[1] == 2 * (len(tested.votes[0]) - HISTORY)
    assert scores["bound.bayes"][:, ::5] == pytest.approx(np.stack(slow, axis=1) - 0.5, abs=1e-9)
    assert scores["bound.average"].sum() == pytest.approx(4 * 32 * 31 / 2)


def test_reshuffled_votes_are_the_same_votes(tested):
    (before, *_), (after, *_) = tested.histories(8), reshuffled(tested.histories(8), 1)
    assert {(vote.liked, vote.disliked) for vote in before.votes} == {
        (vote.liked, vote.disliked) for vote in after.votes
    }
    assert before.votes != after.votes


def test_mistaken_people_have_wrong_histories_and_true_targets(tested):
    mistaken = tested.mistaken(0.2, seed=0)
    wrong = mistaken.answers != tested.answers
    # Of 4 * 32 votes, each with probability 0.2: four standard errors.
    assert wrong[:, :HISTORY].mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 128))
    assert not wrong[:, HISTORY:].any()
    assert np.array_equal(mistaken.truth, tested.truth)
    assert not (tested.mistaken(0.0, seed=0).answers != tested.answers).any()


def test_strangers_see_the_same_pictures_and_have_other_tastes(tested):
    other = strangers()
    assert other.pictures == tested.world.pictures
    assert not np.allclose(other.population.tastes, tested.world.population.tastes)


def test_features_are_what_the_backbone_sees(tested, model, images):
    names = list(tested.world.pictures)[:3]
    pixels = model.network.pixels([images.store.open_image(name) for name in names])
    with torch.no_grad():
        seen = model.network.backbone.image_features(pixels)
    assert torch.allclose(images(names)["image_features"], seen, atol=1e-5)


def test_attention_is_that_of_the_model_and_leaves_it_as_it_was(tested, model, images, predictor):
    told, asked = tested.histories(2), [person[:4] for person in tested.candidates]
    before = scores_of(predictor, told, asked)
    with _weights_of(model.network) as weights:
        assert scores_of(predictor, told, asked) == pytest.approx(before, abs=1e-4)
        assert len(weights) == model.network.backbone.depth
        assert all(torch.allclose(one.sum(dim=-1), torch.ones(()), atol=1e-5) for one in weights)
    maps = attention_maps(model.network, told, asked[0][0], images)
    assert maps.shape == (4, model.network.backbone.depth, 4, 2, len(model.network.tokens))
    assert (maps >= 0).all()
    assert (maps.sum(axis=-1) <= 1 + 1e-6).all()
    assert np.array_equal(scores_of(predictor, told, asked), before)


def test_maps_that_are_those_of_the_group_are_alike_within_and_unlike_across():
    groups = np.repeat([0, 1], 20)
    maps = np.where(groups[:, None] == 0, [0.3, 0.1], [0.1, 0.3])
    found = {figure.name: figure.value for figure in likeness(maps, groups, 3)}
    assert found["attention.within.3"] == pytest.approx(1)
    assert found["attention.across.3"] == pytest.approx(-1)
    assert found["attention.within_minus_across.3"] == pytest.approx(2)


def test_people_of_clear_groups_are_found():
    groups = np.repeat(np.arange(3), 6)
    vectors = np.eye(3)[groups] + np.random.default_rng(0).normal(0, 0.01, size=(18, 3))
    found = _clusters(vectors, groups, seed=0)
    assert (found["k"], found["ari"], found["ari.true_k"]) == (3, 1, 1)


def test_a_vote_is_left_out_where_its_own_margin_is_read(tested):
    calls = []

    def predictor(histories, asked):
        calls.extend(
            (len(history), set(history.images), {name for name, _ in person})
            for history, person in zip(histories, asked, strict=True)
        )
        return [np.zeros(len(person)) for person in asked]

    assert left_out(predictor, tested.histories(3)).shape == (4, 6)
    assert all(count == 2 and not shown & asked for count, shown, asked in calls)


def test_combined_models_without_deviation_are_the_model():
    torch.manual_seed(0)
    rows, offsets = torch.randn(3, 5, 2).double(), torch.randn(3, 5).double()
    margins, features = torch.randn(3, 4).double(), torch.randn(3, 4, 2).double()
    both = CombinedModels(torch.ones(2).double(), Answers.choices(rows, offsets), margins, features)
    alone = (margins[:, 0::2] - margins[:, 1::2]).numpy()
    assert np.array_equal(both.odds(0.0), alone)
    assert both.odds(1e-4) == pytest.approx(alone, abs=1e-4)
    assert both.scores(1e-4) == pytest.approx(margins.numpy(), abs=1e-4)
    assert np.abs(both.odds(1.0) - alone).max() > 0.1
    assert both.best_scale((alone > 0).astype(float)) == 0 or both.best_scale((alone < 0).astype(float)) > 0


def test_models_that_are_exchanged_are_refused(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="expected an InContextModel and a TastePosterior"):
        open_pair(str(tmp_path / "model"), str(tmp_path / "model"), {}, tmp_path)
