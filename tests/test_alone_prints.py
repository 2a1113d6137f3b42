"""One person alone: every kind of opinion, what each adds, how sure the print is, thousands of opinions."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from tasteprint.config import PosteriorConfig
from tasteprint.posterior import prints
from tasteprint.posterior.alone import REFERENCES, SCALES
from tasteprint.posterior.basis import DIRECTIONS, evenly
from tasteprint.posterior.likelihoods import SEEN, Answers
from tasteprint.posterior.model import TastePosterior
from tasteprint.types import History, Passed, Rating, Vote
from tastes import embeddings as colours
from tastes import fitted, some_people, vector_encoder

pytestmark = pytest.mark.numerical

WIDTH, COUNT = 6, 100
ROWS = torch.randn(COUNT, WIDTH, generator=torch.Generator().manual_seed(0))
ROWS[:, 0] += torch.where(
    torch.arange(COUNT) % 2 == 0, 2.0, -2.0
)  # even pictures are of one kind, odd of another
CLOSE = 0.001
"""Of deviations: the last step of the averaged posterior is shorter."""


def embeddings(names):
    return ROWS[[int(name) for name in names]].numpy()


@pytest.fixture(scope="module")
def posterior():
    return TastePosterior.alone(PosteriorConfig(prior="alone"), ROWS.numpy(), vector_encoder(WIDTH))


def print_of(posterior, *opinions):
    kinds = (tuple(one for one in opinions if isinstance(one, kind)) for kind in (Vote, Rating, Passed))
    return posterior.prints_of([History("me", *kinds)], embeddings=embeddings)[0]


def vote(first, second, label=1.0):
    return Vote("me", "", str(first), str(second), label)


def rating(picture, stars=2, out_of=2):
    return Rating("me", "", str(picture), stars, out_of)


def passed(picture):
    return Passed("me", str(picture))


def all_kinds(count, seed=0):
    """In turn a vote, a tie, a like or dislike, one of five stars, a passed one, of who likes the first column."""
    draw, said = random.Random(seed), []
    for n in range(count):
        first, second = draw.sample(range(COUNT), 2)
        utility = ROWS[first, 0].item()
        said.append(
            [
                vote(first, second, float(utility > ROWS[second, 0])),
                vote(first, second, 0.5),
                rating(first, 1 + (utility > 0)),
                rating(first, 1 + int(np.searchsorted([-2, -1, 1, 2], utility)), 5),
                passed(first),
            ][n % 5]
        )
    return said


def deviations(taste):
    shared, features = taste.model.utilities(ROWS)
    return taste.belief.utility(shared.double(), features.double())[1].sqrt().float()


# Opinions


def test_nobody_finds_everything_even(posterior):
    taste = print_of(posterior)
    scores, standings = taste.assess(ROWS)
    assert (scores == 0).all() and taste.evidence(ROWS).shape == (COUNT, 0)
    torch.testing.assert_close(standings, torch.full((COUNT,), 0.5))
    assert taste.memberships.tolist() == pytest.approx(list(SCALES.values()))


@pytest.mark.parametrize(
    "opinion, sign", [(rating(4), 1), (rating(4, 1), -1), (rating(4, 5, 5), 1), (passed(4), -1)]
)
def test_one_opinion_says_where_its_picture_stands(posterior, opinion, sign):
    """Also of the picture most like it, less than of itself; and the picture is then less in doubt."""
    taste = print_of(posterior, opinion)
    scores = taste.score_embeddings(ROWS)
    nearest = ((ROWS - ROWS[4]) / ROWS.std(dim=0)).norm(dim=1).argsort()[1]
    assert sign * scores[4] > sign * scores[nearest] > 0 and scores.isfinite().all()
    assert deviations(taste)[4] < deviations(print_of(posterior))[4]


def test_one_vote_prefers_what_it_preferred(posterior):
    taste = print_of(posterior, vote(3, 8))
    a, b = ROWS[[3]], ROWS[[8]]
    assert 0.6 < taste.prefers_embeddings(a, b).item() < 1
    assert (taste.prefers_embeddings(a, b) + taste.prefers_embeddings(b, a)).item() == pytest.approx(1)


def test_a_tie_and_a_contradiction_are_even_and_certain(posterior):
    """Liked and disliked counts as both: the cut is in the middle, and so is the picture, in less doubt than before."""
    nobody = print_of(posterior)
    for opinions in ([vote(3, 8, 0.5)], [vote(3, 8), vote(3, 8, 0.0)], [vote(3, 8), vote(8, 3)]):
        taste = print_of(posterior, *opinions)
        assert taste.prefers_embeddings(ROWS[[3]], ROWS[[8]]).item() == pytest.approx(0.5, abs=1e-6)
        assert taste.score_embeddings(ROWS).abs().max() < 1e-5
        assert (deviations(taste) < deviations(nobody) + 1e-5).all()
    both = print_of(posterior, rating(4, 1), rating(4, 2))
    assert both.score_embeddings(ROWS).abs().max() < 1e-5 and len(both.opinions) == 2
    assert deviations(both)[4] < 0.8 * deviations(nobody)[4]


def test_of_likes_and_passed_pictures_the_liked_kind_ranks_first(posterior):
    """Ten likes of even pictures, the rest of the folder passed: even above odd ones, four times in five."""
    likes = [rating(n) for n in range(0, 20, 2)]
    taste = print_of(posterior, *likes, *(passed(n) for n in range(COUNT) if n % 2 or n >= 20))
    scores = taste.score_embeddings(ROWS)
    even, odd = scores[20::2], scores[1::2]  # none of these was liked
    assert (even[:, None] > odd).float().mean() > 0.8
    assert taste.assess(ROWS)[1][0:20:2].min() > 0.5


def test_a_picture_passed_twice_is_one_disliked_once(posterior):
    """Each counts `SEEN`, a half, in the likelihood and where the cut of a like lies."""
    said = [rating(1), rating(2), vote(3, 8)]
    twice, once = print_of(posterior, *said, passed(5), passed(5)), print_of(posterior, *said, rating(5, 1))
    assert SEEN == 0.5
    assert (
        (twice.score_embeddings(ROWS) - once.score_embeddings(ROWS)).abs() < CLOSE * deviations(once)
    ).all()
    torch.testing.assert_close(twice.memberships, once.memberships, atol=CLOSE, rtol=0)


def test_answers_say_how_strongly_the_person_feels(posterior):
    """Of 400 choices by someone of the least scale and someone of the greatest, as the noise has it."""
    features = posterior.utilities(ROWS)[1]
    draw = torch.Generator().manual_seed(0)
    direction = torch.randn(DIRECTIONS, generator=draw)
    pairs = torch.stack([torch.randperm(COUNT, generator=draw)[:2] for _ in range(400)])
    for place, scale in ((0, min(SCALES)), (len(SCALES) - 1, max(SCALES))):
        utility = scale * features @ direction
        chance = torch.sigmoid(utility[pairs[:, 0]] - utility[pairs[:, 1]])
        labels = (torch.rand(400, generator=draw) < chance).float().tolist()
        taste = print_of(
            posterior, *(vote(*pair, label) for pair, label in zip(pairs.tolist(), labels, strict=True))
        )
        assert taste.memberships[place] > 0.7 > 0.5 == max(SCALES.values())


# What must not matter


def test_order_company_and_the_way_there_do_not_matter(posterior):
    said = all_kinds(20)
    taste = print_of(posterior, *said)
    turned = print_of(posterior, *said[::-1])
    assert turned.opinions == taste.opinions and torch.equal(turned.belief.taste, taste.belief.taste)
    alone = History(
        "me", tuple(s for s in said if isinstance(s, Vote)), tuple(s for s in said if isinstance(s, Rating))
    )
    alone = replace(alone, passed=tuple(s for s in said if isinstance(s, Passed)))
    others = [History("a", (vote(1, 2),)), alone, History("b", ratings=tuple(rating(n) for n in range(30)))]
    beside = posterior.prints_of(others, embeddings=embeddings)[1]
    grown = print_of(posterior, *said[:12]).extended(said[12:17], embeddings=embeddings)
    grown = grown.extended(said[17:], embeddings=embeddings)
    bound, scores = CLOSE * deviations(taste), taste.score_embeddings(ROWS)
    for other in (beside, grown):
        assert other.opinions == taste.opinions and other.images.names == taste.images.names
        assert ((other.score_embeddings(ROWS) - scores).abs() < bound).all()
        torch.testing.assert_close(other.memberships, taste.memberships, atol=CLOSE, rtol=0)
        torch.testing.assert_close(deviations(other), deviations(taste), atol=0, rtol=2 * CLOSE)


def test_an_opinion_more_asks_for_its_own_images_alone(posterior):
    taste, asked = print_of(posterior, rating(1), vote(2, 3)), []
    taste.extended([vote(3, 4), passed(1)], embeddings=lambda names: asked.extend(names) or embeddings(names))
    assert asked == ["4"]


# Evidence


@pytest.mark.parametrize("count", [1, 6, 60])
def test_evidence_sums_to_the_score(posterior, count):
    """Nobody's score is 0, so what opinions add is all: but for the search's last step, in nobody's deviations."""
    taste = print_of(posterior, *all_kinds(count))
    evidence, scores = taste.evidence(ROWS), taste.score_embeddings(ROWS)
    assert evidence.shape == (COUNT, count)
    assert ((evidence.sum(dim=1) - scores).abs() < CLOSE * deviations(print_of(posterior))).all()


def test_of_a_learned_prior_evidence_sums_to_the_score_beyond_the_priors():
    posterior = fitted(steps=20)
    votes = some_people(1)["u0"]
    votes[3] = replace(votes[3], label_0=0.5)
    taste = posterior.prints_of([History("u0", tuple(votes))], embeddings=colours)[0]
    rows = torch.from_numpy(colours([f"c{n}" for n in range(40)]))
    shared, features = posterior.utilities(rows)
    prior = shared + features @ (taste.memberships @ posterior.prior.means.double()).float()
    evidence = taste.evidence(rows)
    assert evidence.shape == (40, len(votes))
    torch.testing.assert_close(
        prior + evidence.sum(dim=1), taste.score_embeddings(rows), atol=1e-4, rtol=1e-5
    )


def test_a_like_speaks_for_pictures_like_it_and_a_dislike_against(posterior):
    like, dislike = rating(4), rating(7, 1)
    taste = print_of(posterior, like, dislike, vote(10, 11))
    evidence = dict(zip(taste.opinions, taste.evidence(ROWS).T, strict=True))
    assert evidence[like][4] > 0 > evidence[like][7] and evidence[dislike][7] < 0 < evidence[dislike][4]
    assert evidence[vote(10, 11)][10] > 0 > evidence[vote(10, 11)][11]
    tied = print_of(posterior, like, vote(10, 11, 0.5))
    assert dict(zip(tied.opinions, tied.evidence(ROWS).T, strict=True))[like][4] > 0


# Standing


def slow_standing(taste, model, rows, against):
    """One picture and one other at a time, by the same front door as any choice."""
    shared, features = (part.double() for part in model.utilities(rows))
    other_shared, others = (part.double() for part in against)
    found = []
    for m, h in zip(shared, features, strict=True):
        chances = [
            taste.belief.predict_proba(Answers.choices((h - other)[None], (m - n)[None])).item()
            for n, other in zip(other_shared, others, strict=True)
        ]
        found.append(np.mean(chances))
    return torch.tensor(found).float()


def test_a_standing_is_the_mean_chance_against_pictures_at_hand(posterior, monkeypatch):
    taste = print_of(posterior, *all_kinds(15))
    at_hand = posterior.utilities(ROWS[evenly(COUNT, REFERENCES)])
    for part, reference in zip(at_hand, posterior.fitted.references(), strict=True):
        torch.testing.assert_close(part, reference, atol=1e-4, rtol=1e-3)
    scores, standings = taste.assess(ROWS[:12])
    assert torch.equal(scores, taste.score_embeddings(ROWS[:12]))
    torch.testing.assert_close(
        standings, slow_standing(taste, posterior, ROWS[:12], at_hand), atol=1e-4, rtol=0
    )
    monkeypatch.setattr(prints, "ROWS", 5)
    torch.testing.assert_close(taste.assess(ROWS[:12])[1], standings, atol=1e-6, rtol=0)
    assert [part.shape for part in taste.assess(ROWS[:0])] == [(0,), (0,)]


def test_a_standing_without_pictures_at_hand_is_against_an_average_one():
    posterior = fitted(steps=20)
    taste = posterior.prints_of([History("u0", tuple(some_people(1)["u0"]))], embeddings=colours)[0]
    rows = torch.from_numpy(colours(["c1", "c2", "c3"]))
    average = torch.zeros(1), torch.zeros(1, 2)
    expected = slow_standing(taste, posterior, rows, average)
    torch.testing.assert_close(taste.assess(rows)[1], expected, atol=1e-5, rtol=0)


def test_the_same_picture_twice_scores_and_stands_alike(posterior):
    taste = print_of(posterior, *all_kinds(15))
    for part in (*taste.assess(ROWS[[5, 5]]), taste.evidence(ROWS[[5, 5]])):
        torch.testing.assert_close(part[0], part[1], atol=1e-6, rtol=1e-6)
    assert taste.prefers_embeddings(ROWS[[5]], ROWS[[5]]).item() == 0.5


# Thousands


def test_five_thousand_opinions_are_finite_and_their_file_grows_with_images_and_words(posterior, tmp_path):
    """A hundred pictures of 129 numbers of 4 bytes, and of each opinion the words: at most 140 bytes."""
    said = all_kinds(5000)
    taste = print_of(posterior, *said)
    scores, standings = taste.assess(ROWS)
    assert scores.isfinite().all() and ((standings > 0) & (standings < 1)).all()
    assert np.corrcoef(scores, ROWS[:, 0])[0, 1] > 0.9
    taste.save(tmp_path / "me")
    assert (tmp_path / "me").stat().st_size < COUNT * (1 + DIRECTIONS) * 4 + 5000 * 140 + 4000
    more = taste.extended([rating(4)], embeddings=embeddings)
    assert len(more.opinions) == 5001 and more.belief.taste.isfinite().all()
    torch.testing.assert_close(taste.evidence(ROWS).sum(dim=1), scores, atol=0.01, rtol=0)
