"""In-context prints: extended, kept, shared and shelved, each against the slow way."""

import json
import resource
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from people import history, vote
from tasteprint.incontext import scoring
from tasteprint.incontext.backbone import past_apart
from tasteprint.incontext.frozen import Int8Keys, PassCost, Past
from tasteprint.incontext.images import PixelCache
from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.prints import InContextPrint, rounding_loss, score_requests
from tasteprint.incontext.shelf import PrintShelf
from tasteprint.tensor_files import write_tensors
from tasteprint.types import History, Passed, Rating

pytestmark = pytest.mark.numerical

NAMES, PROMPTS = ["30", "31", "32"], ["a fish", "a cup", ""]


@pytest.fixture(scope="module")
def opened(pictures):
    return pictures.__getitem__


@pytest.fixture(scope="module")
def shown(pictures):
    return [pictures[name] for name in NAMES]


@pytest.fixture(scope="module")
def slow(model, pictures):
    """The whole conversation in one pass, without a print."""
    images = PixelCache(model.network, pictures.__getitem__)
    return lambda person: model.network.margins([person], [list(zip(NAMES, PROMPTS, strict=True))], images)[0]


def nudged(model):
    """A model of which one weight is a little different, as after a step of training."""
    network = deepcopy(model.network)
    with torch.no_grad():
        network.backbone.network.model.text_model.layers[0].mlp.up_proj.weight.add_(1e-3)
    return InContextModel(network)


@pytest.mark.parametrize("first", [0, 1, 3])
def test_an_extended_print_equals_one_from_scratch(model, opened, shown, slow, first):
    whole = history(4)
    begun = model.print_of(replace(whole, votes=whole.votes[:first]), opened)
    before, scores = begun.past.keys.clone(), begun.score_pictures(shown, PROMPTS)
    taste = begun.extended(whole.votes[first:], opened)
    assert taste.score_pictures(shown, PROMPTS).numpy() == pytest.approx(slow(whole), abs=1e-5)
    assert torch.allclose(taste.past.keys, model.print_of(whole, opened).past.keys, atol=1e-5)
    assert torch.equal(begun.past.keys, before) and torch.equal(begun.score_pictures(shown, PROMPTS), scores)
    assert taste.history == whole and taste.fingerprint == model.fingerprint


def test_only_new_images_are_opened(model, pictures):
    names = []
    taste = model.print_of(history(2), pictures.__getitem__)
    taste.extended(history(1, start=10).votes, lambda name: names.append(name) or pictures[name])
    assert names == ["10", "11"]


def test_images_of_a_history_may_go_in_several_batches(model, opened, monkeypatch):
    together = model.print_of(history(3), opened).past.keys
    monkeypatch.setattr(PassCost, "images_at_once", 2)
    assert torch.allclose(model.print_of(history(3), opened).past.keys, together, atol=1e-5)


def test_at_the_window_the_newest_votes_that_fit_are_read(model, opened, shown, slow, monkeypatch):
    longest = len(model.network.encoder.target("", first=False)) + 100
    room = model.print_of(history(3), opened).past.length + longest
    monkeypatch.setattr(
        model.network.backbone.network.config.text_config, "max_position_embeddings", room + 2
    )
    votes, newest = history(4).votes, History("u", history(4).votes[1:])
    taste = model.print_of(history(3), opened)
    with pytest.warns(
        UserWarning, match=r"4 votes of user 'u' are more than .* holds; the newest 3 are read\.$"
    ):
        longer = taste.extended(votes[3:], opened)
    assert longer.history == newest
    assert longer.score_pictures(shown, PROMPTS).numpy() == pytest.approx(slow(newest), abs=1e-5)
    with pytest.warns(UserWarning, match="the newest 3 are read"):
        assert torch.allclose(model.print_of(history(4), opened).past.keys, longer.past.keys, atol=1e-5)


def test_requests_of_many_people_score_as_alone(model, opened):
    histories = [history(3), History("nobody"), history(1, "w", 8), history(3, "v", 16)]
    people = [model.print_of(person, opened) for person in histories]
    who = [0, 3, 1, 2, 0, 3, 3, 2, 1, 0]
    images = torch.rand(len(who), 3, 48, 48, generator=torch.Generator().manual_seed(0))
    prompts = ["a fish", "", "a house by the sea", "a cup"] * 3
    together = score_requests([people[n] for n in who], images, prompts[: len(who)]).detach()
    alone = [people[n].score(images[i : i + 1], [prompts[i]]).item() for i, n in enumerate(who)]
    assert together.numpy() == pytest.approx(alone, abs=1e-5)


def test_gradients_of_a_batch_are_those_alone(model, opened):
    people, prompts = (
        [model.print_of(history(2), opened), model.print_of(history(1, "w", 8), opened)],
        ["a fish", "a"],
    )
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (together,) = torch.autograd.grad(score_requests(people, images, prompts).sum(), images)
    scores = [person.score(images[i : i + 1], prompts[i : i + 1]) for i, person in enumerate(people)]
    alone = sum(torch.autograd.grad(score.sum(), images)[0] for score in scores)
    assert (together - alone).norm() <= 1e-4 * together.norm()


@pytest.mark.parametrize("sharing", [1, 2])
def test_attention_past_a_print_is_plain_attention(sharing):
    draw = torch.Generator().manual_seed(0)
    query, past, new = (torch.randn(2, heads, places, 8, generator=draw)
                        for heads, places in ((4, 3), (8 // sharing, 7), (8 // sharing, 3)))  # fmt: skip
    module, mask = (
        torch.nn.Module(),
        torch.zeros(2, 1, 3, 10).masked_fill(torch.rand(2, 1, 3, 10, generator=draw) < 0.2, -1e9),
    )
    module.num_key_value_groups, module.is_causal = sharing, False
    wanted, found = (query.requires_grad_(), new.requires_grad_()), []
    for attend in (past_apart, sdpa_attention_forward):
        keys, values = torch.cat([past, new], dim=2).chunk(2, dim=1)
        out, _ = attend(module, query, keys, values, mask, scaling=0.3)
        found.append([out, *torch.autograd.grad(out.square().sum(), wanted)])
    for ours, plain in zip(*found, strict=True):
        assert torch.allclose(ours, plain, atol=1e-5)
    if sharing == 1:  # SDPA itself
        assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_a_small_budget_makes_small_passes_of_equal_scores(model, opened, shown, monkeypatch):
    people = [model.print_of(history(n), opened) for n in (0, 1, 2)]
    images = torch.rand(9, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    whole = score_requests(people * 3, images, ["a fish"] * 9).detach()
    sizes, read_on = [], model.read_on
    monkeypatch.setattr(model, "read_on", lambda *a: sizes.append(len(a[2])) or read_on(*a))
    turn = len(model.network.encoder.target("a fish", first=False))
    enough = PassCost(model.network.backbone)(1, 2 * turn, people[2].past.length, 2)
    monkeypatch.setattr(scoring, "WORKING_MEMORY", enough)
    parts = score_requests(people * 3, images, ["a fish"] * 9).detach()
    assert len(sizes) > len(people) and parts.numpy() == pytest.approx(whole.numpy(), abs=1e-5)


def test_the_estimate_of_a_pass_grows_with_all_that_it_holds(model):
    cost = PassCost(model.network.backbone)
    one = cost(1, 10, 100, 1)
    assert one < min(cost(2, 10, 100, 1), cost(1, 20, 100, 1), cost(1, 10, 200, 1), cost(1, 10, 100, 2))


def test_requests_must_match(model, opened):
    taste = model.print_of(History("u"), opened)
    with pytest.raises(
        ValueError, match="2 images of 1 people came with 2 prompts; expected one prompt an image"
    ):
        score_requests([taste], torch.rand(2, 3, 48, 48), ["a", "b"])
    assert len(score_requests([], torch.rand(0, 3, 48, 48), [])) == 0


def test_the_beginning_is_read_once_and_is_every_prints(model, opened):
    assert model.print_of(history(1), opened).past.shared is model.beginning
    assert model.print_of(history(2), opened).past.shared is model.beginning


def test_a_model_of_other_weights_or_tokens_has_another_name_and_beginning(model):
    other = nudged(model)
    assert other.fingerprint != model.fingerprint and not torch.equal(other.beginning, model.beginning)
    network = deepcopy(model.network)
    network.set_tokens(network.tokens.vectors.detach() + 0.1)
    assert InContextModel(network).fingerprint not in (model.fingerprint, other.fingerprint)


def test_a_model_is_frozen_and_its_network_trains_only_when_told(model):
    assert not any(p.requires_grad for p in model.network.parameters()) and not model.network.training


def test_without_anything_shared_a_print_still_reads(model, opened, shown):
    network = deepcopy(model.network)
    network.encoder.begin = ()
    network.grow_tokens(0)
    taste = InContextModel(network).print_of(history(1), opened)
    assert taste.past.shared.shape[-2] == 0 and taste.score_pictures(shown, PROMPTS).isfinite().all()


def test_prints_of_several_models_are_not_scored_together(model, opened):
    people = [one.print_of(History("u"), opened) for one in (model, nudged(model))]
    with pytest.raises(ValueError, match="the prints are of several models; expected one"):
        score_requests(people, torch.rand(2, 3, 48, 48), ["a", "b"])


def test_a_print_file_of_another_model_or_template_is_refused(model, opened, tmp_path):
    model.print_of(history(1), opened).save(tmp_path / "u.print")
    with pytest.raises(ValueError, match="was made by another model; expected this one's print"):
        InContextPrint.load(tmp_path / "u.print", nudged(model))
    network = deepcopy(model.network)
    network.encoder.template = replace(network.encoder.template, name="viper")
    with pytest.raises(ValueError, match="was made with template 'default'; expected 'viper'"):
        InContextPrint.load(tmp_path / "u.print", InContextModel(network))


def test_a_preference_is_the_sigmoid_of_the_difference_of_margins(model, opened, shown):
    taste = model.print_of(history(2), opened)
    margins = taste.score_pictures(shown, PROMPTS)
    others = taste.score_pictures(shown[::-1], PROMPTS)
    prefers = taste.prefers(shown, shown[::-1], PROMPTS)
    assert torch.equal(prefers, torch.sigmoid(margins - others)) and prefers[1] == 0.5
    assert torch.allclose(prefers, 1 - taste.prefers(shown[::-1], shown, PROMPTS))
    assert torch.equal(taste.prefers(shown, shown[::-1]), taste.prefers(shown, shown[::-1], [""] * 3))
    with pytest.raises(ValueError, match="3 pictures were set against 2; expected as many"):
        taste.prefers(shown, shown[:2])


def test_opinions_on_one_image_are_refused(model, opened):
    rating, passed = Rating("u", "", "1", 2), Passed("u", "1")
    for use in (
        lambda: model.print_of(History("u", (), (rating,)), opened),
        lambda: model.print_of(History("u", passed=(passed,)), opened),
        lambda: model.print_of(history(1), opened).extended([rating], opened),
        lambda: model.print_of(history(1), opened).extended([passed], opened),
    ):
        with pytest.raises(ValueError, match="of user 'u' is about one image; expected votes between two"):
            use()


@pytest.mark.parametrize("int8", [False, True])
def test_a_print_survives_the_disk(model, opened, shown, tmp_path, int8):
    votes = (
        replace(vote(0, 1), created_at=datetime(2024, 5, 6, 7), ranking_id=3),
        vote(2, 3, 0.0, "a cup\n"),
    )
    taste = model.print_of(History("ü", votes), opened)
    taste.save(tmp_path / "u.print", int8)
    back = InContextPrint.load(tmp_path / "u.print", model)
    assert back.history == taste.history and back.fingerprint == taste.fingerprint
    kept = taste.quantized() if int8 else taste
    assert torch.equal(back.score_pictures(shown, PROMPTS), kept.score_pictures(shown, PROMPTS))
    (stored,) = [value for name, value in load_file(tmp_path / "u.print").items() if name == "keys"]
    assert stored.shape[-2] == taste.past.length - len(model.network.tokens) - 1
    assert back.extended(history(1, start=8).votes, opened).past.length > back.past.length
    assert [path.name for path in tmp_path.iterdir()] == ["u.print"]


def test_what_is_not_a_whole_print_is_refused(model, opened, tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "u.print"
    model.print_of(history(1), opened).save(whole)
    content = whole.read_bytes()
    for cut in (0, 4, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(
            ValueError, match=r"could not be read .*; expected a print that `save` wrote, whole"
        ):
            InContextPrint.load(path, model)
    for text in (b"no tensors at all, but longer than a header would be", b"\x80\x04cos\nsystem\n"):
        path.write_bytes(text)
        with pytest.raises(ValueError, match="could not be read"):
            InContextPrint.load(path, model)
    with pytest.raises(ValueError, match="could not be read"):
        InContextPrint.load(tmp_path / "nowhere", model)
    save_file({"keys": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="is not a print of format tasteprint-print-2"):
        InContextPrint.load(path, model)


def test_a_print_that_contradicts_itself_is_refused(model, opened, tmp_path):
    taste, path = model.print_of(history(2), opened), tmp_path / "u.print"
    fingerprint, template = model.fingerprint, "default"
    about = {
        "format": "tasteprint-print-2",
        "fingerprint": fingerprint,
        "template": template,
        "dtype": "float32",
    }
    told = json.dumps({"user": "u", "opinions": []})
    for tensors, metadata, sentence in (
        (
            {"keys": taste.past.own},
            {**about, "history": told},
            r"holds keys of shape .* expected \(6, 2, 4, 0, 32\)",
        ),
        ({"other": taste.past.own}, {**about, "history": told}, "holds no keys"),
        ({"keys": taste.past.own}, {**about, "history": "[1]"}, "names no readable opinions"),
        (
            {"keys": taste.past.own},
            {**about, "fingerprint": "0", "history": told},
            "was made by another model",
        ),
        (
            {"keys": taste.past.own[..., :0, :].to(torch.int8), "scales": torch.ones(1)},
            {**about, "history": told},
            "scales",
        ),
    ):
        write_tensors(path, tensors, metadata)
        with pytest.raises(ValueError, match=sentence):
            InContextPrint.load(path, model)


def test_int8_rounds_to_half_a_step():
    dense = torch.randn(2, 2, 3, 5, 4) * torch.tensor([1e-3, 1.0, 50.0, 0.0])
    small = Int8Keys.of(dense)
    assert ((small.dense() - dense).abs() <= small.scales / 2 * (1 + 1e-5)).all()
    assert small.nbytes == dense.numel() + 4 * dense[..., 0, :].numel()
    assert torch.equal(Int8Keys.of(small.dense()).rounded, small.rounded)


def test_int8_changes_scores_little(model, opened, pictures):
    people = [model.print_of(history(8), opened), model.print_of(history(4, "w", 20), opened)]
    images, prompts = [pictures[str(n)] for n in range(16, 40)], ["a fish"] * 24
    for taste in people:
        assert rounding_loss(taste, images, prompts) < 2e-2  # of a margin: Q moves by a quarter of it at most
        assert taste.quantized().nbytes < 0.27 * taste.nbytes


def test_the_shelf_lets_go_of_the_least_recently_used(model, opened):
    taste = model.print_of(history(1), opened)
    shelf = PrintShelf(3 * taste.nbytes)
    for name in "abc":
        shelf.put(name, taste)
    assert shelf.get("a") is taste and shelf.get("z") is None
    shelf.put("d", taste)
    assert [name in shelf for name in "abcd"] == [True, False, True, True]
    shelf.put("d", taste.quantized())
    assert len(shelf) == 3 and shelf.nbytes == 2 * taste.nbytes + taste.quantized().nbytes
    with pytest.raises(ValueError, match="came to a shelf of 10; expected a smaller one"):
        PrintShelf(10).put("a", taste)


def test_a_thousand_prints_do_not_grow_memory(model, opened):
    taste = model.print_of(history(8), opened)
    shelf = PrintShelf(20 * taste.nbytes)

    def fill(names):
        for name in names:
            shelf.put(
                name, InContextPrint(model, taste.history, Past(taste.past.shared, taste.past.own.clone()))
            )
            assert shelf.nbytes <= shelf.limit

    fill(range(100))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fill(range(100, 1000))
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    assert len(shelf) == 20 and 999 in shelf and grown < 20 * taste.nbytes < 900 * taste.nbytes
