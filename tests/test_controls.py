"""The controls against arithmetic, sklearn and planted worlds; the evaluation on readers known in advance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from tasteprint.config import ModelConfig
from tasteprint.evaluate.baselines import (
    bradley_terry,
    logistic,
    no_history,
    other_history,
    population,
    shared_tastes,
)
from tasteprint.evaluate.evaluation import evaluate, measure
from tasteprint.evaluate.metrics import pair_outcomes
from tasteprint.evaluate.per_person_finetune import per_person_finetune
from tasteprint.evaluate.predictors import predict_pairs
from tasteprint.evaluate.results import markdown, meaning, table
from tasteprint.evaluate.shared_tastes import SharedTastes, fit_shared_tastes, mixture_probability
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.types import Example, History, Vote

pytestmark = pytest.mark.numerical

IMAGES = 400
FEATURES = np.random.default_rng(0).normal(size=(IMAGES, 4))


@pytest.fixture(autouse=True)
def one_thread():
    """Small products are slow on several threads when the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def features(names):
    """Features of the images "0" to "399"."""
    return FEATURES[[int(name) for name in names]]


def constant(histories, candidates):
    """A reader that knows nothing."""
    return [np.zeros(len(person)) for person in candidates]


def vote(user, liked, disliked):
    """A decided vote whose liked image stands on either side."""
    first = Vote(user, "a cat", str(liked), str(disliked), 1.0)
    return first if (liked + disliked) % 2 else first.swapped()


def opposites(n=24, votes=18, seed=0):
    """People of two opposite tastes: the even like a high first feature, the odd a low one."""
    rng = np.random.default_rng(seed)
    people = {}
    for number in range(n):
        pairs = rng.permutation(IMAGES)[: 2 * votes].reshape(-1, 2)
        sign = 1 if number % 2 == 0 else -1
        ordered = [sorted(pair, key=lambda image: -sign * FEATURES[image, 0]) for pair in pairs.tolist()]
        people[f"user {number}"] = [vote(f"user {number}", *pair) for pair in ordered]
    return people


def examples(people, history_length=8):
    """The first votes as history, the others as targets."""
    return [
        Example(History(u, tuple(v[:history_length])), tuple(v[history_length:])) for u, v in people.items()
    ]


def rows(people):
    """Votes as rows of the feature table."""
    return [torch.tensor([[int(v.liked), int(v.disliked)] for v in votes]) for votes in people.values()]


def accuracy(predictor, shown):
    """Share of right pairs."""
    return np.concatenate([pair_outcomes(person) for person in predict_pairs(predictor, shown)]).mean()


def test_bradley_terry_of_two_images_by_hand():
    votes = [Vote("ann", "", "a", "b", 1.0)] * 3 + [Vote("bob", "", "b", "a", 1.0)]
    found = bradley_terry(votes, ridge=1.0)
    strength = brentq(lambda s: 3 * expit(-2 * s) - expit(2 * s) - s, 0, 3)  # the slope is 0 at the top
    assert found == pytest.approx({"a": strength, "b": -strength}, abs=1e-4)


def test_bradley_terry_against_sklearn_on_explicit_rows():
    rng = np.random.default_rng(0)
    pairs = [rng.choice(6, 2, replace=False).tolist() for _ in range(60)]
    label = rng.integers(0, 2, 60)
    votes = [Vote("ann", "", str(a), str(b), float(y)) for (a, b), y in zip(pairs, label, strict=True)]
    design = np.zeros((60, 6))
    design[np.arange(60), [a for a, _ in pairs]] = 1
    design[np.arange(60), [b for _, b in pairs]] = -1
    twin = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-8).fit(design, label).coef_[0]
    found = bradley_terry(votes, ridge=2.0)
    np.testing.assert_allclose([found[str(i)] for i in range(6)], twin, atol=1e-3)
    assert sum(found.values()) == pytest.approx(0, abs=1e-4)


def test_ties_and_strangers_of_the_population():
    predictor = population([Vote("ann", "", "a", "b", 0.5), Vote("ann", "", "c", "b", 1.0)])
    (read,) = predictor([History("bob")], [[(image, "a cat") for image in ("a", "b", "c", "new", "newer")]])
    assert read[2] > read[0] > read[1] and read[3] == read[4] == 0
    assert population([])([History("bob")], [[("a", "")]])[0].tolist() == [0]


def test_logistic_finds_a_persons_direction_and_knows_nothing_without_votes():
    shown = examples(opposites())
    predictor = logistic(features, [str(i) for i in range(IMAGES)])
    assert accuracy(predictor, shown) > 0.75
    assert accuracy(no_history(predictor), shown) == 0.5
    assert accuracy(predictor, other_history(shown, seed=0)) < accuracy(predictor, shown)


def test_logistic_does_not_mind_the_scale_or_a_feature_that_never_changes():
    shown = examples(opposites(4))
    everyone = [str(i) for i in range(IMAGES)]
    plain = predict_pairs(logistic(features, everyone), shown)
    scaled = predict_pairs(logistic(lambda names: 1000 * features(names) + 7, everyone), shown)
    np.testing.assert_allclose(np.concatenate(plain), np.concatenate(scaled), atol=1e-3)
    flat = predict_pairs(logistic(lambda names: np.ones((len(names), 2)), everyone), shown)
    assert not np.concatenate(flat).any()


def test_another_history_is_never_the_own_and_everybody_gives_one():
    shown = examples(opposites(7))
    swapped = other_history(shown, seed=3)
    givers = [example.history.user_id for example in swapped]
    assert sorted(givers) == sorted(example.history.user_id for example in shown)
    assert all(new.history.user_id != old.history.user_id for new, old in zip(swapped, shown, strict=True))
    assert [example.targets for example in swapped] == [example.targets for example in shown]
    assert other_history(shown, seed=3) == swapped != other_history(shown, seed=4)
    with pytest.raises(ValueError, match="among 1 people; expected at least 2"):
        other_history(shown[:1], seed=0)


def test_beliefs_of_two_tastes_by_hand():
    model = SharedTastes(torch.zeros(1), torch.ones(1), tastes=2, hidden=3)
    model.prior.data = torch.log(torch.tensor([0.8, 0.2]))
    votes = torch.tensor([[1.0, -1.0], [0.5, 2.0]])  # u_r(liked) - u_r(disliked)
    odds = [0.8 * expit(1) * expit(0.5), 0.2 * expit(-1) * expit(2)]
    weights = np.array(odds) / sum(odds)
    beliefs = model.log_memberships(votes)
    np.testing.assert_allclose(beliefs.exp().detach(), weights, atol=1e-6)
    np.testing.assert_allclose(model.log_memberships(votes.flip(0)).detach(), beliefs.detach(), atol=1e-6)
    np.testing.assert_allclose(model.log_memberships(votes[:0]).exp().detach(), [0.8, 0.2], atol=1e-6)
    asked = torch.tensor([[0.3, -0.7]])
    expected = weights[0] * expit(0.3) + weights[1] * expit(-0.7)
    assert mixture_probability(beliefs, asked).item() == pytest.approx(expected, abs=1e-6)
    both = torch.stack([model.log_memberships(votes[:1]), beliefs])
    assert mixture_probability(both, asked.expand(2, 1, 2))[1].item() == pytest.approx(expected, abs=1e-6)


def test_the_evidence_is_the_chain_of_predictions():
    torch.manual_seed(0)
    model, votes = SharedTastes(torch.zeros(1), torch.ones(1), tastes=3), torch.randn(5, 3)
    steps = [mixture_probability(model.log_memberships(votes[:i]), votes[i : i + 1]).log() for i in range(5)]
    assert model.evidence(votes, torch.ones(5)).item() == pytest.approx(sum(steps).item(), abs=1e-5)
    some = torch.tensor([1.0, 0, 1, 0, 0])
    assert model.evidence(votes, some).item() == pytest.approx(
        model.evidence(votes[[0, 2]], torch.ones(2)).item(), abs=1e-6
    )


def test_shared_tastes_learn_a_planted_world_and_the_evaluation_sees_it():
    table_of_features = torch.tensor(FEATURES, dtype=torch.float32)
    state = torch.random.get_rng_state()
    model = fit_shared_tastes(
        table_of_features, rows(opposites(60, seed=1)), rows(opposites(10, seed=2)), 2, 8, 150
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    train = [vote for votes in opposites(60, seed=1).values() for vote in votes]
    predictors = {"own": shared_tastes(model, features), "population": population(train)}
    found = {figure.name: figure for figure in evaluate(predictors, examples(opposites()), seed=0)}
    assert found["accuracy.own"].value > 0.9 > 0.65 > found["accuracy.no_history"].value
    assert found["own_minus_other.8"].low > 0.1 and found["own_minus_other.8"].n == 24
    order = [found[f"accuracy.{n}"].value for n in (0, 1, 2, 8)]
    # Of 240 pairs; what more votes may lose by the luck of training is four standard errors of a share of 0.95.
    assert order[1] - order[0] > 0.3
    assert all(later > earlier - 4 * np.sqrt(0.95 * 0.05 / 240) for earlier, later in pairwise(order))
    assert found["accuracy.8"].value == found["accuracy.own"].value
    assert found["accuracy.0"].value == found["accuracy.no_history"].value
    assert found["top1"].value > 0.5 and 0.35 < found["accuracy.population"].value < 0.65


def test_fitting_is_repeatable_and_refuses_nothing_to_learn_from():
    table_of_features, people = torch.tensor(FEATURES, dtype=torch.float32), rows(opposites(6))
    first, second = (fit_shared_tastes(table_of_features, people, (), 2, 4, 20, seed=1) for _ in range(2))
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    with pytest.raises(ValueError, match="no votes came in"):
        fit_shared_tastes(table_of_features, [torch.zeros((0, 2), dtype=torch.long)])


def test_a_constant_reader_is_a_fair_coin_everywhere():
    predictors = dict.fromkeys(("own", "population", "own_only", "logistic", "tastes"), constant)
    told = []
    found = evaluate(
        predictors, examples(opposites(20)), counts=(0, 2, 99), progress=lambda *row: told.append(row)
    )
    values = {figure.name: (figure.value, figure.low, figure.high) for figure in found}
    assert list(values) == [
        *(f"accuracy.{n}" for n in ("own", "no_history", "other_history", *list(predictors)[1:], "0", "2")),
        *("own_minus_other.8", "top1", "top2", "top3", "calibration.ece"),
    ]
    assert all(row == (0.5, 0.5, 0.5) for name, row in values.items() if name.startswith("accuracy"))
    assert values["own_minus_other.8"] == values["calibration.ece"] == (0, 0, 0)
    assert [values[f"top{k}"] for k in (1, 2, 3)] == [(k / 4,) * 3 for k in (1, 2, 3)]
    assert told[:2] == [("own", 16, 20), ("own", 20, 20)]


def test_every_reading_is_of_the_same_targets():
    seen = []

    def spy(histories, candidates):
        seen.append((len(histories[0]), candidates[0]))
        return constant(histories, candidates)

    measured = measure({"own": spy}, examples(opposites(3)), counts=(0, 1, 8))
    assert [length for length, _ in seen] == [8, 0, 8, 1]
    assert all(candidates == seen[0][1] for _, candidates in seen)
    assert [len(person) for person in measured.outcomes("own")] == [10, 10, 10]


def test_what_cannot_be_evaluated_is_said():
    shown = examples(opposites(3))
    with pytest.raises(ValueError, match="expected one named 'own'"):
        evaluate({"model": constant}, shown)
    with pytest.raises(ValueError, match=r"histories of \[3, 8\] votes"):
        evaluate({"own": constant}, [*shown, *examples(opposites(3), 3)])
    with pytest.raises(ValueError, match="margins of 0 people; expected 3"):
        evaluate({"own": lambda *_: []}, shown)


def test_the_report_shows_every_figure():
    figures = evaluate({"own": constant}, examples(opposites(3)))
    console = Console(width=200, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as shown:
        console.print(table(figures, "unseen people"))
    assert all(figure.name in shown.get() and f"| {figure.name} |" in markdown(figures) for figure in figures)
    assert (
        "| accuracy.own | pairs predicted right, the person's own history | 0.500 | 0.500 to 0.500 | 3 |"
        in (markdown(figures).splitlines())
    )
    assert all(meaning(figure.name) for figure in figures)
    assert meaning("accuracy.1") == "1 vote of history" and meaning("unheard.of") == ""
    assert meaning("bound.bayes.2") == "the best that 2 votes of history allow"
    assert meaning("accuracy.unrated.1") == "images that no other person rated, 1 vote of history"
    pooled = "own minus no history, 8 votes: what they add; all splits' people together"
    assert meaning("own_minus_no_history.8.pooled") == pooled and meaning("unheard.of.pooled") == ""


def test_own_only_learns_one_person_and_starts_afresh_for_the_next():
    colours = {"red": (200, 30, 30), "blue": (30, 30, 200)}

    def open_image(name):
        colour, number = name.split()
        return Image.new("RGB", (48, 48), tuple(value + int(number) for value in colours[colour]))

    def person(user, liked, disliked):
        votes = [Vote(user, "a cat", f"{liked} {i}", f"{disliked} {i}", 1.0) for i in range(6)]
        return Example(History(user, tuple(votes[:4])), tuple(votes[4:]))

    predictor = per_person_finetune(
        lambda: PreferenceNetwork.from_config(ModelConfig(), ["a cat"]), open_image, steps=8
    )
    ann, bob = person("ann", "red", "blue"), person("bob", "blue", "red")
    alone = predict_pairs(predictor, [bob])
    together = predict_pairs(predictor, [ann, bob])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-4)
    assert pair_outcomes(np.concatenate(together)).tolist() == [1, 1, 1, 1]
    assert predict_pairs(no_history(predictor), [ann])[0].tolist() == [[0, 0], [0, 0]]
