"""The benchmark: its slow twins give what the shared path gives, and its program runs."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

import pipelines
from benchmarks.works import Person
from tasteprint.guide.generators import GENERATORS
from tasteprint.incontext.model import InContextModel


@pytest.fixture
def person(model, tmp_path):
    """A person of a model of their own, whose weights may have gradients."""
    return Person(InContextModel(deepcopy(model.network)), "mini", tmp_path, votes=3, candidates=4)


def gradients(network):
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def near(one, other, relative=1e-4):
    return (one - other).norm() <= relative * other.norm()


def test_scores_are_those_of_the_published_way(person):
    assert person.scores(person.taste(), 4).numpy() == pytest.approx(
        person.published_scores(4).numpy(), abs=1e-5
    )


def test_rows_of_other_lengths_may_stand_in_a_batch(person):
    from benchmarks.twins import answer

    short = type(person.history)("v", person.history.votes[:1])
    with torch.no_grad():
        together = answer(person.network, [person.history, short], person.asked[:2], person.features)
        alone = answer(person.network, [short], person.asked[1:2], person.features)
    assert torch.allclose(together[1], alone[0], atol=1e-5)


@pytest.mark.parametrize("pairs", [1, 3])
def test_a_training_step_has_the_gradients_of_two_passes_a_pair(person, pairs):
    person.published_step(pairs)
    slow = gradients(person.network)
    person.step(pairs)
    assert near(gradients(person.network), slow)


def test_cached_features_give_the_gradients_of_the_parts_that_still_learn(person):
    person.published_step(1)
    for parameter in person.network.vision_part.modules.parameters():
        parameter.grad = None
    slow = gradients(person.network)
    person.step(1, cached=True)
    assert near(gradients(person.network), slow)
    assert not any(parameter.requires_grad for parameter in person.network.parameters())


def test_guidance_has_the_gradient_of_the_whole_conversation(person):
    assert near(person.guidance(person.taste()), person.published_guidance())


def test_operations_are_counted_by_hand():
    from benchmarks.measure import operations, peak_bytes, seconds

    left, right = torch.rand(2, 3), torch.rand(3, 5)
    assert operations(lambda: left @ right) == 2 * 2 * 3 * 5
    query = torch.rand(1, 2, 8, 4)
    attend = torch.nn.functional.scaled_dot_product_attention
    products = 2 * (2 * 2 * 8 * 8 * 4)
    assert operations(lambda: attend(query, query, query)) == products
    assert operations(lambda: attend(query, query, query, is_causal=True)) == products / 2
    assert seconds(lambda: None) >= 0
    assert peak_bytes(lambda: torch.ones(2**24)) >= 0.9 * 2**26


def test_the_program_measures_and_writes(tmp_path, capsys):
    from benchmarks.bench import main

    main(["--quick", "--out", str(tmp_path)])
    written = json.loads((tmp_path / "results" / "bench-mini.json").read_text())
    figures = {figure["name"]: figure["value"] for figure in written["figures"]}
    rows = ["train.pairs1", "train.pairs8", "train.cached_features", "guidance.step.warm", "append.vote"]
    rows += [f"score.candidates{n}.{state}" for n in (1, 2, 8) for state in ("cold", "warm")]
    assert {name for row in rows for name in (row, f"{row}.predicted")} <= set(figures)
    assert figures["score.candidates8.warm.predicted"] > figures["score.candidates8.cold.predicted"] > 1
    assert figures["agreement.score"] < 1e-5 and figures["agreement.gradient"] < 1e-4
    assert all(row in capsys.readouterr().out for row in rows[:1])


@pytest.mark.filterwarnings("ignore:these pictures are unlike")  # noise is no picture
def test_the_parts_of_a_step_of_guidance_are_watched(tmp_path, monkeypatch):
    from benchmarks.guided import main
    from benchmarks.watched import PARTS

    entry = replace(
        GENERATORS["mini-generator"], repository=pipelines.save(pipelines.mini, tmp_path / "mini")
    )
    monkeypatch.setitem(GENERATORS, "mini-generator", entry)
    main(["--quick", "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "results" / "bench-guidance.json").read_text())["figures"]
    found = {figure["name"]: figure["value"] for figure in figures}
    for name in ("none.batch1", "mini.nobody.batch8", "mini-posterior.own.batch1.checkpointed"):
        assert all(found[f"{name}.{part}"] > 0 for part in PARTS)
        assert 0 < found[f"{name}.not_generator"] < 1
    assert found["mini.own.batch8.mib"] > found["mini.own.batch8.checkpointed.mib"] > 0
    assert found["mini.own.batch1.over.nobody"] > 0 < found["mini.own.batch1.checkpointed.over.plain"]


def test_memory_of_tensors_is_counted():
    from benchmarks.measure import peak_allocated

    def two_then_one():
        first = torch.ones(2**20) + torch.ones(2**20)
        return first.sum()

    assert 3 * 2**22 <= peak_allocated(two_then_one) < 3 * 2**22 + 2**12


def test_the_curves_are_drawn(tmp_path):
    from benchmarks.bench import main

    main(["--quick", "--curves", "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "results" / "curves-mini.json").read_text())["figures"]
    assert {"candidates.3.warm", "history.8.cold", "people.3.warm", "people.3.published"} <= {
        f["name"] for f in figures
    }
    assert (tmp_path / "pictures" / "cost.png").stat().st_size > 10_000


def test_the_large_shape_needs_a_gpu():
    from benchmarks.models import build

    with pytest.raises(ValueError, match="idefics2-8b was asked for on the processor"):
        build("idefics2-8b", "cpu")


def test_the_large_shape_has_the_size_of_idefics2_8b():
    from benchmarks import models

    tokenizer = models.mini_processor(["a"], models.LARGE["image_size"]).tokenizer
    network = models._network(models.LARGE, tokenizer, "meta", torch.bfloat16)
    assert sum(parameter.numel() for parameter in network.parameters()) == 8_402_768_112
