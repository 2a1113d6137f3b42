"""The averaged approximation of the posterior against slow twins, integrals and samples."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from tasteprint.posterior.alone import SCALES, ScaleMixture
from tasteprint.posterior.inference import answer_shares, infer
from tasteprint.posterior.likelihoods import FAR, Answers, averaged_slope_and_bend, slope_and_bend
from test_mixture import numbers, one, prior_of, random_answers, slow_log_likelihood, votes_on

pytestmark = pytest.mark.numerical

CLOSE = 0.001
"""Of the posterior's deviations: where the search stops, its last step was shorter."""

GRID = np.linspace(-9, 9, 2001)
DENSITY = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()


def wide(features, seed=0):
    """Three tastes with so much variation around each that most of what is believed comes from the answers."""
    draw = np.random.default_rng(seed)
    means, spread = draw.normal(size=(3, features)), draw.uniform(2, 4, size=features)
    prior = prior_of(means.tolist(), spread.tolist(), [0.5, 0.2, 0.3]).requires_grad_(False)
    prior.averaged = True
    return prior


def laplace(prior):
    """The same prior, answered by the other approximation."""
    twin = prior_of(prior.means.tolist(), prior.spread.tolist(), prior.log_weights.exp().tolist())
    return twin.requires_grad_(False)


def likelihood(utility, low, high):
    return np.log(np.maximum(expit(utility - low) - expit(utility - high), 1e-300))


def dual(prior, component, context, targets):
    """The same component by its n x n kernel, answer by answer, in the dampest steps; answers of weight 0 left out.

    Mean and variance of the targets' utilities, and the lower bound of the log-evidence, its integrals on 2,001 points.
    """
    context = Answers(*(part[context.weights > 0].numpy() for part in context))
    variance, mean = prior.spread.numpy() ** 2, prior.means[component].double().numpy()
    kernel = (context.rows * variance) @ context.rows.T
    across = (targets.rows.numpy() * variance) @ context.rows.T
    itself = (targets.rows.numpy() ** 2 * variance).sum(axis=1)
    offsets, n = context.offsets + context.rows @ mean, len(kernel)
    pull, bend = np.zeros(n), np.full(n, 0.1)
    for _ in range(400):
        inverse = np.linalg.inv(np.eye(n) + bend[:, None] * kernel)
        doubt, utility = np.diag(kernel @ inverse), offsets + kernel @ pull
        slope, now = np.zeros(n), np.zeros(n)
        for i, (low, high, weight) in enumerate(zip(*context[2:], strict=True)):
            scale = 1 / np.sqrt(1 + np.pi / 8 * doubt[i])
            above, below = expit(scale * (utility[i] - low)), expit(scale * (high - utility[i]))
            slope[i] = weight * (below - above)
            now[i] = weight * scale * (above * (1 - above) + below * (1 - below))
        pull, bend = pull + 0.3 * inverse @ (slope - pull), bend + 0.3 * (now - bend)
    expected = [
        w * likelihood(u + np.sqrt(v) * GRID, low, high) @ DENSITY
        for u, v, low, high, w in zip(utility, doubt, *context[2:], strict=True)
    ]
    divergence = (pull @ kernel @ pull + np.trace(inverse) - n - np.linalg.slogdet(inverse)[1]) / 2
    means = targets.offsets.numpy() + targets.rows.numpy() @ mean + across @ pull
    variances = itself - np.einsum("qi,ij,qj->q", across, inverse * bend, across)
    return means, variances, sum(expected) - divergence


def assert_near(one, other, offsets, rows):
    """Both believe the same of some utilities: means, deviations, and how much each component counts."""
    (means, variances), (others, other_variances) = (belief.moments(offsets, rows) for belief in (one, other))
    assert ((means - others).abs() <= CLOSE * variances.sqrt() + 1e-9).all()
    torch.testing.assert_close(variances, other_variances, atol=1e-9, rtol=2 * CLOSE)
    torch.testing.assert_close(one.log_weights, other.log_weights, atol=CLOSE, rtol=0)


# Slow twins


@pytest.mark.parametrize("n", [1, 5, 12, 40])
def test_the_averaged_posterior_is_the_duals(n):
    """Likes, dislikes, stars, votes and ties, from a prior so wide that Laplace's is another; fewer and more than d."""
    prior, context = wide(6), one(random_answers(1, n, 6), 0)
    targets = one(random_answers(1, 9, 6, seed=2), 0)
    belief = infer(prior, context)
    means, variances = belief.moments(targets.offsets, targets.rows)
    twins = [dual(prior, component, context, targets) for component in range(3)]
    for row, (mean, variance, _) in enumerate(twins):
        assert (np.abs(means[row].numpy() - mean) <= CLOSE * np.sqrt(variance)).all()
        np.testing.assert_allclose(variances[row].numpy(), variance, rtol=2 * CLOSE)
    shares = prior.log_weights + torch.tensor([bound for _, _, bound in twins])
    shares, found = shares.softmax(0), belief.log_weights.exp()
    assert (found - shares).abs().max() < 0.002  # eight points of the integral, not 2,001
    other = infer(laplace(prior), context).moments(targets.offsets, targets.rows)[0]
    assert n == 1 or ((other - means).abs() / variances.sqrt()).max() > 10 * CLOSE


def test_two_answers_that_contradict_each_other_by_hand():
    """A over B, B over A: the mean stays 0, bends are k / 4 with k² = 1 / (1 + π/8 v), and v = s² / (1 + s² k / 2)."""
    prior = prior_of([[0.0]], [8.0]).requires_grad_(False)
    prior.averaged = True
    belief = infer(prior, votes_on([[1.0], [-1.0]]))
    variance = brentq(lambda v: v - 64 / (1 + 32 / np.sqrt(1 + np.pi / 8 * v)), 0, 64)
    assert belief.modes.item() == 0
    assert belief.moments(numbers(0.0), numbers([1.0]))[1].item() == pytest.approx(variance, rel=2 * CLOSE)
    assert variance > 1.25 * 64 / (1 + 64 / 2)  # Laplace's


def test_a_scale_mixture_is_a_prior_for_each_scale():
    """Shares stand there before; cuts lie as far apart as utilities and noise together: sqrt(1 + 3 s² / π²)."""
    context, targets = one(random_answers(1, 15, 4), 0), one(random_answers(1, 6, 4, seed=4), 0)
    mixture = ScaleMixture(4).requires_grad_(False)
    belief, bounds = infer(mixture, context), []
    found = belief.moments(targets.offsets, targets.rows)
    probability = torch.zeros(6).double()
    for row, (scale, share) in enumerate(SCALES.items()):
        stretch = (1 + 3 / np.pi**2 * scale**2) ** 0.5
        alone = prior_of([[0.0] * 4], [scale] * 4).requires_grad_(False)
        alone.averaged = True
        stretched = context._replace(low=context.low * stretch, high=context.high * stretch)
        twin = infer(alone, stretched)
        mean, variance = twin.moments(targets.offsets, targets.rows)
        assert ((found[0][row] - mean[0]).abs() <= CLOSE * variance[0].sqrt()).all()
        torch.testing.assert_close(found[1][row], variance[0], atol=0, rtol=2 * CLOSE)
        bounds.append(np.log(share) + dual(alone, 0, stretched, targets)[2])
        shown = targets._replace(low=targets.low * stretch, high=targets.high * stretch)
        probability += belief.log_weights[row].exp() * twin.predict_proba(shown)
    shares = torch.tensor(bounds).softmax(0)
    assert (belief.log_weights.exp() - shares).abs().max() < 0.01
    torch.testing.assert_close(belief.predict_proba(targets), probability, atol=1e-3, rtol=0)


@pytest.mark.parametrize("scale", [2.0, 8.0])
@pytest.mark.parametrize("count", [1, 4, 16])
def test_the_evidence_is_bounded_from_below(scale, count):
    """Of one direction the evidence is an integral on a line: the bound lies below it, by 0.05 nats at most."""
    prior = prior_of([[0.0]], [scale]).requires_grad_(False)
    prior.averaged = True
    context = one(random_answers(1, count, 1), 0)
    likelihoods = [float(slow_log_likelihood(torch.tensor([scale * v]), context)) for v in GRID]
    exact = np.log(np.exp(likelihoods) @ DENSITY)
    assert exact - 0.05 < dual(prior, 0, context, context)[2] < exact + 1e-6


# What it is for


def test_it_is_nearer_to_the_truth_than_laplaces():
    """Of 12 answers in 5 directions, s = 4: mean utilities against 100,000 weighed samples, within 5 errors."""
    prior = prior_of([[0.0] * 5], [4.0] * 5).requires_grad_(False)
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 5, dtype=torch.float64, generator=draw)
    taste = 4 * torch.randn(5, dtype=torch.float64, generator=draw)
    chosen = torch.where(torch.rand(12, generator=draw) < torch.sigmoid(rows @ taste), 1.0, -1.0)
    context, targets = (
        votes_on(rows * chosen[:, None]),
        torch.randn(20, 5, dtype=torch.float64, generator=draw),
    )
    other = infer(prior, context)
    prior.averaged = True
    belief = infer(prior, context)
    root = 1.2 * 4 * torch.linalg.inv(belief.factors[0]).mT
    noise = torch.randn(100_000, 5, dtype=torch.float64, generator=draw)
    tastes = belief.modes[0] + noise @ root.T
    log_likelihoods = torch.from_numpy(log_expit((tastes @ context.rows.T).numpy())).sum(dim=1)
    weights = (
        log_likelihoods - (tastes / 4).square().sum(dim=1) / 2 + noise.square().sum(dim=1) / 2
    ).softmax(0)
    utilities = tastes @ targets.T
    exact = weights @ utilities
    error = (weights.square() @ (utilities - exact).square()).sqrt()
    bias, laplaces = ((one.moments(exact * 0, targets)[0][0] - exact).abs() for one in (belief, other))
    assert 1 / weights.square().sum() > 20_000  # samples that count
    assert (bias + 5 * error).sum() < 0.5 * (laplaces - 5 * error).sum()


# Shortcuts


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("n", [2, 5, 30])
def test_from_near_is_as_from_scratch(averaged, n):
    """After one more answer, and after twice as many; of several people at once."""
    prior, targets = wide(6), random_answers(3, 12, 6, seed=2)
    prior.averaged = averaged
    whole = random_answers(3, 2 * n, 6)
    before = infer(prior, Answers(*(part[:, :n] for part in whole)))
    for more in (n + 1, 2 * n):
        now = Answers(*(part[:, :more] for part in whole))
        assert_near(infer(prior, now), infer(prior, now, near=before), targets.offsets, targets.rows)


def test_nothing_is_changed_by_padding_order_or_other_people():
    prior, targets, context = wide(6), random_answers(4, 12, 6, seed=2), random_answers(4, 9, 6)
    together, order = infer(prior, context), torch.randperm(9, generator=torch.Generator().manual_seed(0))
    padded = Answers(*(torch.cat([part, part], dim=1) for part in context))
    padded.weights[:, 9:] = 0
    padded.high[:, 9:], padded.low[:, 9:] = FAR, -FAR
    for other in (infer(prior, padded), infer(prior, Answers(*(part[:, order] for part in context)))):
        assert_near(together, other, targets.offsets, targets.rows)
    for person in range(4):
        alone = infer(prior, one(context, person))
        assert_near(together.of(person), alone, *one(targets, person)[1::-1])


# What each answer adds


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("n", [1, 4, 30])
def test_shares_of_the_answers_sum_to_what_the_prior_does_not_say(averaged, n):
    prior, context = wide(6), random_answers(2, n, 6)
    prior.averaged = averaged
    belief = infer(prior, context)
    shares = answer_shares(prior, belief, context)
    before = belief.log_weights.exp() @ prior.means
    error = 1e-3 * belief.spread.max().item() if averaged else 1e-6
    torch.testing.assert_close(before + shares.sum(dim=1), belief.taste, atol=error, rtol=0)
    assert shares.shape == (2, n, 6) and (shares[context.weights == 0] == 0).all()


@pytest.mark.parametrize("averaged", [False, True])
def test_a_share_is_weight_times_slope_times_row(averaged):
    prior, context = wide(3), one(random_answers(1, 6, 3), 0)
    prior.averaged = averaged
    belief = infer(prior, context)
    shares, slow = answer_shares(prior, belief, context), torch.zeros(6, 3).double()
    means, variances = belief.moments(context.offsets, context.rows)
    for component, answer in np.ndindex(3, 6):
        at = means[component, answer], context.low[answer], context.high[answer]
        slope, _ = (
            averaged_slope_and_bend(at[0], variances[component, answer], *at[1:])
            if averaged
            else slope_and_bend(*at)
        )
        part = belief.log_weights[component].exp() * context.weights[answer] * slope
        slow[answer] += part * context.rows[answer] * prior.spread.square()
    torch.testing.assert_close(shares, slow)


# What must not break it


@pytest.mark.parametrize("rows", [torch.zeros(6, 3), 1000 * torch.eye(3).repeat(2, 1), torch.ones(2000, 3)])
def test_the_same_images_far_ones_and_thousands_of_answers_stay_finite(rows):
    belief = infer(ScaleMixture(3), votes_on(rows))
    assert all(part.isfinite().all() for part in belief)
    again = belief.predict_proba(votes_on(rows[:1])).item()
    assert again == 0.5 if not rows.any() else again > 0.9
