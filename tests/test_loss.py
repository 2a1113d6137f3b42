"""The losses, by arithmetic on paper. Vocabulary of three: 0 is `-`, 1 is `+`, 2 is any other token."""

import math

import pytest
import torch

from tasteprint.incontext.loss import (
    AnswerTokens,
    accuracy,
    answer_loss,
    contrastive_loss,
    margin,
    preference_loss,
)

pytestmark = pytest.mark.numerical

ANSWERS = AnswerTokens(minus=0, plus=1)


def loss_of(pairs, told=(), liked=(), **more):
    told = torch.tensor(told).reshape(-1, 3)
    return preference_loss(torch.tensor(pairs), told, torch.tensor(liked, dtype=torch.bool), ANSWERS, **more)


def test_equal_logits_give_ln_2():
    parts = loss_of([[[0.0] * 3, [0.0] * 3]], binary_loss=True)
    assert [part.item() for part in parts] == pytest.approx([math.log(2)] * 3 + [0], abs=1e-6)
    assert loss_of([[[0.0] * 3, [0.0] * 3]]).base.item() == pytest.approx(math.log(3))


def test_by_hand():
    # liked image: M- = 0, M+ = ln 3; disliked: M- = ln 4, M+ = 0. Two-way: -ln 3/4 and -ln 4/5.
    parts = loss_of([[[0.0, math.log(3), -99.0], [math.log(4), 0.0, -99.0]]])
    assert parts.base.item() == pytest.approx((math.log(4 / 3) + math.log(5 / 4)) / 2, abs=1e-6)
    assert parts.plus.item() == pytest.approx(math.log(4 / 3), abs=1e-6)  # sigma(ln 3 - 0) = 3/4
    assert parts.minus.item() == pytest.approx(math.log(5 / 4), abs=1e-6)  # sigma(ln 4 - 0) = 4/5
    assert parts.total().item() == pytest.approx(sum(part.item() for part in parts), abs=1e-6)


def test_swapping_liked_and_disliked_mirrors_the_contrast():
    liked, disliked = torch.tensor([[0.0, 2.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    plus, minus = contrastive_loss(liked, disliked, ANSWERS)
    assert plus.item() == pytest.approx(math.log1p(math.exp(-2.0)))
    assert minus.item() == pytest.approx(math.log1p(math.exp(-1.0)))


def test_history_answers():
    parts = loss_of([[[0.0] * 3, [0.0] * 3]], told=[[0.0, math.log(3), -99.0]] * 2, liked=[True, False])
    assert parts.history.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2, abs=1e-5)
    assert parts.total(contrastive=0.0, history=0.5).item() == pytest.approx(
        parts.base.item() + 0.5 * parts.history.item(), abs=1e-6
    )


def test_labels_choose_the_token():
    logits = torch.tensor([[5.0, 0.0, 0.0]])
    assert answer_loss(logits, torch.tensor([False]), ANSWERS) < answer_loss(
        logits, torch.tensor([True]), ANSWERS
    )


def test_margin_and_ties():
    assert margin(torch.tensor([[1.0, 3.5, 9.0]]), ANSWERS).tolist() == [2.5]
    assert accuracy(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 1.0, 2.0])).item() == 0.5
