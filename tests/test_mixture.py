"""The taste posterior against slow twins, by hand, and under inputs made to break it."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import FAR, Answers, answer_probability, log_likelihood, slope_and_bend
from tasteprint.posterior.mixture import LEAST_SPREAD, MixturePrior
from tasteprint.posterior.utilities import UtilityMap

pytestmark = pytest.mark.numerical

KINDS = [
    (0.0, FAR, 1.0),
    (0.0, FAR, 0.5),
    (0.4, FAR, 1.0),
    (-FAR, 0.4, 1.0),
    (-0.6, 0.7, 1.0),
    (-FAR, FAR, 0.0),
]
"""Bounds and weight of a vote, a tie's half, a like, a dislike, 3 of 5 stars, padding."""


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def prior_of(means, spread, weights=None):
    """A mixture by its numbers, in float64 so that differences can be taken."""
    means, spread = torch.tensor(means, dtype=torch.float64), torch.tensor(spread, dtype=torch.float64)
    prior = MixturePrior(*means.shape).double()
    with torch.no_grad():
        prior.means.copy_(means)
        prior.raw_spread.copy_((spread - LEAST_SPREAD).log())
        prior.logits.copy_(torch.tensor(weights or [1.0] * len(means), dtype=torch.float64).log())
    return prior


def random_prior(components, features, seed=0, scale=1.0):
    draw = np.random.default_rng(seed)
    return prior_of(
        (scale * draw.normal(size=(components, features))).tolist(),
        draw.uniform(0.3, 1.2, size=features).tolist(),
        draw.uniform(0.5, 1.5, size=components).tolist(),
    )


def votes_on(rows, offsets=None):
    """Answers "the first was preferred" to differences that are given as rows."""
    rows = torch.as_tensor(rows, dtype=torch.float64)
    zero = torch.zeros(rows.shape[:-1], dtype=torch.float64)
    return Answers(rows, zero if offsets is None else offsets, zero, zero + FAR, zero + 1)


def random_answers(people, n, features, seed=1):
    """Every person answers `n` times, in all the ways there are, in turn."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(people, n, features, dtype=torch.float64, generator=draw)
    offsets = torch.randn(people, n, dtype=torch.float64, generator=draw)
    low, high, weights = (
        (numbers(*(KINDS[i % len(KINDS)] for i in range(n))).T).expand(people, -1, -1).unbind(1)
    )
    return Answers(rows, offsets, low.contiguous(), high.contiguous(), weights.contiguous())


def one(answers, person):
    return Answers(*(part[person] for part in answers))


def slow_log_likelihood(taste, context):
    """As the table in `likelihoods.py` reads, without care for overflow."""
    utility = context.offsets + context.rows @ taste
    return (
        context.weights * (torch.sigmoid(utility - context.low) - torch.sigmoid(utility - context.high)).log()
    ).sum()


def slow_cost(prior, component, context):
    """Negative log-density of a taste under one component, up to a constant; by torch, for a numpy point."""
    mean, spread = prior.means[component].detach(), prior.spread.detach()
    return lambda taste: -slow_log_likelihood(taste, context) + ((taste - mean) / spread).square().sum() / 2


def covariances(belief):
    """Covariance of the taste under each component: S (L Lᵀ)^-1 S."""
    return torch.cholesky_inverse(belief.factors) * belief.spread[:, None] * belief.spread


# Slow twins


@pytest.mark.parametrize("person", range(3))
@pytest.mark.parametrize("component", range(2))
def test_mode_is_the_optimisers_and_covariance_the_inverse_hessian(person, component):
    prior, context = random_prior(2, 5), one(random_answers(3, 12, 5), person)
    belief = infer(prior, context)
    cost = slow_cost(prior, component, context)

    def with_slope(point):
        taste = torch.tensor(point, requires_grad=True)
        value = cost(taste)
        return value.item(), torch.autograd.grad(value, taste)[0].numpy()

    found = minimize(with_slope, np.zeros(5), jac=True, method="BFGS", options={"gtol": 1e-9})
    mode = belief.modes[component].detach()
    assert mode.numpy() == pytest.approx(found.x, abs=1e-6)
    hessian = torch.autograd.functional.hessian(cost, mode)
    torch.testing.assert_close(covariances(belief)[component], hessian.inverse(), atol=1e-10, rtol=1e-8)


def test_probabilities_against_sampling():
    """MacKay's approximation is within 0.02 (0.04 between two bounds); samples err by at most five standard errors."""
    prior, context = random_prior(3, 4), one(random_answers(1, 10, 4), 0)
    targets = one(random_answers(1, 12, 4, seed=2), 0)
    with torch.no_grad():
        belief = infer(prior, context)
        draw, count = torch.Generator().manual_seed(0), 100_000
        parts = torch.multinomial(belief.log_weights.exp(), count, replacement=True, generator=draw)
        noise = torch.randn(count, 4, dtype=torch.float64, generator=draw)
        tastes = (
            belief.modes[parts]
            + (torch.linalg.cholesky(covariances(belief))[parts] @ noise[..., None])[..., 0]
        )
        utilities = targets.offsets + tastes @ targets.rows.T
        sampled = log_likelihood(utilities, targets.low, targets.high).exp()
        probabilities = belief.predict_proba(targets)
        means, variances = belief.utility(targets.offsets, targets.rows)
    approximation = torch.where((targets.low.abs() < FAR) & (targets.high.abs() < FAR), 0.04, 0.02)

    def close(exact, samples, more=0.0):
        assert (
            (exact - samples.mean(dim=0)).abs() < 5 * samples.std(dim=0) / count**0.5 + more + 1e-12
        ).all()

    close(probabilities, sampled, approximation)
    close(means, utilities)
    close(variances, (utilities - means).square())
    close(belief.taste, tastes)


@pytest.mark.parametrize("features", [1, 5])
def test_every_image_against_every_other_is_the_choice_of_each_pair(features):
    prior, context = random_prior(3, features), one(random_answers(1, 8, features), 0)
    draw = torch.Generator().manual_seed(4)
    (shared, rows), (others, other_rows) = (
        (
            torch.randn(n, dtype=torch.float64, generator=draw),
            torch.randn(n, features, dtype=torch.float64, generator=draw),
        )
        for n in (6, 4)
    )
    belief = infer(prior, context)
    found = belief.preferred(shared, rows, others, other_rows)
    assert found.shape == (6, 4)
    for j in range(4):
        pairs = votes_on(rows - other_rows[j], shared - others[j])
        torch.testing.assert_close(found[:, j], belief.predict_proba(pairs), atol=1e-9, rtol=0)
    itself = belief.preferred(shared, rows, shared, rows)
    torch.testing.assert_close(itself + itself.T, torch.ones_like(itself), atol=1e-9, rtol=0)
    assert itself.diag().tolist() == pytest.approx([0.5] * 6, abs=1e-7)


def test_a_known_utility_needs_no_approximation():
    mean, zero = numbers(-2.0, 0.0, 0.7), numbers(0.0, 0.0, 0.0)
    torch.testing.assert_close(answer_probability(mean, zero), torch.sigmoid(mean), atol=1e-15, rtol=0)
    between = torch.sigmoid(mean + 1) - torch.sigmoid(mean - 2)
    torch.testing.assert_close(
        answer_probability(mean, zero, zero - 1, zero + 2), between, atol=1e-15, rtol=0
    )


@pytest.mark.parametrize("bounds", [(0.0, FAR), (-FAR, 0.0), (-1.0, 1.0), (-3.0, 3.0), (-8.0, 8.0)])
def test_mackays_approximation_against_quadrature(bounds):
    means, variances = torch.meshgrid(
        torch.linspace(-12, 12, 49).double(), torch.logspace(-2, 3, 21).double(), indexing="ij"
    )
    points = torch.linspace(-9, 9, 2001).double()
    density = (-points.square() / 2).exp() / (-points.square() / 2).exp().sum()
    utilities = means[..., None] + variances.sqrt()[..., None] * points
    low, high = numbers(*bounds)
    exact = log_likelihood(utilities, low, high).exp() @ density
    error = (answer_probability(means, variances, low, high) - exact).abs().max()
    assert error < (0.02 if FAR in map(abs, bounds) else 0.04)


@pytest.mark.parametrize("n", [1, 6, 24])
def test_shares_of_the_components_against_quadrature(n):
    """Laplace's evidence: within 0.005 of the exact share of three tastes (0.012 were the spread 1.2)."""
    prior = prior_of([[-1.5], [0.3], [2.0]], [0.6], [0.5, 0.2, 0.3])
    context = one(random_answers(1, n, 1), 0)
    grid = torch.linspace(-8, 8, 8001).double()
    likelihood = torch.stack([slow_log_likelihood(taste[None], context) for taste in grid]).exp()
    mean, spread = prior.means.detach(), prior.spread.detach()
    density = (-((grid - mean) / spread).square() / 2).exp()
    shares = prior.log_weights.detach().exp() * (density * likelihood).sum(dim=1)
    exact = shares / shares.sum()
    shares = infer(prior, context).log_weights.exp().detach()
    assert (shares - exact).abs().max() < 0.005
    assert (exact - prior.log_weights.detach().exp()).abs().max() > 0.02  # the answers are informative


def test_one_component_is_logistic_regression():
    rows = np.random.default_rng(0).normal(size=(40, 6))
    spread = np.array([0.3, 0.5, 0.7, 0.9, 1.1, 1.3])
    # As many mirrored votes as not: scikit-learn wants both classes. C is the prior's variance, of v = w / spread.
    sign = np.where(np.arange(40) % 2, 1, -1)
    peer = LogisticRegression(C=1.0, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    peer.fit(rows * spread * sign[:, None], sign)
    belief = infer(prior_of([[0.0] * 6], spread.tolist()), votes_on(rows))
    assert belief.modes[0].detach().numpy() == pytest.approx(peer.coef_[0] * spread, abs=1e-7)
    utilities, _ = belief.moments(torch.zeros(40).double(), torch.tensor(rows))
    expected = peer.predict_proba(rows * spread)[:, 1]
    assert torch.sigmoid(utilities[0]).detach().numpy() == pytest.approx(expected, abs=1e-7)


def dual(prior, component, context, targets):
    """The same component by its kernel `X S² Xᵀ`: utilities `o + K a`, n numbers `a` instead of d.

    Mode, log evidence up to a constant, mean and variance of the targets' utilities (Rasmussen and Williams 2006,
    algorithms 3.1 and 3.2); only for answers with weight above 0.
    """
    mean, variance = prior.means[component].detach(), prior.spread.detach().square()
    offsets = context.offsets + context.rows @ mean
    kernel = (context.rows * variance) @ context.rows.T
    across = (targets.rows * variance) @ context.rows.T
    a, eye = torch.zeros(len(offsets)).double(), torch.eye(len(offsets)).double()
    for _ in range(50):
        pull, bend = slope_and_bend(offsets + kernel @ a, context.low, context.high)
        bend = context.weights * bend
        goal = bend * (kernel @ a) + context.weights * pull
        a = torch.linalg.solve(eye + bend[:, None] * kernel, goal)
    root = bend.sqrt()
    system = eye + root[:, None] * kernel * root
    likelihood = (context.weights * log_likelihood(offsets + kernel @ a, context.low, context.high)).sum()
    evidence = likelihood - a @ kernel @ a / 2 - torch.logdet(system) / 2
    solved = torch.linalg.solve(system, root[:, None] * across.T)
    left = ((targets.rows * variance) * targets.rows).sum(dim=1) - (root[:, None] * across.T * solved).sum(
        dim=0
    )
    means = targets.offsets + targets.rows @ mean + across @ a
    return mean + variance * (context.rows.T @ a), evidence, means, left


@pytest.mark.parametrize("n", [3, 5, 11])
def test_primal_is_dual(n):
    prior, targets = random_prior(3, 6), one(random_answers(1, 7, 6, seed=3), 0)
    context = one(random_answers(1, n, 6), 0)
    weighted = Answers(*(part[context.weights > 0] for part in context))
    belief = infer(prior, context)
    means, variances = belief.moments(targets.offsets, targets.rows)
    twins = [dual(prior, component, weighted, targets) for component in range(3)]
    exact = {"atol": 1e-8, "rtol": 1e-8}
    torch.testing.assert_close(belief.modes.detach(), torch.stack([twin[0] for twin in twins]), **exact)
    torch.testing.assert_close(means.detach(), torch.stack([twin[2] for twin in twins]), **exact)
    torch.testing.assert_close(variances.detach(), torch.stack([twin[3] for twin in twins]), **exact)
    shares = (prior.log_weights.detach() + torch.stack([twin[1] for twin in twins])).log_softmax(0)
    torch.testing.assert_close(belief.log_weights.detach(), shares, **exact)


def by_differences(value, tensor, step=1e-4):
    """Gradient of a number by moving every element of a tensor there and back, in fourth order."""
    slopes = torch.zeros_like(tensor)
    flat, out = tensor.data.view(-1), slopes.view(-1)
    for i in range(len(flat)):
        here, sides = flat[i].item(), {}
        for times in (-2, -1, 1, 2):
            flat[i] = here + times * step
            sides[times] = value().item()
        flat[i] = here
        out[i] = (sides[-2] - 8 * sides[-1] + 8 * sides[1] - sides[2]) / (12 * step)
    return slopes


def test_gradients_are_the_implicit_ones():
    """Through mode, covariance and shares to everything that is learned, against finite differences."""
    prior, targets = random_prior(2, 3), random_answers(2, 6, 3, seed=5)
    context = Answers(*(part.requires_grad_() for part in random_answers(2, 6, 3)))

    def log_loss():
        return infer(prior, context).predict_proba(targets).log().sum()

    moved = {"means": prior.means, "logits": prior.logits, "spread": prior.raw_spread, **context._asdict()}
    slopes = dict(zip(moved, torch.autograd.grad(log_loss(), list(moved.values())), strict=True))
    with torch.no_grad():
        for name, tensor in moved.items():
            slow = by_differences(log_loss, tensor)
            if name in ("low", "high"):  # a bound that is not there has no slope, and does not feel a step
                slow, slopes[name] = (part[tensor.abs() < FAR] for part in (slow, slopes[name]))
            torch.testing.assert_close(
                slopes[name], slow, atol=1e-7, rtol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
            )


def test_likelihood_and_its_derivatives():
    utility = torch.linspace(-9, 9, 37).double().requires_grad_()
    for low, high, _ in KINDS:
        low, high = torch.full_like(utility, low), torch.full_like(utility, high)
        fast = log_likelihood(utility, low, high)
        slow = (torch.sigmoid(utility - low) - torch.sigmoid(utility - high)).log()
        torch.testing.assert_close(fast, slow, atol=1e-11, rtol=1e-8)
        (first,) = torch.autograd.grad(fast.sum(), utility, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), utility)
        slope, bend = slope_and_bend(utility, low, high)
        torch.testing.assert_close(slope, first, atol=1e-12, rtol=1e-9)
        torch.testing.assert_close(bend, -second, atol=1e-12, rtol=1e-9)
        assert (fast <= 0).all() and (slope.abs() <= 1).all() and (bend >= 0).all() and (bend <= 0.5).all()


# By hand


def test_one_vote_by_hand():
    """v = σ(-v) has the root 0.40106; the precision is 1 + 0.40106 · 0.59894 = 1.24021."""
    belief = infer(prior_of([[0.0]], [1.0]), votes_on([[1.0]]))
    assert belief.modes.item() == pytest.approx(0.401058, abs=1e-6)
    assert belief.factors.item() ** 2 == pytest.approx(1.240211, abs=1e-6)
    assert belief.log_weights.item() == 0
    again = belief.predict_proba(votes_on([[1.0]])).item()
    assert again == pytest.approx(
        1 / (1 + math.exp(-0.401058 / math.sqrt(1 + math.pi / 8 / 1.240211))), abs=1e-6
    )
    wide = infer(prior_of([[0.0]], [2.0]), votes_on([[3.0]]))  # w = 2 v, and v = 6 σ(-6 v)
    v = wide.modes.item() / 2
    assert v == pytest.approx(6 / (1 + math.exp(6 * v)), abs=1e-9)


def test_two_tastes_by_hand():
    """Where the variation is small, the shares are those of Bayes' rule: σ(2) and σ(-2) after one vote."""
    prior = prior_of([[2.0], [-2.0]], [0.0011])
    belief = infer(prior, votes_on([[1.0]]))
    assert belief.log_weights.exp().tolist() == pytest.approx([0.880797, 0.119203], abs=1e-5)
    assert belief.taste.item() == pytest.approx(2 * 0.880797 - 2 * 0.119203, abs=1e-4)
    assert belief.predict_proba(votes_on([[1.0]])).item() == pytest.approx(
        0.880797**2 + 0.119203**2, abs=1e-5
    )


def test_no_answers_give_the_prior():
    prior, targets = (
        random_prior(3, 4),
        votes_on(torch.randn(5, 4, generator=torch.Generator().manual_seed(0))),
    )
    belief = infer(prior, votes_on(torch.zeros(0, 4)))
    torch.testing.assert_close(belief.log_weights, prior.log_weights, atol=1e-15, rtol=0)
    assert torch.equal(belief.modes, prior.means) and torch.equal(
        belief.factors, torch.eye(4).double().expand(3, 4, 4)
    )
    means, variances = targets.rows @ prior.means.T, (targets.rows * prior.spread).square().sum(dim=1)
    expected = torch.sigmoid(means / (1 + math.pi / 8 * variances[:, None]).sqrt()) @ prior.log_weights.exp()
    torch.testing.assert_close(belief.predict_proba(targets), expected)


def test_the_same_image_twice_says_nothing():
    """Identical images in every vote: the difference is zero, and the prior stays."""
    prior, context = random_prior(3, 4), votes_on(torch.zeros(2, 20, 4))
    belief = infer(prior, context)
    assert torch.equal(belief.modes, prior.means.expand(2, -1, -1))
    assert torch.equal(belief.factors, torch.eye(4).double().expand(2, 3, 4, 4))
    torch.testing.assert_close(belief.log_weights, prior.log_weights.expand(2, -1), atol=1e-14, rtol=0)
    belief.predict_proba(context).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in prior.parameters())


def test_contradicting_votes_bring_the_probability_to_one_half():
    """A over B and B over A, again and again, from a prior that is sure of A."""
    prior, row = prior_of([[3.0], [1.0]], [1.5]), torch.ones(1, 1)
    context = [votes_on(torch.cat([row, -row]).repeat(n, 1)) for n in (0, 1, 4, 64)]
    probabilities = [infer(prior, answers).predict_proba(votes_on(row)).item() for answers in context]
    assert probabilities[0] > 0.75 and probabilities == sorted(probabilities, reverse=True)
    assert abs(probabilities[-1] - 0.5) < 0.02
    even = infer(prior_of([[0.0]], [1.0]), votes_on(torch.cat([row, -row])))
    assert even.modes.item() == 0 and even.predict_proba(votes_on(row)).item() == 0.5


def test_a_tie_is_half_of_both_votes():
    """Weights one half: a tie moves the taste as far as A over B and B over A half as strongly would."""
    prior, row = random_prior(2, 3), torch.ones(1, 3)
    ties = votes_on(torch.cat([row, -row] * 2))
    both, tied = (
        infer(prior, votes_on(torch.cat([row, -row]))),
        infer(prior, ties._replace(weights=ties.weights / 2)),
    )
    torch.testing.assert_close(tied.modes, both.modes)
    torch.testing.assert_close(tied.log_weights, both.log_weights)


# What must not matter


def assert_same(one, other):
    """Newton stops where 1e-6 nats are left; the step after it squares what is left of the way, to some 1e-12."""
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


def test_order_does_not_matter():
    prior, context = random_prior(3, 5), random_answers(4, 18, 5)
    order = torch.randperm(18, generator=torch.Generator().manual_seed(0))
    shuffled = Answers(*(part[:, order] for part in context))
    assert_same(infer(prior, context), infer(prior, shuffled))
    back = Answers(*(part[:, order.argsort()] for part in shuffled))
    assert all(torch.equal(a, b) for a, b in zip(infer(prior, context), infer(prior, back), strict=True))


def test_padding_does_not_matter():
    """Answers of weight 0, whatever their rows say."""
    prior, context = random_prior(3, 5), random_answers(4, 5, 5)
    pads = random_answers(4, 9, 5, seed=8)
    padded = Answers(*(torch.cat([a, b], dim=1) for a, b in zip(context, pads, strict=True)))
    padded = padded._replace(weights=torch.cat([context.weights, torch.zeros(4, 9).double()], dim=1))
    assert_same(infer(prior, context), infer(prior, padded))


def test_other_people_do_not_matter():
    """A batch is its people one by one, in any shape."""
    prior, context = random_prior(3, 5), random_answers(6, 7, 5)
    together = infer(prior, context)
    for person in range(6):
        assert_same(together.of(person), infer(prior, one(context, person)))
    square = infer(prior, Answers(*(part.unflatten(0, (2, 3)) for part in context)))
    assert_same(together[:3], (part.flatten(0, 1) for part in square[:3]))


# What must not break it


def test_ten_steps_are_enough_for_everyone():
    """Of 2,400 modes, some far from the middle: steps that only just rise would zigzag for more than twenty."""
    draw = torch.Generator().manual_seed(0)
    prior, rows = random_prior(8, 16), torch.randn(300, 8, 16, dtype=torch.float64, generator=draw)
    context = votes_on(2 * rows, torch.randn(300, 8, dtype=torch.float64, generator=draw))
    assert_same(infer(prior, context, 10), infer(prior, context))


def test_separable_votes_stay_finite():
    """The same vote a thousand times: v = 1000 x σ(-x v), far out but there."""
    prior = prior_of([[0.0, 0.0]], [1.0, 1.0])
    belief = infer(prior, votes_on([[1.0, 0.0]] * 1000))
    v = belief.modes[0, 0].item()
    assert 4 < v < 8 and v == pytest.approx(1000 / (1 + math.exp(v)), rel=1e-9)
    assert 0.98 < belief.predict_proba(votes_on([[1.0, 0.0]])).item() < 1


def test_ten_thousand_votes_of_one_person():
    """Ten different ones a thousand times each are ten of weight a thousand."""
    prior, context = random_prior(4, 16), one(random_answers(1, 10, 16), 0)
    many = Answers(*(torch.cat([part] * 1000) for part in context))
    weighted = context._replace(weights=1000 * context.weights)
    assert_same(infer(prior, many), infer(prior, weighted))


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e3])
@pytest.mark.parametrize("spread", [LEAST_SPREAD * 1.01, 0.3, 30.0])
def test_any_size_converges_with_finite_gradients(size, spread):
    """At the mode the slope is zero: nothing is left of v = Σ c x once utilities and spreads are absurd."""
    prior, context = prior_of(random_prior(3, 4).means.tolist(), [spread] * 4), random_answers(8, 12, 4)
    context = context._replace(rows=(size * context.rows).requires_grad_(), offsets=size * context.offsets)
    belief = infer(prior, context)
    v = (belief.modes - prior.means) / prior.spread
    utilities = context.offsets[:, None] + belief.modes @ context.rows.mT
    slope, _ = slope_and_bend(utilities, context.low[:, None], context.high[:, None])
    pull = (context.weights[:, None] * slope) @ (context.rows * prior.spread)
    scale = 1 + (context.weights[..., None] * context.rows * prior.spread).abs().sum(dim=1, keepdim=True)
    assert ((pull - v) / scale).abs().max() < 1e-8
    targets = context._replace(weights=torch.ones_like(context.weights))
    probabilities = belief.predict_proba(targets)
    assert ((probabilities >= 0) & (probabilities <= 1 + 1e-12)).all()
    probabilities.clamp_min(1e-12).log().sum().backward()
    for slopes in (context.rows.grad, *(parameter.grad for parameter in prior.parameters())):
        assert slopes.isfinite().all()


def test_likelihood_far_out_and_between_near_bounds():
    """Neither overflows nor cancels: -1,000 nats is -1,000, and a gap of 1e-12 at 0 has the probability 1e-12 / 4."""
    utility = numbers(-1000.0, 1000.0, 0.0, 50.0).requires_grad_()
    low, high = numbers(0.0, -FAR, 0.0, -FAR), numbers(FAR, 0.0, 1e-12, 0.0)
    found = log_likelihood(utility, low, high)
    assert found.tolist() == pytest.approx([-1000, -1000, math.log(1e-12 / 4), -50], rel=1e-9)
    found.sum().backward()
    assert utility.grad.tolist() == pytest.approx([1, -1, 0, -1], abs=1e-9)
    probability = answer_probability(numbers(50.0), numbers(0.0), numbers(-FAR), numbers(0.0))
    assert probability.item() == pytest.approx(math.exp(-50), rel=1e-9)  # a dislike of what is surely liked


# The map and the prior


def test_map_standardises_and_parts_shared_from_own():
    flat = UtilityMap(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]), [], 2)
    with torch.no_grad():
        flat.layers[0].weight.copy_(torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
        flat.layers[0].bias.copy_(torch.tensor([10.0, 0.0, 0.0]))
    shared, features = flat(torch.tensor([[3.0, 10.0], [1.0, 2.0]]))  # standardised: (1, 2) and (0, 0)
    assert shared.tolist() == [13.0, 10.0] and features.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    deep = UtilityMap(torch.zeros(3), torch.ones(3), [5, 7], 2)
    assert [tuple(layer.weight.shape) for layer in deep.layers[::2]] == [(5, 3), (7, 5), (3, 7)]
    assert deep(torch.zeros(4, 6, 3))[1].shape == (4, 6, 2)


def test_spread_has_a_floor():
    prior = MixturePrior(2, 3)
    with torch.no_grad():
        prior.raw_spread.fill_(-1e4)
    assert prior.spread.tolist() == [LEAST_SPREAD] * 3 and prior.log_weights.exp().tolist() == [0.5, 0.5]
