"""The optimisation of the noise against arithmetic on paper, torch's own optimiser, and what goes wrong."""

from itertools import islice

import pytest
import torch
from torch.nn.functional import interpolate

from tasteprint.config import GuideConfig
from tasteprint.guide import reno
from tasteprint.guide.reno import best_of, clipped, guide, nesterov, noises
from tasteprint.guide.rewards import Reward, below, minus_margin, one_minus_q, regulariser

pytestmark = pytest.mark.numerical

SHAPE = (4, 2, 2)


def images_of(noise, prompt):
    """A toy generator: the first three channels, twice as large. Not squeezed into [0, 1], for the arithmetic."""
    return interpolate(noise[:, :3], scale_factor=2)


class Near:
    """Minus the mean squared distance of an image to a grey of `value`."""

    def __init__(self, value=0.5):
        self.value = value

    def score(self, images, prompts):
        assert len(prompts) == len(images)
        return -((images - self.value) ** 2).flatten(1).mean(dim=1)


class Says:
    """Any function of images as a scorer."""

    def __init__(self, function):
        self.function = function

    def score(self, images, prompts):
        return self.function(images)


def near(weight=1.0, loss=minus_margin):
    return Reward("near", Near(), weight, loss)


def start(*seeds):
    return next(noises(SHAPE, seeds or (0,)))


def test_losses_by_hand():
    scores = torch.tensor([0.0, 2.0])
    assert one_minus_q(scores).tolist() == pytest.approx([0.5, 0.11920292])
    assert minus_margin(scores).tolist() == [0.0, -2.0]
    assert below(30.0)(torch.tensor([20.0])).tolist() == [10.0]


def test_the_regulariser_by_hand():
    """d = 16, all ones: the norm is 4, so 8 - 15 log 4; its minimum over norms is at the square root of 15."""
    ones = torch.ones(1, *SHAPE)
    assert regulariser(ones).tolist() == pytest.approx([8 - 15 * 1.3862944], abs=1e-5)
    scale = torch.tensor(15**0.5 / 4, requires_grad=True)
    (slope,) = torch.autograd.grad(regulariser(scale * ones).sum(), scale)
    assert abs(slope) < 1e-5
    both = torch.stack([0.9 * ones[0], 1.1 * ones[0]]) * scale.detach()
    assert (regulariser(both) > regulariser(scale.detach() * ones)).all()


def test_one_step_on_paper():
    """One number: score -(e - 0.5)^2 at e = 1.5 has slope 2 in the loss; lr 0.1, μ 0.9: 1.5 - 0.1 (2 + 0.9 · 2).

    Then the slope is 2 (1.12 - 0.5) = 1.24, the velocity 0.9 · 2 + 1.24 = 3.04: 1.12 - 0.1 (1.24 + 0.9 · 3.04).
    """
    config = GuideConfig(steps=2, lr=0.1, max_grad_norm=100.0, regulariser=0.0)
    one = torch.full((1, 1, 1, 1), 1.5)
    steps = list(guide(lambda noise, prompt: noise.expand(1, 3, 1, 1), "", one, [near()], config))
    assert [step.number for step in steps] == [0, 1, 2]
    assert [step.seen.noise.item() for step in steps] == pytest.approx([1.5, 1.12, 0.7224])
    assert [step.seen.loss.item() for step in steps] == pytest.approx([1.0, 0.3844, 0.2224**2])
    assert steps[1].norm.item() == pytest.approx(1.12)


def test_a_gradient_is_clipped_noise_by_noise():
    """One of norm 5 becomes one of 0.1, a short one stays: as torch clips each alone."""
    gradient = torch.zeros(2, *SHAPE)
    gradient[0, 0, 0, 0], gradient[0, 1, 0, 0], gradient[1, 0, 0, 0] = 3.0, 4.0, 0.05
    done = clipped(gradient, 0.1)
    assert done[0, :2, 0, 0].tolist() == pytest.approx([0.06, 0.08], abs=1e-6)
    for row, short in zip(gradient, done, strict=True):
        alone = torch.nn.Parameter(torch.zeros(SHAPE))
        alone.grad = row.clone()
        torch.nn.utils.clip_grad_norm_([alone], 0.1)
        torch.testing.assert_close(short, alone.grad)


def test_steps_are_those_of_torchs_sgd():
    config, source = GuideConfig(), torch.Generator().manual_seed(0)
    noise, velocity = start(), torch.zeros(1, *SHAPE)
    slow = noise.clone().requires_grad_()
    sgd = torch.optim.SGD([slow], lr=config.lr, momentum=config.momentum, nesterov=True)
    for _ in range(4):
        slow.grad = torch.randn(1, *SHAPE, generator=source)
        velocity, noise = nesterov(noise, velocity, slow.grad, config)
        sgd.step()
    torch.testing.assert_close(noise, slow.detach())


def test_the_settings_are_the_methods():
    config = GuideConfig()
    assert (config.steps, config.weight) == (30, 0.75)  # P
    assert (config.lr, config.momentum, config.max_grad_norm, config.regulariser) == (
        5.0,
        0.9,
        0.1,
        0.01,
    )  # ReNO


def test_guiding_makes_images_better_and_keeps_the_norm():
    steps = list(guide(images_of, "", start(0, 1), [near()]))
    assert len(steps) == 31 and (steps[-1].best.seen.loss < 0.2 * steps[0].seen.loss).all()
    free = list(guide(images_of, "", start(0, 1), [near()], GuideConfig(regulariser=0.0)))
    away = [(run[-1].norm - 15**0.5).abs().sum() for run in (steps, free)]
    assert away[0] < away[1]


def test_every_noise_goes_as_it_would_alone():
    """Also where one stops early: the others go on, and it stays where it is."""
    config = GuideConfig(steps=12, patience=2)
    together = list(guide(images_of, "", start(5, 6, 7), [near()], config))
    for row, seed in enumerate((5, 6, 7)):
        alone = list(guide(images_of, "", start(seed), [near()], config))
        for one, many in zip(alone, together, strict=False):
            torch.testing.assert_close(one.seen.noise[0], many.seen.noise[row])
            torch.testing.assert_close(one.regulariser[0], many.regulariser[row])
            assert one.running[0] == many.running[row] and one.best.number[0] == many.best.number[row]
        torch.testing.assert_close(alone[-1].best.seen.images[0], together[-1].best.seen.images[row])


def test_the_same_seed_gives_the_same_numbers():
    once, again = (list(guide(images_of, "", start(3), [near()])) for _ in range(2))
    assert all(torch.equal(a.seen.images, b.seen.images) for a, b in zip(once, again, strict=True))
    assert torch.equal(start(3, 4)[1], start(4)[0]) and not torch.equal(start(3), start(4))


def test_the_best_is_chosen_without_the_regulariser():
    """A regulariser that outweighs all pulls the noise out to its norm, away from the grey it starts at."""
    noise = torch.full((1, *SHAPE), 0.5)
    steps = list(guide(images_of, "", noise, [near()], GuideConfig(steps=5, regulariser=100.0)))
    assert steps[-1].seen.loss > steps[0].seen.loss and steps[-1].regulariser < steps[0].regulariser
    assert steps[-1].best.number.tolist() == [0] and torch.equal(steps[-1].best.seen.noise, noise)


def test_equal_losses_keep_the_earliest():
    flat = Reward("flat", Says(lambda images: 0 * images.flatten(1).sum(dim=1)), 1.0)
    assert list(guide(images_of, "", start(), [flat], GuideConfig(steps=3)))[-1].best.number.tolist() == [0]


def test_patience_ends_a_run():
    still = GuideConfig(steps=20, lr=0.0, patience=3)
    steps = list(guide(images_of, "", start(), [near()], still))
    assert [step.number for step in steps] == [0, 1, 2, 3]
    assert [bool(step.running) for step in steps] == [True, True, True, False] and steps[-1].stopped is None


def test_weights_multiply_and_rewards_add_up():
    rewards = [
        near(0.5),
        Reward("bright", Says(lambda images: images.flatten(1).mean(dim=1)), 2.0, below(1.0)),
    ]
    first = next(guide(images_of, "", start(), rewards))
    expected = -0.5 * first.seen.scores["near"] + 2 * (1 - first.seen.scores["bright"])
    torch.testing.assert_close(first.seen.loss, expected)


def test_what_is_yielded_holds_no_graph_and_touches_no_model():
    layer = torch.nn.Conv2d(4, 3, 1)
    run = guide(lambda noise, prompt: layer(noise), "", start(), [near()], GuideConfig(steps=2))
    with torch.no_grad():  # a caller's own mode does not matter
        steps = list(run)
    for step in steps:
        tensors = [
            *step.seen.scores.values(),
            step.seen.images,
            step.seen.noise,
            step.seen.loss,
            step.regulariser,
        ]
        assert not any(tensor.requires_grad for tensor in tensors)
    assert layer.weight.grad is None and steps[2].seen.loss < steps[0].seen.loss


def test_the_callers_gradient_mode_is_left_alone():
    assert [
        torch.is_grad_enabled() for _ in guide(images_of, "", start(), [near()], GuideConfig(steps=1))
    ] == [True] * 2
    draws = islice(noises(SHAPE, [0]), 2)
    assert [torch.is_grad_enabled() for _ in best_of(images_of, "", draws, [near()])] == [True] * 2


def test_the_best_of_some_is_the_best_of_some():
    steps = list(best_of(images_of, "", islice(noises(SHAPE, [0, 1]), 20), [near()]))
    losses = torch.stack([step.seen.loss for step in steps])
    assert losses.shape == (20, 2) and torch.equal(steps[0].seen.noise, start(0, 1))
    assert torch.equal(steps[-1].best.seen.loss, losses.min(dim=0).values)
    assert torch.equal(steps[-1].best.number, losses.argmin(dim=0))


def test_a_budget_of_seconds(monkeypatch):
    """A clock that moves a second a look: after three seconds none is begun."""
    ticks = iter(range(100))
    monkeypatch.setattr(reno, "perf_counter", lambda: float(next(ticks)))
    steps = list(best_of(images_of, "", noises(SHAPE, [0]), [near()], seconds=3.0))
    assert [step.seconds for step in steps] == [1.0, 2.0, 3.0]


def fails_from(step, kind):
    """A scorer that is well until then."""
    calls = iter(range(100))

    def score(images):
        factor = torch.ones(len(images))
        factor[0] = kind if next(calls) >= step else 1.0
        return -factor * ((images - 0.5) ** 2).flatten(1).mean(dim=1)

    return Reward("moody", Says(score), 1.0, minus_margin)


@pytest.mark.parametrize("kind", [float("nan"), float("inf")])
def test_what_is_not_finite_ends_that_noise_and_keeps_its_best(kind):
    steps = list(guide(images_of, "", start(0, 1), [fails_from(4, kind)], GuideConfig(steps=8)))
    assert [step.number for step in steps if step.stopped] == [4]
    assert steps[4].stopped == (
        "the reward 'moody' of noise 0 is not finite at step 4; expected a number: this noise ends here and its best "
        "image so far is kept."
    )
    assert steps[-1].running.tolist() == [False, True] and len(steps) == 9
    best = steps[-1].best
    assert (
        best.number[0] < 4
        and best.seen.loss.isfinite().all()
        and torch.equal(best.seen.loss[0], steps[4].best.seen.loss[0])
    )
    alone = list(guide(images_of, "", start(1), [near()], GuideConfig(steps=8)))
    torch.testing.assert_close(best.seen.images[1], alone[-1].best.seen.images[0])


def test_a_run_whose_last_noise_fails_ends_there():
    steps = list(guide(images_of, "", start(), [fails_from(2, float("nan"))], GuideConfig(steps=8)))
    assert [step.number for step in steps] == [0, 1, 2] and steps[-1].best.seen.loss.isfinite().all()


def test_a_gradient_that_is_not_finite_ends_the_noise_but_its_image_counts():
    rooted = Reward(
        "root", Says(lambda images: 1 - (images * 0).sqrt().flatten(1).sum(dim=1)), 1.0, minus_margin
    )
    with pytest.raises(
        ValueError, match="the gradient of noise 0 is not finite at step 0; expected a number"
    ):
        next(guide(images_of, "", start(), [rooted]))


def test_a_scorer_without_a_number_is_refused_at_once():
    for value in (float("nan"), float("-inf")):
        silent = Reward("silent", Says(lambda images, value=value: images.flatten(1).sum(dim=1) * value), 1.0)
        for run in (
            guide(images_of, "", start(), [silent]),
            best_of(images_of, "", noises(SHAPE, [0]), [silent]),
        ):
            with pytest.raises(
                ValueError, match="'silent' of noise 0 is not finite at step 0; expected a number"
            ):
                next(run)


@pytest.mark.parametrize("shape", [(), (1, 1), (2,)])
def test_scores_of_a_wrong_shape_are_refused(shape):
    odd = Reward("odd", Says(lambda images: torch.ones(shape) * images.sum()), 1.0)
    with pytest.raises(
        ValueError, match=r"reward 'odd' gave scores of shape .* for 1 images; expected \(1,\)"
    ):
        next(guide(images_of, "", start(), [odd]))


def test_a_reward_without_a_gradient_is_refused_for_guiding_only():
    blind = Reward("blind", Says(lambda images: images.detach().flatten(1).mean(dim=1)), 1.0)
    with pytest.raises(ValueError, match="no reward has a gradient in the noise"):
        next(guide(images_of, "", start(), [blind]))
    assert next(best_of(images_of, "", noises(SHAPE, [0]), [blind])).seen.loss.isfinite().all()


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_a_weight_that_is_no_weight(weight):
    with pytest.raises(
        ValueError, match=f"reward 'near' has weight {weight}; expected a number of at least 0"
    ):
        near(weight)
    with pytest.raises(ValueError, match=f"^weight is {weight}; expected a (finite )?number"):
        GuideConfig(weight=weight)


def test_no_steps_and_no_rewards():
    with pytest.raises(ValueError, match="steps is 0; expected a number of at least 1"):
        GuideConfig(steps=0)
    with pytest.raises(ValueError, match=r"the rewards are \[\]; expected at least one"):
        next(guide(images_of, "", start(), []))
    with pytest.raises(ValueError, match="each under its own name"):
        next(guide(images_of, "", start(), [near(), near()]))
