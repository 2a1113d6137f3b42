"""Votes and ratings as numbers: every kind of opinion shown as the literal row that it becomes."""

import math
from itertools import pairwise

import pytest
import torch

from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import (
    ABOVE,
    BELOW,
    EVEN,
    FAR,
    LEAST_GAP,
    SEEN,
    Cutpoints,
    Opinions,
    answers,
    averaged_slope_and_bend,
    images_of,
    opinion_numbers,
    opinions_of,
    own_cutpoints,
    rating_shares,
    slope_and_bend,
)
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.types import MOST_STARS, Passed, Rating, Vote

pytestmark = pytest.mark.numerical

PLACE = {"a": 0, "b": 1, "c": 2}
SHARED = torch.tensor([0.5, -1.0, 2.0])
FEATURES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])


def vote(label, first="a", second="b"):
    return Vote("u", "p", first, second, float(label))


def rating(image, stars, out_of=2):
    return Rating("u", "p", image, stars, out_of)


def like(image):
    return rating(image, 2)


def dislike(image):
    return rating(image, 1)


def passed(image):
    return Passed("u", image)


def logit(probability):
    return math.log(probability / (1 - probability))


@pytest.fixture
def prior():
    torch.manual_seed(0)
    return MixturePrior(3, 2)


# Bounds: 0 is -FAR, 1 is 0, 2 is FAR, 3 the cut of a like, 4 and 5 those of three stars, 6 to 8 of four, 9 to 12
# of five.
@pytest.mark.parametrize(
    "opinion, images, bounds, weights",
    [
        (vote(1), [[0, 1]], [[1, 2]], [1.0]),
        (vote(0), [[1, 0]], [[1, 2]], [1.0]),
        (vote(0.5), [[0, 1], [1, 0]], [[1, 2], [1, 2]], [0.5, 0.5]),
        (like("c"), [[2, -1]], [[3, 2]], [1.0]),
        (dislike("c"), [[2, -1]], [[0, 3]], [1.0]),
        (passed("c"), [[2, -1]], [[0, 3]], [SEEN]),
        (rating("b", 3, 5), [[1, -1]], [[10, 11]], [1.0]),
        (rating("b", 1, 5), [[1, -1]], [[0, 9]], [1.0]),
        (rating("b", 5, 5), [[1, -1]], [[12, 2]], [1.0]),
        (rating("b", 2, 3), [[1, -1]], [[4, 5]], [1.0]),
    ],
)
def test_an_opinion_as_rows(opinion, images, bounds, weights):
    opinions = opinions_of([opinion], PLACE)
    assert [part.tolist() for part in opinions] == [images, bounds, weights]


def test_rows_and_bounds_of_answers_as_a_literal():
    """Two people; the second has fewer opinions, and is padded with what can only be true."""
    people = [
        opinions_of([vote(1), vote(0), like("c")], PLACE),
        opinions_of([rating("b", 3, 5)], PLACE),
    ]
    observed = answers(people, SHARED, FEATURES, Cutpoints().table())
    assert observed.rows.tolist() == [[[1, -1], [-1, 1], [3, 4]], [[0, 1], [0, 0], [0, 0]]]
    assert observed.offsets.tolist() == [[1.5, -1.5, 2.0], [-1.0, 0.0, 0.0]]
    third = 1.5 * math.log(0.6 / 0.4)  # 3 of 5 stars: as likely as any, between logits of 2/5 and 3/5
    assert torch.allclose(observed.low, torch.tensor([[0, 0, 0], [-third, -FAR, -FAR]]).double(), atol=1e-6)
    assert torch.allclose(observed.high, torch.tensor([[FAR] * 3, [third, FAR, FAR]]).double(), atol=1e-6)
    assert observed.weights.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert all(part.dtype == torch.float64 for part in observed)


def test_no_opinions_of_anybody_are_answers_without_rows(prior):
    nobody = opinions_of([], PLACE)
    observed = answers([nobody, nobody], SHARED, FEATURES, Cutpoints().table())
    assert observed.rows.shape == (2, 0, 2) and observed.weights.shape == (2, 0)
    assert torch.equal(infer(prior, observed).modes, prior.means.double().expand(2, -1, -1))


def test_padding_never_changes_a_belief(prior):
    """A person beside one who said much, and alone."""
    few, many = opinions_of([vote(1), dislike("c")], PLACE), opinions_of([vote(0.5)] * 30, PLACE)
    table = Cutpoints().table()
    beside = infer(prior, answers([few, many], SHARED, FEATURES, table)).of(0)
    alone = infer(prior, answers([few], SHARED, FEATURES, table)).of(0)
    for one, other in zip(beside, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_a_vote_shown_the_other_way_round_is_the_same_opinion():
    for label in (0, 1):
        one, other = opinions_of([vote(label)], PLACE), opinions_of([vote(label).swapped()], PLACE)
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_like_and_dislike_pull_apart(prior):
    """The more likes of an image, the higher its utility; dislikes as far the other way, its cut being 0."""
    table = Cutpoints().table()

    def liked(opinions):
        observed = answers([opinions_of(opinions, PLACE)], SHARED * 0, FEATURES, table)
        return (infer(prior, observed).taste @ FEATURES[2].double()).item()

    assert (
        liked([dislike("c")] * 2)
        < liked([dislike("c")])
        < liked([])
        < liked([like("c")])
        < liked([like("c")] * 2)
    )
    stars = [liked([rating("c", stars, 5)]) for stars in range(1, 6)]
    assert stars == sorted(stars) and len(set(stars)) == 5


def test_cuts_rise_within_every_scale_wherever_they_are_moved():
    cutpoints = Cutpoints()
    with torch.no_grad():
        for parameter in cutpoints.parameters():
            parameter.copy_(20 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    table = cutpoints.table().tolist()
    assert [table[i] for i in (BELOW, EVEN, ABOVE)] == [-FAR, 0.0, FAR]
    rest = table[ABOVE + 1 :]
    for n in range(2, MOST_STARS + 1):
        scale, rest = rest[: n - 1], rest[n - 1 :]
        assert all(high - low > LEAST_GAP / 2 for low, high in pairwise(scale))
    assert not rest


def test_cuts_begin_where_all_stars_are_alike():
    """At 1.5 logit(k / n): two stars part at 0, four at ±1.5 ln 3 and 0."""
    table = Cutpoints().table()
    assert table[3].item() == pytest.approx(0.0, abs=1e-6)
    assert table[6:9].tolist() == pytest.approx([-1.5 * math.log(3), 0.0, 1.5 * math.log(3)], abs=1e-5)


# A person's own cuts


def own(*opinions):
    return own_cutpoints(opinions_of(opinions, PLACE)).tolist()


def test_cuts_of_ones_own_by_hand():
    """The share below a cut, one more rating spread evenly over the stars; one scale says nothing of another."""
    likes = own(like("a"), like("b"), like("c"), dislike("a"), vote(1))
    assert likes[3] == pytest.approx(logit((1 + 0.5) / (4 + 1)))  # below 0: likes are common
    assert likes[6:9] == pytest.approx([logit(1 / 4), 0, logit(3 / 4)])
    stars = own(rating("a", 3, 4), rating("b", 3, 4), rating("c", 4, 4))
    assert stars[6:9] == pytest.approx([logit(0.25 / 4), logit(0.5 / 4), logit(2.75 / 4)])
    assert stars[3] == 0 and stars[BELOW] == -FAR and stars[EVEN] == 0 and stars[ABOVE] == FAR


def test_what_was_passed_counts_half():
    """2 likes among 10 pictures: 8 passed ones count 4."""
    table = own(like("a"), like("b"), *[passed("c")] * 8)
    assert table[3] == pytest.approx(logit((8 * SEEN + 0.5) / (2 + 8 * SEEN + 1)))
    assert table[3] == pytest.approx(math.log(4.5 / 2.5))


def test_without_ratings_all_stars_are_alike():
    for table in (own(), own(vote(1), vote(0.5))):
        assert table[ABOVE + 1 :] == pytest.approx(
            [logit(k / n) for n in range(2, MOST_STARS + 1) for k in range(1, n)]
        )


def test_cuts_of_each_persons_own_are_bounds_of_their_own():
    people = [opinions_of([like("c")], PLACE), opinions_of([like("c"), dislike("a"), vote(1)], PLACE)]
    tables = torch.stack([own_cutpoints(one) for one in people])
    together = answers(people, SHARED, FEATURES, tables)
    assert together.low.tolist()[0] == pytest.approx([logit(0.5 / 2), -FAR, -FAR])
    assert together.low.tolist()[1] == pytest.approx([logit(1.5 / 3), -FAR, 0])
    for row, one in enumerate(people):
        alone = answers([one], SHARED, FEATURES, tables[row])
        for part, other in zip(together, alone, strict=True):
            assert torch.equal(part[row, : len(one.weights)], other[0])


@pytest.mark.parametrize("out_of", range(2, MOST_STARS + 1))
def test_probabilities_of_all_stars_sum_to_one(prior, out_of):
    """Of a utility that is known exactly, and of one that is not."""
    table = Cutpoints().table()
    every = opinions_of([rating("c", stars, out_of) for stars in range(1, out_of + 1)], PLACE)
    belief = infer(prior, answers([opinions_of([vote(1)], PLACE)], SHARED, FEATURES, table))
    for features in (FEATURES, FEATURES * 0):
        probabilities = belief.predict_proba(answers([every], SHARED, features, table))
        assert probabilities.shape == (1, out_of) and (probabilities > 0).all()
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-12)


def test_both_answers_to_a_vote_sum_to_one(prior):
    table = Cutpoints().table()
    both = answers([opinions_of([vote(0.5)], PLACE)], SHARED, FEATURES, table)
    assert infer(prior, both).predict_proba(both).sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("stars, out_of", [(0, 5), (6, 5), (-1, 2), (1, 1), (1, MOST_STARS + 1)])
def test_a_rating_outside_its_scale_is_refused(stars, out_of):
    with pytest.raises(ValueError, match=f"{stars} of {out_of}; expected 1 to n stars") as refusal:
        rating("a", stars, out_of)
    assert "\n" not in str(refusal.value)


def test_images_are_named_once_in_order():
    assert images_of([vote(1, "b", "a"), like("c"), vote(0, "a", "d")]) == ["b", "a", "c", "d"]
    assert images_of([vote(1), passed("d"), passed("a")]) == ["a", "b", "d"]
    assert images_of([]) == []


def test_every_row_is_some_opinions():
    """A tie is two rows, anything else one."""
    everything = [like("c"), vote(0.5), passed("a"), vote(1), vote(0.5), rating("b", 3, 5)]
    numbers = opinion_numbers(everything)
    assert numbers.tolist() == [0, 1, 1, 2, 3, 4, 4, 5]
    assert len(numbers) == len(opinions_of(everything, PLACE).images)
    assert opinion_numbers([]).tolist() == []


@pytest.mark.parametrize("out_of", range(2, MOST_STARS + 1))
def test_a_rating_is_a_scale_and_a_share_of_it(out_of):
    """The fewest stars are 0, the most 1, evenly between; what was passed is the least of two."""
    every = opinions_of([rating("c", stars, out_of) for stars in range(1, out_of + 1)], PLACE)
    scale, share = rating_shares(every.bounds)
    assert scale.tolist() == [out_of] * out_of
    assert share.tolist() == pytest.approx([stars / (out_of - 1) for stars in range(out_of)])
    assert [part.item() for part in rating_shares(opinions_of([passed("c")], PLACE).bounds)] == [2, 0]


def test_some_opinions_in_another_order():
    opinions = opinions_of([vote(1), like("c"), vote(0.5)], PLACE)
    some = opinions.chosen(torch.tensor([1, 0]))
    assert isinstance(some, Opinions)
    assert [part.tolist() for part in some] == [[[2, -1], [0, 1]], [[3, 2], [1, 2]], [1.0, 1.0]]


def test_gradients_reach_features_and_cuts(prior):
    """What is learned end to end: images' features, their shared utility, and where stars part."""
    cutpoints, shared, features = (
        Cutpoints(),
        SHARED.clone().requires_grad_(),
        FEATURES.clone().requires_grad_(),
    )
    context = opinions_of([vote(1), like("c"), rating("a", 2, 4)], PLACE)
    belief = infer(prior, answers([context], shared, features, cutpoints.table()))
    target = answers([opinions_of([rating("b", 3, 4)], PLACE)], shared, features, cutpoints.table())
    belief.predict_proba(target).log().sum().backward()
    for tensor in (shared, features, cutpoints.first, cutpoints.gaps, *prior.parameters()):
        assert tensor.grad.isfinite().all() and tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("bounds", [(0.0, FAR), (-FAR, 0.7), (-1.0, 1.0), (0.5, 4.0), (-FAR, FAR)])
def test_means_of_slope_and_bend_are_near_their_integrals(bounds):
    """Within 0.02 of a slope and of a bend, twice that between two bounds; exact where nothing is in doubt."""
    means, variances = torch.meshgrid(
        torch.linspace(-12, 12, 49).double(), torch.logspace(-2, 3, 21).double(), indexing="ij"
    )
    points = torch.linspace(-9, 9, 4001).double()
    density = (-points.square() / 2).exp() / (-points.square() / 2).exp().sum()
    low, high = torch.tensor(bounds).double()
    utilities = means[..., None] + variances.sqrt()[..., None] * points
    most = 0.02 if FAR in map(abs, bounds) else 0.04
    found = averaged_slope_and_bend(means, variances, low, high)
    for mean, part in zip(found, slope_and_bend(utilities, low, high), strict=True):
        assert (mean - part @ density).abs().max() < most
    known = averaged_slope_and_bend(means, variances * 0, low, high)
    for mean, part in zip(known, slope_and_bend(means, low, high), strict=True):
        assert torch.equal(mean, part)
