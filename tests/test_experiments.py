"""The experiments' own logic: figures and tables by hand, noise, the training of the eye; every module imports."""

import math
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import tables
from experiments.figures import exact, gathered, over_people, prefixed, spread
from experiments.generator_parts import noise_for, values_of
from experiments.guidance import Outcome, batches, outcome_figures
from experiments.guidance_tables import guidance
from experiments.guided_people import Oracle, values_shown
from experiments.judge import CLASSES, judge_figures
from experiments.plots import accuracy_axes, curve, reliability_axes, reliable
from experiments.prediction_tables import interval, posterior_by_votes
from experiments.train_eye import reading_loss, teach_eye
from tasteprint.config import ModelConfig
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.simulate.taxonomy import DIMENSIONS, SUBJECTS, VALUES

FOLDER = Path(__file__).parents[1] / "experiments"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_and_says_what_it_does(name):
    sign = " ".join((import_module(f"experiments.{name}").__doc__ or "").split())
    assert "Enters:" in sign and "Leaves:" in sign and "Does not know:" in sign


def test_figures_over_people_and_seeds():
    found = over_people("a", np.array([[1.0, 0.0], [1.0, 1.0]]))
    assert (found.value, found.n) == (0.75, 2)
    assert spread("s", [0.2, 0.4]) == Figure("s", pytest.approx(0.3), 0.2, 0.4, 2)
    assert exact("e", 2) == Figure("e", 2.0, 2.0, 2.0, 1)
    assert [f.name for f in prefixed("w.", [exact("a", 0), exact("b", 1)])] == ["w.a", "w.b"]


def test_seeds_are_gathered_where_all_have_the_figure():
    runs = [[Figure("a", 0.1, 0.0, 0.2, 5), exact("only", 1)], [Figure("a", 0.3, 0.2, 0.4, 6)]]
    assert list(gathered(runs)) == [Figure("a", pytest.approx(0.2), 0.1, 0.3, 11)]


def test_guidance_outcomes():
    """Wins count ties as one half; the share of the oracle's gain is a ratio of sums."""
    own = Outcome(np.array([[1.0, 0.0], [2.0, -1.0]]), np.ones((2, 2), bool), seconds=8.0, looks=20)
    oracle = Outcome(np.full((2, 2), 1.0), np.ones((2, 2), bool), seconds=4.0, looks=4)
    own.courses = np.array([[1.0, 1.5], [0.0, 3.0]])
    unguided = np.array([[True, False], [True, True]])
    found = {f.name: f.value for f in outcome_figures({"own_context": own, "oracle": oracle}, unguided)}
    assert found["wins.own_context"] == 0.625
    assert found["gain.own"] == 0.5
    assert found["gain_share_of_oracle"] == 0.5
    assert found["subject.unguided"] == 0.75
    assert (found["seconds.own"], found["looks.own"]) == (2.0, 5.0)
    assert found["course.own_context.true.1"] == 0.5
    assert found["course.own_context.reward.1"] == 3.0


def test_everyone_has_three_different_prompts():
    places = [(row, column, subject) for rows, columns, subject in batches(7)
              for row, column in zip(rows, columns, strict=True)]  # fmt: skip
    assert {(row, column) for row, column, _ in places} == {
        (row, column) for row in range(7) for column in range(3)
    }
    assert len({(row, subject) for row, _, subject in places}) == len(places) == 21


def test_the_guidance_table():
    figures = [exact("subject.unguided", 0.9), Figure("wins.own_context", 0.8, 0.7, 0.9, 3),
               Figure("gain.own_context", 1, 0.5, 1.5, 3), exact("subject.own_context", 0.5),
               exact("seconds.own_context", 2), exact("looks.own_context", 7)]  # fmt: skip
    *_, row = guidance(figures).splitlines()
    assert row.endswith("| 0.800 (0.700 to 0.900) | 1.000 (0.500 to 1.500) | 0.500 | 2.00 | 7 |")


def test_the_table_by_votes():
    figures = [exact("accuracy.8", 0.75), exact("factors.pixels.accuracy.8", 0.6), exact("bound.oracle", 0.9)]
    lines = posterior_by_votes(figures).splitlines()
    assert [line for line in lines if line.startswith("| posterior, pixels")] == [
        "| posterior, pixels |  |  |  |  | 0.750 |  |  |",
        "| posterior, pixels |  |  |  |  | 0.600 |  |  |",
    ]
    assert "| oracle: the true taste | 0.900 (0.900 to 0.900) |  |" in lines
    assert interval(Figure("x", 0.5, 0.25, 0.75, 2)) == "0.500 (0.250 to 0.750)"


def test_documents_are_filled_from_results(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    write_results(tmp_path / "demo.json", "make it", [3], [Figure("accuracy.own", 0.75, 0.5, 1.0, 4)])
    text = "a\n<!-- demo -->\nold\n<!-- /demo -->\nb <!-- none -->kept<!-- /none -->"
    filled = tables.filled(text)
    assert "`make it`, seed 3, commit " in filled and "| 0.750 | 0.500 to 1.000 | 4 |" in filled
    assert "old" not in filled and "<!-- none -->kept<!-- /none -->" in filled
    assert tables.filled(filled) == filled


def test_the_documents_tables_are_those_of_the_results():
    for document in tables.DOCUMENTS:
        text = document.read_text("utf-8")
        assert tables.filled(text) == text, f"{document.name} is old: run python -m experiments.tables"


def test_curves_and_reliability_lines():
    from matplotlib.figure import Figure as Drawing

    named = {f.name: f for f in (exact("accuracy.8", 0.8), exact("accuracy.2", 0.6), exact("accuracy.x", 0),
             exact("calibration.said.3", 0.6), exact("calibration.right.3", 0.7),
             exact("calibration.ece", 0.1))}  # fmt: skip
    axes = Drawing().subplots()
    curve(axes, named, "accuracy", "label", "black", "-")
    assert axes.lines[0].get_xydata().tolist() == [[2, 0.6], [8, 0.8]]
    accuracy_axes(axes, exact("oracle", 0.9), "title")
    assert axes.lines[1].get_ydata()[0] == 0.9
    square = reliability_axes(Drawing())
    reliable(square, named, "", "", "model")
    assert square.lines[1].get_xydata().tolist() == [[0.6, 0.7]]
    assert square.lines[1].get_label() == "model (error 0.100)"


def test_noise_decides_the_values():
    draw = torch.Generator().manual_seed(0)
    labels = torch.stack([torch.randint(len(v), (50,), generator=draw) for v in DIMENSIONS.values()], dim=1)
    for clear in (0.0, 1.0):
        assert torch.equal(values_of(noise_for(labels, draw, clear)), labels)


def test_the_generator_is_judged_by_subjects_in_turn():
    count = 2 * len(SUBJECTS)
    seen = torch.zeros(count, len(CLASSES), dtype=torch.long)
    seen[:, -1] = torch.arange(count) % len(SUBJECTS)
    seen[0, -1] = 1  # one wrong
    found = {figure.name: figure.value for figure in judge_figures(seen)}
    assert found["subject"] == 1 - 1 / count
    assert found[f"subject.{SUBJECTS[0]}"] == 0.5 and found[f"subject.{SUBJECTS[1]}"] == 1
    assert found["appear.style"] == 1 / CLASSES[0] and found["rarest.style"] == 0


def test_the_oracle_scores_what_the_judge_reads():
    read = torch.tensor([[size - 1 for size in CLASSES]])
    logits = torch.cat([torch.eye(size)[-1:] for size in CLASSES], dim=1).requires_grad_(True)
    utilities = torch.arange(len(VALUES)).float()[None]
    score = Oracle(lambda images: logits, utilities).score(torch.zeros(1, 3, 48, 48), [""])
    assert score.item() == pytest.approx((values_shown(read) * utilities).sum().item())
    score.sum().backward()
    assert logits.grad.abs().sum() > 0


def test_reading_loss_of_equal_logits():
    expected = sum(math.log(count) for count in CLASSES) / len(CLASSES)
    labels = torch.zeros(3, len(CLASSES), dtype=torch.long)
    assert reading_loss(torch.zeros(3, sum(CLASSES)), labels).item() == pytest.approx(expected)


def test_the_eye_learns():
    torch.manual_seed(0)
    part = PreferenceNetwork.from_config(ModelConfig()).vision_part
    losses = []
    read = teach_eye(part, 30, 600, 0, batch_size=64, progress=lambda step, loss: losses.append(loss))
    assert losses[-1] < losses[0] - 0.2 and read["palette"] > 0.4
