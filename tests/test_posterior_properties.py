"""What must hold for all opinions: of likelihoods, of what is inferred, of prints on disk."""

from datetime import UTC, datetime

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import (
    FAR,
    SEEN,
    Cutpoints,
    answer_probability,
    answers,
    log_likelihood,
    opinions_of,
    own_cutpoints,
    slope_and_bend,
)
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.types import MOST_STARS, History, Passed, Rating, Vote
from tastes import COLOURS, fitted, picture

TABLE = Cutpoints().table()
IMAGES = sorted(COLOURS)[:6]
PLACE = {name: row for row, name in enumerate(IMAGES)}

UTILITIES = st.floats(-30, 30)
USERS = st.text(max_size=8)
PROMPTS = st.text(max_size=8)
TIMES = st.none() | st.datetimes(
    datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.sampled_from([None, UTC])
)
RANKINGS = st.none() | st.integers(0, 9)

VOTES = st.builds(
    lambda pair, *rest: Vote("u", rest[0], *pair, *rest[1:]),
    st.permutations(IMAGES).map(lambda order: order[:2]), PROMPTS, st.sampled_from([0.0, 0.5, 1.0]), TIMES, RANKINGS,
)  # fmt: skip
RATINGS = st.integers(2, MOST_STARS).flatmap(
    lambda n: st.builds(Rating, st.just("u"), PROMPTS, st.sampled_from(IMAGES), st.integers(1, n), st.just(n))
)
PASSED = st.builds(Passed, st.just("u"), st.sampled_from(IMAGES))
OPINIONS = st.lists(VOTES | RATINGS | PASSED, max_size=12)


def scale_bounds(n):
    """(low, high) of each of n stars."""
    one = opinions_of([Rating("u", "", "c", stars, n) for stars in range(1, n + 1)], {"c": 0})
    return [tuple(pair) for pair in TABLE[one.bounds].tolist()]


SCALES = {n: scale_bounds(n) for n in range(2, MOST_STARS + 1)}
BOUNDS = st.sampled_from([(0.0, FAR), *(bounds for scale in SCALES.values() for bounds in scale)])


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def history(opinions, user="u"):
    kinds = (tuple(one for one in opinions if isinstance(one, kind)) for kind in (Vote, Rating, Passed))
    return History(user, *kinds)


@pytest.fixture(scope="module")
def posterior():
    return fitted(steps=20)


@settings(deadline=None)
@given(UTILITIES, st.floats(0, 100), st.integers(2, MOST_STARS))
def test_answers_on_one_scale_are_all_there_is(utility, variance, n):
    """Probabilities of the stars sum to one, of a known utility and of one that is normal."""
    low, high = number(SCALES[n]).T
    mean, variances = number(utility).expand(n), number(variance).expand(n)
    for probabilities in (
        log_likelihood(mean, low, high).exp(),
        answer_probability(mean, variances, low, high),
    ):
        assert (probabilities >= 0).all()
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(OPINIONS)
def test_cuts_of_ones_own_rise_and_give_back_how_often_stars_were_given(opinions):
    """Of utility 0, k of n stars are as likely as their count, and one more rating spread over all n, says."""
    table = own_cutpoints(opinions_of(opinions, PLACE))
    for n in range(2, MOST_STARS + 1):
        weights = [0.0] * n
        for one in opinions:
            if isinstance(one, Rating) and one.out_of == n:
                weights[one.stars - 1] += 1
            elif isinstance(one, Passed) and n == 2:
                weights[0] += SEEN
        bounds = opinions_of([Rating("u", "", "c", stars, n) for stars in range(1, n + 1)], {"c": 0}).bounds
        low, high = table[bounds].T
        assert (low < high).all()
        found = log_likelihood(torch.zeros(n).double(), low, high).exp().tolist()
        assert found == pytest.approx([(one + 1 / n) / (sum(weights) + 1) for one in weights], abs=1e-12)


@settings(deadline=None)
@given(UTILITIES, UTILITIES)
def test_a_higher_utility_is_never_a_worse_answer(one, other):
    """It makes a choice, a like and the most stars likelier, and the fewest stars less likely."""
    low, high = sorted((one, other))
    for n in range(2, MOST_STARS + 1):
        (_, most_of_few), (least_of_many, _) = SCALES[n][0], SCALES[n][-1]
        few = log_likelihood(number([low, high]), number(-FAR), number(most_of_few))
        many = log_likelihood(number([low, high]), number(least_of_many), number(FAR))
        assert few[0] >= few[1] and many[0] <= many[1]
    choice = log_likelihood(number([low, high]), number(0.0), number(FAR))
    assert choice[0] <= choice[1] <= 0


@settings(deadline=None)
@given(UTILITIES, BOUNDS)
def test_slope_and_bend_are_the_derivatives(utility, bounds):
    """Central differences of a step h err by h² / 6 of a third derivative below 1, and by 1e-14 / h for rounding."""
    step = 1e-4
    points = number([utility - step, utility, utility + step])
    below, here, above = log_likelihood(points, *number(bounds)).tolist()
    slope, bend = (part[1].item() for part in slope_and_bend(points, *number(bounds)))
    assert (above - below) / (2 * step) == pytest.approx(slope, abs=1e-7)
    slopes, _ = slope_and_bend(points, *number(bounds))
    assert (slopes[0] - slopes[2]).item() / (2 * step) == pytest.approx(bend, abs=1e-7)
    assert here <= 0 and -1 <= slope <= 1 and 0 <= bend <= 0.5


@settings(deadline=None, max_examples=50)
@given(OPINIONS.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), st.integers(0, 9))
def test_the_order_of_opinions_does_not_matter(orders, seed):
    draw = torch.Generator().manual_seed(seed)
    shared, features = (torch.randn(6, *rest, generator=draw, dtype=torch.float64) for rest in ((), (3,)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        prior = MixturePrior(2, 3)
    one, other = (
        infer(prior, answers([opinions_of(order, PLACE)], shared, features, TABLE)) for order in orders
    )
    for first, second in zip(one, other, strict=True):
        torch.testing.assert_close(first, second, atol=1e-9, rtol=1e-9)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(USERS, OPINIONS)
def test_a_file_brings_every_print_back(posterior, tmp_path, user, opinions):
    taste = posterior.print_of(history(opinions, user), picture)
    taste.save(tmp_path / "print")
    back = PosteriorPrint.load(tmp_path / "print", posterior)
    assert back.user_id == user and back.opinions == taste.opinions and back.fingerprint == taste.fingerprint
    assert sorted(back.opinions, key=repr) == sorted(opinions, key=repr)
    assert all(torch.equal(one, other) for one, other in zip(back.belief, taste.belief, strict=True))


@settings(deadline=None, max_examples=30)
@given(OPINIONS, OPINIONS)
def test_extended_is_the_print_of_everything(posterior, earlier, later):
    """Features come in float32, embedded in other batches."""
    whole = posterior.print_of(history([*earlier, *later]), picture)
    grown = posterior.print_of(history(earlier), picture).extended(later, picture)
    assert grown.opinions == whole.opinions and grown.images.names == whole.images.names
    torch.testing.assert_close(grown.belief.taste, whole.belief.taste, atol=1e-4, rtol=1e-4)
