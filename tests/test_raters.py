"""What a few raters leave to those after them: names, cuts, a shared taste and how far to trust it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tasteprint.evaluate.predictors import PrintPredictor
from tasteprint.posterior.basis import Basis, Components
from tasteprint.posterior.empirical_bayes import Scales, assemble_prior
from tasteprint.posterior.likelihoods import (
    ABOVE,
    FAR,
    SCALE_CUTS,
    answers,
    log_likelihood,
    opinions_of,
    own_cutpoints,
)
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.predictor import PosteriorPredictor
from tasteprint.posterior.rater_effects import rater_effects, shared_taste
from tasteprint.types import History, Passed, Rating
from tastes import COLOURS, SMALL, colour_encoder, embeddings, picture, some_people, votes_of

pytestmark = pytest.mark.numerical

NAMES = sorted(COLOURS)
PLACE = {name: row for row, name in enumerate(NAMES)}
ROWS = torch.from_numpy(embeddings(NAMES))
RATED = NAMES[:24]
SCALES = Scales(rater=1.5, linear=0.4, rbf=0.5, others=0.8)


def stars(user, likes, out_of=5, names=RATED):
    return [Rating(user, "", name, 1 + COLOURS[name][likes] * out_of // 256, out_of) for name in names]


def starred(count=6, out_of=5):
    return [opinions_of(stars(f"u{n}", n % 2, out_of), PLACE) for n in range(count)]


def voted(count=8):
    return [opinions_of(votes, PLACE) for votes in some_people(count).values()]


def estimate(people, scales=SCALES):
    basis = Basis.of(Components.of(ROWS), scales.width)
    taste = shared_taste(basis.rows, people, scales.shared, scales.image)
    effects = rater_effects(basis.rows, people, taste, scales.rater)
    return assemble_prior(basis, taste, effects, people, NAMES, scales)


@pytest.fixture(scope="module")
def by_stars():
    return estimate(starred())


@pytest.fixture(scope="module")
def posterior(by_stars):
    return TastePosterior(colour_encoder(), replace(SMALL, prior="estimated"), by_stars)


@pytest.fixture(scope="module")
def taste(posterior):
    return posterior.print_of(History("new", tuple(votes_of("new", 0, 8))), picture)


# Names


def test_named_pictures_are_what_raters_said_of_them(posterior, taste):
    """At the front door too: m and h of the raters' table, for names they rated; by looks alone for others."""
    shown, rows = [picture(name) for name in NAMES], ROWS
    table = posterior.fitted.map.table
    known, looks = taste.score_pictures(shown, names=NAMES), taste.score_pictures(shown)
    expected = table[:, 0] + table[:, 1:] @ taste.belief.taste.float()
    rated = [NAMES.index(name) for name in posterior.fitted.names]
    torch.testing.assert_close(known[rated], expected, atol=1e-5, rtol=1e-5)
    rest = [row for row in range(len(NAMES)) if row not in rated]
    assert len(rated) == len(RATED) and torch.equal(known[rest], looks[rest])
    assert (known[rated] - looks[rated]).abs().max() > 0.1
    for scores in (taste.score_embeddings(rows, names=NAMES), taste.assess(rows, NAMES)[0]):
        torch.testing.assert_close(scores, known, atol=1e-5, rtol=1e-5)
    images = torch.cat([colour_encoder().prepare(one) for one in shown])
    torch.testing.assert_close(taste.score(images, names=NAMES), known, atol=1e-5, rtol=1e-5)


def test_what_a_user_gets_is_what_is_evaluated(posterior, taste):
    """The predictor of the posterior, any print's predictor and the print itself: one number."""
    history = History("new", tuple(votes_of("new", 0, 8)))
    candidates = [[(name, "") for name in NAMES]]
    evaluated = PosteriorPredictor(posterior, embeddings)
    through_prints = PrintPredictor(posterior, picture)
    scores = taste.score_pictures([picture(name) for name in NAMES], names=NAMES).numpy()
    pairs = list(zip(NAMES[0::2], NAMES[1::2], strict=True))
    sides = [[picture(pair[side]) for pair in pairs] for side in (0, 1)]
    chances = taste.prefers(*sides, names=pairs)
    for predictor in (evaluated, through_prints):
        np.testing.assert_allclose(predictor([history], candidates)[0], scores, atol=1e-5)
        [margins] = predictor.pairs([history], candidates)
        np.testing.assert_allclose(1 / (1 + np.exp(margins[1::2] - margins[0::2])), chances, atol=1e-5)
    assert (taste.prefers(*sides) - chances).abs().max() > 0.02


def test_evidence_and_pessimism_know_names_too(posterior, taste):
    shared, _ = posterior.utilities(ROWS, NAMES)
    by_evidence = shared + taste.evidence(ROWS, NAMES).sum(dim=1)  # the mean taste of nobody is 0
    torch.testing.assert_close(by_evidence, taste.score_embeddings(ROWS, names=NAMES), atol=3e-3, rtol=0)
    careful = taste.score_embeddings(ROWS, 1.0, NAMES)
    assert (careful < taste.score_embeddings(ROWS, names=NAMES)).all()
    assert not torch.allclose(careful, taste.score_embeddings(ROWS, 1.0))


def test_one_name_of_two_may_be_known(posterior, taste):
    stranger = "elsewhere.jpg"
    both = taste.prefers_embeddings(ROWS[[0]], ROWS[[1]], [(NAMES[0], NAMES[1])])
    first = taste.prefers_embeddings(ROWS[[0]], ROWS[[1]], [(NAMES[0], stranger)])
    nobody = taste.prefers_embeddings(ROWS[[0]], ROWS[[1]], [(stranger, "other.jpg")])
    assert torch.equal(nobody, taste.prefers_embeddings(ROWS[[0]], ROWS[[1]]))
    assert len({both.item(), first.item(), nobody.item()}) == 3


# Cuts


def test_where_raters_used_a_scale_cuts_are_theirs_and_elsewhere_ones_own(by_stars):
    """Raters gave 5 stars; of likes, and of 3 stars, the person's own counts say, around the level of utilities."""
    said = [
        Rating("new", "", "c1", 2),
        Rating("new", "", "c2", 4, 5),
        Rating("new", "", "c3", 3, 3),
        Passed("new", "c4"),
    ]
    assert by_stars.map.seen.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    found = by_stars.answers_of([opinions_of(said, PLACE)], *by_stars.utilities(ROWS, NAMES))
    middle, stretch = by_stars.map.level.tolist()
    begin, _ = SCALE_CUTS[3]
    third, fourth = by_stars.cutpoints.table()[begin + 2 : begin + 4].tolist()
    like = middle + stretch * math.log(1 / 1.5)  # half a passed one to one like, and one more spread evenly
    three = middle + stretch * math.log((2 / 3) / (4 / 3))
    assert found.low[0].tolist() == pytest.approx([like, third, three, -FAR], abs=1e-5)
    assert found.high[0].tolist() == pytest.approx([FAR, fourth, FAR, like], abs=1e-5)


def test_the_level_is_the_middle_of_utilities_and_their_spread(by_stars):
    """Cuts of one's own lie apart as logistic noise with the raters' images and people on top."""
    table = by_stars.map.table.double().numpy()
    shared, features = table[:, 0], table[:, 1:]
    variance = shared.var() + ((features - features.mean(axis=0)) ** 2).sum(axis=1).mean()
    middle, stretch = by_stars.map.level.tolist()
    assert middle == pytest.approx(shared.mean(), abs=1e-4)
    assert stretch == pytest.approx((1 + 3 / math.pi**2 * variance) ** 0.5, rel=1e-4) and stretch > 1.1


def test_raters_who_voted_leave_every_cut_to_the_person():
    prior = estimate(voted())
    assert not prior.map.seen.any() and prior.map.level[0].item() == pytest.approx(0, abs=1e-5)
    one = opinions_of([Rating("new", "", "c1", 2), Rating("new", "", "c2", 4, 5)], PLACE)
    two = opinions_of([Rating("new", "", "c1", 1)], PLACE)
    shared, features = prior.utilities(ROWS)
    found = prior.answers_of([one, two], shared, features)
    for row, person in enumerate((one, two)):
        bounds = prior.map.level[1] * own_cutpoints(person)
        bounds[: ABOVE + 1] = own_cutpoints(person)[: ABOVE + 1]
        slow = answers([person], shared, features, bounds)
        torch.testing.assert_close(found.low[row, : len(person.weights)], slow.low[0], atol=1e-5, rtol=1e-6)
        torch.testing.assert_close(found.high[row, : len(person.weights)], slow.high[0], atol=1e-5, rtol=1e-6)


def test_likes_help_where_raters_gave_stars(posterior):
    """Ten likes of the reddest and ten dislikes of the least red pictures rank those between by red."""
    order = sorted(NAMES, key=lambda name: -COLOURS[name][0])
    said = [Rating("new", "", name, 1 + (name in order[:10])) for name in order[:10] + order[-10:]]
    rest = order[10:-10]
    rows, redness = torch.from_numpy(embeddings(rest)), [COLOURS[name][0] for name in rest]
    nobody, liked = (
        np.corrcoef(posterior.print_of(one, picture).score_embeddings(rows), redness)[0, 1]
        for one in (History("new"), History("new", ratings=tuple(said)))
    )
    assert liked > 0.7 > nobody + 0.1


# The shared taste: what is not known of it, and how far it is trusted


@pytest.mark.parametrize("people", [voted(4), starred(3)], ids=["votes", "stars"])
def test_doubt_is_the_inverse_hessian(people):
    """Of the penalised log loss in weights and own parts together, by automatic differentiation, cuts as found."""
    basis = Basis.of(Components.of(ROWS), 1.0)
    features = basis.rows[:, :6]
    spread, own = 0.8, 0.6
    taste = shared_taste(features, people, spread, own)
    table = taste.cutpoints.table().detach()

    def loss(point):
        weights, parts = point[:6], point[6:]
        utility, total = features @ weights + parts, point.new_zeros(())
        for one in people:
            second = torch.where(one.images[:, 1] < 0, 0.0, utility[one.images[:, 1].clamp(min=0)])
            bounds = table[one.bounds]
            likelihoods = log_likelihood(utility[one.images[:, 0]] - second, bounds[:, 0], bounds[:, 1])
            total = total - (one.weights * likelihoods).sum()
        return total + (weights / spread).square().sum() / 2 + (parts / own).square().sum() / 2

    hessian = torch.autograd.functional.hessian(loss, torch.cat([taste.weights, taste.own]))
    torch.testing.assert_close(taste.root @ taste.root.T, hessian.inverse(), atol=1e-8, rtol=1e-6)


def test_of_images_that_nobody_rated_less_is_known():
    """Without features an unrated image's own part is as unknown as before any rater came: variance 0.5²."""
    taste = shared_taste(torch.zeros(len(NAMES), 1).double(), starred(), 1.0, 0.5)
    variance = (taste.root @ taste.root.T).diag()[1:]
    unrated = [name not in RATED for name in NAMES]
    torch.testing.assert_close(variance[unrated], torch.full((16,), 0.25).double())
    assert variance[[not one for one in unrated]].max() < 0.22


def test_doubt_of_the_shared_taste_is_doubt_of_a_newcomers_utility():
    """By looks it is added to what people differ by, as far as the kept directions have it."""
    people = starred()
    basis = Basis.of(Components.of(ROWS), SCALES.width)
    taste = shared_taste(basis.rows, people, SCALES.shared, SCALES.image)
    effects = rater_effects(basis.rows, people, taste, SCALES.rater)
    variances = [
        assemble_prior(basis, known, effects, people, NAMES, SCALES)
        .utilities(ROWS)[1]
        .double()
        .square()
        .sum(dim=1)
        for known in (taste, taste._replace(root=0 * taste.root))
    ]
    doubt = (basis.rows @ taste.root[: basis.rows.shape[1]]).square().sum(dim=1)
    assert variances[1].mean() < variances[0].mean() < (variances[1] + doubt).mean()


def test_trust_is_what_the_shared_taste_of_unrated_images_counts():
    """Twice the trust is twice m by looks; by name, and in what people differ, nothing changes."""
    people = starred(3)
    plain, trusted = estimate(people, SCALES), estimate(people, SCALES._replace(trust=2.0))
    (shared, features), (twice, same) = (one.utilities(ROWS) for one in (plain, trusted))
    torch.testing.assert_close(2 * shared, twice, atol=1e-5, rtol=1e-5)
    assert torch.equal(features, same) and torch.equal(plain.map.table, trusted.map.table)
    assert shared.abs().max() > 0.1
