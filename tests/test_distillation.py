"""What a teacher's posteriors are and what missing them costs, by arithmetic on paper and beside a slow twin."""

import math

import pytest
import torch

from tasteprint.config import TeacherConfig, load_config
from tasteprint.posterior.inference import infer
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import LEAST_SPREAD, MixturePrior
from tasteprint.train.distillation import (
    DistillationLoss,
    moments,
    posterior_after_each_vote,
    posterior_loss,
    soft_label_loss,
    utility_loss,
)

pytestmark = pytest.mark.numerical

EVEN, SKEWED = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.75, 0.25]]).log()
NOWHERE = torch.zeros(1, 2)


def test_utilities_are_missed_by_their_squares():
    assert utility_loss(torch.zeros(2, 2), torch.tensor([[1.0, -1.0], [1.0, 1.0]])).item() == 1
    assert utility_loss(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 5.0]])).item() == 2


def test_shares_are_missed_by_their_divergence_from_the_teachers():
    """KL of (1/2, 1/2) from (3/4, 1/4) is ½ ln 2/3 + ½ ln 2 = ½ ln 4/3; the other way round it is ¾ ln 3/2 - ¼ ln 2."""
    missed = posterior_loss(SKEWED, NOWHERE, EVEN, NOWHERE)
    assert missed.item() == pytest.approx(math.log(4 / 3) / 2, abs=1e-6)
    assert posterior_loss(SKEWED + 7, NOWHERE, EVEN, NOWHERE).item() == pytest.approx(missed.item(), abs=1e-6)
    other = 0.75 * math.log(3 / 2) - 0.25 * math.log(2)
    assert posterior_loss(EVEN, NOWHERE, SKEWED, NOWHERE).item() == pytest.approx(other, abs=1e-6)
    assert posterior_loss(SKEWED, NOWHERE, SKEWED, NOWHERE).item() == pytest.approx(0, abs=1e-6)


def test_a_taste_is_missed_by_half_its_squared_distance():
    away = torch.tensor([[3.0, 4.0]])
    assert posterior_loss(EVEN, away, EVEN, NOWHERE).item() == pytest.approx(12.5)


def test_posterior_loss_is_a_mean_over_votes_and_nothing_without_any():
    both = [
        torch.cat(parts) for parts in ((SKEWED, EVEN), (NOWHERE, NOWHERE), (EVEN, EVEN), (NOWHERE, NOWHERE))
    ]
    assert posterior_loss(*both).item() == pytest.approx(math.log(4 / 3) / 4, abs=1e-6)
    none = torch.zeros(0, 2, requires_grad=True)
    nothing = posterior_loss(none, none, none.detach(), none.detach())
    nothing.backward()
    assert nothing.item() == 0


def test_soft_labels():
    even, three_to_one = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
    half, most, sure = torch.tensor([0.5]), torch.tensor([0.75]), torch.tensor([1.0])
    for chance in (half, most, sure):
        assert soft_label_loss(even, chance).item() == pytest.approx(math.log(2), abs=1e-6)
    assert soft_label_loss(three_to_one, sure).item() == pytest.approx(math.log(4 / 3), abs=1e-6)
    assert soft_label_loss(three_to_one + 9, half).item() == pytest.approx(
        math.log(4 / 3) / 2 + math.log(4) / 2, abs=1e-6
    )
    least = three_to_one.requires_grad_()
    soft_label_loss(least, most).backward()
    assert least.grad.abs().max() < 1e-6, "the teacher's own probability costs least"


def test_the_terms_are_weighed_and_added():
    parts = DistillationLoss(*map(torch.tensor, (1.0, 10.0, 100.0)))
    assert parts.total(TeacherConfig()).item() == 111
    assert (
        parts.total(TeacherConfig(utility_weight=2.0, posterior_weight=0.0, soft_label_weight=0.5)).item()
        == 52
    )


@pytest.mark.parametrize("name", ["utility_weight", "posterior_weight", "soft_label_weight"])
@pytest.mark.parametrize("weight", ["-0.5", "nan", "inf"])
def test_a_weight_that_is_negative_or_no_number_is_refused(name, weight):
    with pytest.raises(
        ValueError, match=rf"^config\.teacher\.{name} is {weight}; expected a (finite )?number.*: .*\.$"
    ):
        load_config("mini", (f"teacher.{name}={weight}",))


def test_a_weight_in_words_is_refused_and_none_is_taken():
    with pytest.raises(
        ValueError, match=r"^config\.teacher\.soft_label_weight is 'much'; expected a number: correct it\.$"
    ):
        load_config("mini", ("teacher.soft_label_weight=much",))
    assert load_config("mini", ("teacher.soft_label_weight=0",)).teacher.soft_label_weight == 0


def prior(components=3, features=2):
    torch.manual_seed(0)
    made = MixturePrior(components, features).requires_grad_(False)
    made.logits.copy_(torch.randn(components))
    return made


def choices(count, features=2):
    return Answers.choices(
        torch.randn(count, features, dtype=torch.float64), torch.randn(count, dtype=torch.float64)
    )


def some(answers, mask):
    return Answers(*(part[mask] for part in answers))


def test_moments_by_hand():
    """Tastes 0 and 4, three of four people at 0: mean 1, variance 1 within and ¾ · 1 + ¼ · 9 = 3 between."""
    made = prior(2, 1)
    made.logits.copy_(torch.tensor([3.0, 1.0]).log())
    made.means.copy_(torch.tensor([[0.0], [4.0]]))
    made.raw_spread.fill_(math.log(1 - LEAST_SPREAD))
    mean, deviation = moments(made)
    assert mean.item() == pytest.approx(1, abs=1e-6) and deviation.item() == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("counts", [(3, 0, 5, 1), (0, 2), (4,), (1, 0), (0, 0)])
def test_posteriors_along_a_batch_are_those_of_every_prefix_alone(counts):
    """People of different numbers of votes in one batch, and each prefix of each person's votes on its own."""
    made = prior()
    voters = torch.tensor(
        [person for person, count in enumerate(counts) for _ in range(count)], dtype=torch.long
    )
    askers = torch.tensor([person for turn in range(2) for person in reversed(range(len(counts)))])
    votes, pairs = choices(len(voters)), choices(len(askers))
    shares, tastes, chances = posterior_after_each_vote(made, votes, voters, pairs, askers)
    assert shares.shape == (len(voters), 3) and tastes.shape == (len(voters), 2)
    for person in range(len(counts)):
        own, asked = voters == person, askers == person
        for k in range(int(own.sum())):
            alone = infer(made, some(some(votes, own), slice(k + 1)))
            assert torch.allclose(shares[own][k], alone.log_weights, atol=1e-6)
            assert torch.allclose(tastes[own][k], alone.taste, atol=1e-6)
        at_last = infer(made, some(votes, own))
        assert torch.allclose(chances[asked], at_last.predict_proba(some(pairs, asked)), atol=1e-6)


def test_before_a_vote_the_chance_is_the_populations():
    made = prior()
    alone = infer(made, choices(0)).predict_proba(pair := choices(1))
    nobody = torch.zeros(0, dtype=torch.long)
    shares, tastes, chances = posterior_after_each_vote(made, choices(0), nobody, pair, torch.tensor([0]))
    assert len(shares) == len(tastes) == 0 and torch.allclose(chances, alone)
    mean, _ = moments(made)
    assert torch.allclose(infer(made, choices(0)).taste, mean)
