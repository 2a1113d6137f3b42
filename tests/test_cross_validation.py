"""How scales are chosen: choices that ratings imply, one scale after the other, and nothing computed twice."""

import pytest
import torch

from tasteprint.config import PosteriorConfig
from tasteprint.posterior import choice, cross_validation
from tasteprint.posterior.alone import AlonePrior
from tasteprint.posterior.basis import Basis, Components
from tasteprint.posterior.cross_validation import (
    GRID,
    IMPLIED,
    LEAST_GAIN,
    CachedEstimation,
    folds,
    implied_choices,
    search_scales,
)
from tasteprint.posterior.empirical_bayes import Scales, assemble_prior
from tasteprint.posterior.likelihoods import ALONE, opinions_of
from tasteprint.posterior.rater_effects import rater_effects, shared_taste
from tasteprint.types import Passed, Rating, Vote
from tastes import COLOURS, embeddings, some_people

pytestmark = pytest.mark.numerical

NAMES = sorted(COLOURS)
PLACE = {name: row for row, name in enumerate(NAMES)}
ROWS = torch.from_numpy(embeddings(NAMES))


def rating(place, stars, out_of=5):
    return Rating("u", "", NAMES[place], stars, out_of)


def passed(place):
    return Passed("u", NAMES[place])


def vote(first, second, label=1.0):
    return Vote("u", "", NAMES[first], NAMES[second], label)


def implied(*opinions):
    return implied_choices(opinions_of(opinions, PLACE), torch.Generator().manual_seed(0))


def pairs(found):
    return sorted(map(tuple, found.images.tolist()))


def raters(count=8):
    return [opinions_of(votes, PLACE) for votes in some_people(count).values()]


# Implied choices


def test_stars_far_enough_apart_imply_a_choice():
    """Of 1, 2, 3 and 5 of 5 stars on images 0 to 3: two stars apart or more, the better image first."""
    found = implied(rating(0, 1), rating(1, 2), rating(2, 3), rating(3, 5))
    assert pairs(found) == [(2, 0), (3, 0), (3, 1), (3, 2)]
    assert found.bounds.tolist() == [[1, 2]] * 4 and found.weights.tolist() == [1.0] * 4


@pytest.mark.parametrize("out_of", range(3, 11))
def test_a_choice_is_implied_by_two_fifths_of_any_scale(out_of):
    found = implied(*(rating(stars - 1, stars, out_of) for stars in range(1, out_of + 1)))
    differences = {better - worse for better, worse in pairs(found)}
    assert differences == {n for n in range(1, out_of) if n / (out_of - 1) >= 0.4 - 1e-9}


def test_likes_are_chosen_over_dislikes_and_what_was_passed():
    found = implied(rating(0, 2, 2), rating(1, 1, 2), passed(2), rating(3, 2, 2))
    assert pairs(found) == [(0, 1), (0, 2), (3, 1), (3, 2)]


def test_scales_are_not_set_against_each_other():
    """4 of 4 stars say nothing beside 1 of 5; the ratings themselves are left, as there is no choice."""
    found = implied(rating(0, 4, 4), rating(1, 1, 5))
    assert found.images.tolist() == [[0, ALONE], [1, ALONE]]


def test_votes_and_ties_stay_as_they_are_beside_what_ratings_imply():
    found = implied(vote(0, 1), rating(2, 5), vote(3, 4, 0.5), rating(5, 1))
    assert found.images.tolist() == [[0, 1], [3, 4], [4, 3], [2, 5]]
    assert found.weights.tolist() == [1.0, 0.5, 0.5, 1.0]


def test_of_many_implied_choices_some_are_taken_at_random():
    """20 likes and 20 dislikes imply 400."""
    said = [rating(n, 1 + (n < 20), 2) for n in range(40)]
    found = implied(*said)
    assert len(found.weights) == IMPLIED == len(set(pairs(found)))
    assert all(first < 20 <= second for first, second in pairs(found))
    other = implied_choices(opinions_of(said, PLACE), torch.Generator().manual_seed(1))
    assert pairs(other) != pairs(found)


@pytest.mark.parametrize(
    "said", [(), (rating(0, 3),), (rating(0, 3), rating(1, 3)), (rating(0, 5), rating(1, 1))]
)
def test_too_few_to_part_are_left_alone(said):
    """One choice cannot be parted into context and target."""
    found = implied(*said)
    assert len(found.weights) == len(said) and (found.images[:, 1:] == ALONE).all()


def test_people_who_rated_are_predicted_in_choices():
    people = [opinions_of([rating(n, 1 + (n * k) % 5) for n in range(12)], PLACE) for k in (1, 2, 3, 4)]
    for fold in folds(people, len(NAMES), 0):
        for side in (*fold.context, *fold.targets):
            assert (side.images[:, 1] != ALONE).all()
        assert all((one.images[:, 1] == ALONE).all() for one in fold.train)


# The search


class Unestimated(CachedEstimation):
    """In the place of an estimation: gives back the scales."""

    def __call__(self, scales):
        return scales


def searched(monkeypatch, loss):
    """Search by a loss that is a function of the scales alone; also which were tried."""
    tried = []

    def log_loss(fitted, *rest):
        tried.append(fitted[0])
        return loss(fitted[0])

    monkeypatch.setattr(cross_validation, "log_loss", log_loss)
    return *search_scales([Unestimated((), ROWS, Components.of(ROWS), [])], []), tried


def test_the_best_value_of_each_scale_is_taken_one_after_the_other(monkeypatch):
    goal = Scales(*(GRID.get(name, (value,))[-1] for name, value in Scales()._asdict().items()))
    goal = goal._replace(components=16)

    def loss(scales):
        return sum(abs(a - b) / (1 + abs(b)) for a, b in zip(scales, goal, strict=True))

    best, least, tried = searched(monkeypatch, loss)
    assert best == goal and least == loss(goal) == 0
    assert (
        len(tried)
        == len(set(tried))
        == 1 + sum(len(set(GRID[name]) - {getattr(Scales(), name)}) for name in GRID)
    )


def test_gains_that_luck_could_bring_change_nothing(monkeypatch):
    """A value has to bring more than 0.002 nats: 0.0019 are left, 0.0021 are taken."""
    most = GRID["trust"][-1]
    for gain, taken in ((0.95 * LEAST_GAIN, False), (1.05 * LEAST_GAIN, True)):
        best, least, _ = searched(monkeypatch, lambda scales, gain=gain: 0.6 - gain * (scales.trust == most))
        assert best == Scales(trust=most if taken else Scales().trust)
        assert least == pytest.approx(0.6 - gain * taken)


def test_nothing_better_leaves_what_stands_there(monkeypatch):
    best, least, _ = searched(monkeypatch, lambda scales: 0.5)
    assert best == Scales() and least == 0.5


# Shortcuts


def test_an_estimate_after_others_is_as_from_scratch():
    """Whatever was tried before and is kept, or begun near: the same prior, as far as its search goes."""
    people, components = raters(5), Components.of(ROWS)
    estimation = CachedEstimation(NAMES, ROWS, components, people)
    for changed in ({}, {"rater": 2.0}, {"width": 1.0}, {"components": 1, "image": 0.5}, {}):
        scales = Scales(**changed)
        found = estimation(scales)
        basis = Basis.of(components.leading(int(scales.components)), scales.width)
        taste = shared_taste(basis.rows, people, scales.shared, scales.image)
        effects = rater_effects(basis.rows, people, taste, scales.rater)
        slow = assemble_prior(basis, taste, effects, people, NAMES, scales)
        for names in ((), NAMES):
            (shared, features), (others, other_features) = (
                one.utilities(ROWS, names) for one in (found, slow)
            )
            torch.testing.assert_close(shared, others, atol=2e-3, rtol=0)
            products = (one @ one.T for one in (features, other_features))
            torch.testing.assert_close(*products, atol=5e-3, rtol=1e-3)


def test_a_step_is_done_once_for_all_scales_that_it_does_not_read(monkeypatch):
    calls = []
    for name in ("shared_taste", "rater_effects"):
        plain = getattr(cross_validation, name)
        monkeypatch.setattr(
            cross_validation, name, lambda *rest, plain=plain, name=name: calls.append(name) or plain(*rest)
        )
    estimation = CachedEstimation(NAMES, ROWS, Components.of(ROWS), raters(4))
    for scales in (
        Scales(),
        Scales(others=1.0),
        Scales(linear=0.6),
        Scales(trust=2.0),
        Scales(rater=2.0),
        Scales(),
    ):
        estimation(scales)
    assert calls == ["shared_taste", "rater_effects", "rater_effects"]


def test_who_asks_for_nobodys_prior_gets_it_with_the_encoders_weights():
    weights = torch.tensor([1.0, 0.0, 1.0])
    found = choice.find_prior(NAMES, ROWS, raters(4), PosteriorConfig(prior="alone"), column_weights=weights)
    assert isinstance(found, AlonePrior)
    for part, other in zip(found.utilities(ROWS), AlonePrior.of(ROWS, weights).utilities(ROWS), strict=True):
        assert torch.equal(part, other)
