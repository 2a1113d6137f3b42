"""Pairs to ask about together: each after the answers to those before, against a slow twin."""

import math

import numpy as np
import pytest
import torch
from scipy.special import entr

from tasteprint.config import PosteriorConfig
from tasteprint.posterior.active import AskedPair, most_informative_pair, most_informative_pairs
from tasteprint.posterior.model import TastePosterior
from tasteprint.types import History, Rating, Vote
from tastes import embeddings as colours
from tastes import fitted, vector_encoder

pytestmark = pytest.mark.numerical

ROWS = torch.randn(24, 4, generator=torch.Generator().manual_seed(1))
ROWS[23] = ROWS[22]
PAIRS = [(str(first), str(second)) for first in range(22) for second in range(first)]


def embeddings(names):
    return ROWS[[int(name) for name in names]].numpy()


@pytest.fixture(scope="module")
def taste():
    model = TastePosterior.alone(PosteriorConfig(prior="alone"), ROWS.numpy(), vector_encoder(4))
    said = History("me", (Vote("me", "", "0", "1", 1.0),), (Rating("me", "", "2", 2),))
    return model.prints_of([said], embeddings=embeddings)[0]


def slow_pairs(taste, pairs, count, rows):
    """Greedily, with whole covariances: nats by sums on a line, an answer's mean curvature taken off by hand."""
    shared, features = (part.double().numpy() for part in taste.model.utilities(torch.from_numpy(rows)))
    belief = taste.belief
    spread = belief.spread.expand(belief.modes.shape).numpy()
    means = belief.modes.numpy()
    covariances = [
        np.linalg.inv(factor @ factor.T) * np.outer(one, one)
        for factor, one in zip(belief.factors.numpy(), spread, strict=True)
    ]
    shares, line = belief.log_weights.exp().numpy(), np.linspace(-8, 8, 1601)
    density = np.exp(-(line**2) / 2) / np.exp(-(line**2) / 2).sum()
    chosen, asked = [], set()
    for _ in range(count):
        best, most = None, -1.0
        for pair in pairs:
            if asked & set(pair):
                continue
            first, second = map(int, pair)
            row, chance, left = features[first] - features[second], 0.0, 0.0
            for share, mean, covariance in zip(shares, means, covariances, strict=True):
                utility = shared[first] - shared[second] + row @ mean + (row @ covariance @ row) ** 0.5 * line
                p = 1 / (1 + np.exp(-utility))
                chance += share * (density @ p)
                left += share * (density @ (entr(p) + entr(1 - p)))
            nats = entr(chance) + entr(1 - chance) - left
            if nats > most + 1e-12:
                best, most = pair, nats
        first, second = map(int, best)
        row = features[first] - features[second]
        for place, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
            variance = row @ covariance @ row
            scale = (1 + np.pi / 8 * variance) ** -0.5
            p = 1 / (1 + np.exp(-scale * (shared[first] - shared[second] + row @ mean)))
            bend = scale * p * (1 - p)
            pulled = covariance @ row
            covariances[place] = covariance - np.outer(pulled, pulled) * bend / (1 + bend * variance)
        chosen.append((*best, most))
        asked |= set(best)
    return chosen


def test_pairs_are_the_greedy_twins(taste):
    pairs = PAIRS[::5]
    found, slow = (
        most_informative_pairs(taste, pairs, 4, embeddings),
        slow_pairs(taste, pairs, 4, ROWS.numpy()),
    )
    assert [pair[:2] for pair in found] == [pair[:2] for pair in slow]
    assert [pair.nats for pair in found] == pytest.approx([nats for *_, nats in slow], abs=1e-4)


def test_the_first_is_the_most_informative_one(taste):
    for count in (1, 5):
        found = most_informative_pairs(taste, PAIRS, count, embeddings)
        assert len(found) == count and isinstance(found[0], AskedPair)
        assert (found[0].first, found[0].second) == most_informative_pair(taste, PAIRS, embeddings)


def test_no_image_is_asked_about_twice_and_every_answer_leaves_less_to_ask(taste):
    """Of 22 images there are at most 11 pairs, all different; each tells less than the one before."""
    found = most_informative_pairs(taste, PAIRS, 100, embeddings)
    names = [name for pair in found for name in pair[:2]]
    assert len(found) == 11 and len(set(names)) == 22
    nats = [pair.nats for pair in found]
    assert nats == sorted(nats, reverse=True) and 0 < nats[-1] <= nats[0] <= math.log(2)


def test_a_pair_that_asks_the_same_again_falls_behind(taste):
    """Two files of one content: after "0 or 22" there is less to ask in "1 or 23" than before."""
    rows = embeddings(["0", "22", "0", "22", "5", "6"])
    nobody, place = taste.model.print_of(History("me")), {name: row for row, name in enumerate("abcdef")}
    pairs = [("a", "b"), ("c", "d"), ("e", "f")]

    def looked_up(names):
        return rows[[place[name] for name in names]]

    one = [most_informative_pairs(nobody, [pair], 1, looked_up)[0] for pair in pairs]
    assert one[0].nats == pytest.approx(one[1].nats, abs=1e-6)
    found = {pair[:2]: pair.nats for pair in most_informative_pairs(nobody, pairs, 3, looked_up)}
    again = min(found[("a", "b")], found[("c", "d")])
    assert again < 0.8 * one[0].nats


def test_the_same_image_on_both_sides_is_worth_nothing_and_equals_keep_their_order(taste):
    def same(names):
        return np.repeat(embeddings(["3"]), len(names), axis=0)

    found = most_informative_pairs(taste, [("x", "y"), ("p", "q")], 2, same)
    assert [pair[:2] for pair in found] == [("x", "y"), ("p", "q")]
    assert [pair.nats for pair in found] == pytest.approx([0, 0], abs=1e-9)


def test_of_a_learned_prior_with_one_spread_for_all_tastes_too():
    posterior = fitted(steps=20)
    names = [f"c{n}" for n in range(8)]
    pairs = [(first, second) for first in names for second in names if first < second]
    numbered = [(first[1:], second[1:]) for first, second in pairs]
    nobody = posterior.print_of(History("new"))
    found, slow = (
        most_informative_pairs(nobody, pairs, 3, colours),
        slow_pairs(nobody, numbered, 3, colours(names)),
    )
    assert [pair.nats for pair in found] == pytest.approx([nats for *_, nats in slow], abs=1e-4)


def test_no_pair_is_refused(taste):
    with pytest.raises(ValueError, match="no pairs came in; expected at least one"):
        most_informative_pairs(taste, [], 3, embeddings)
    assert most_informative_pairs(taste, PAIRS, 0, embeddings) == []
