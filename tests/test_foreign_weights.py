"""Models that are not whole, or not those that their settings describe, are one sentence and never random scores."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from people import history
from tasteprint.config import ModelConfig
from tasteprint.incontext.model import InContextModel
from tasteprint.methods import open_model
from tasteprint.vision.encoder import ImageEncoder

WHOLE, TOKENS, ADAPTER = "model.safetensors", "preference_tokens.safetensors", "adapter_model.safetensors"


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    """The folder without the list of checksums, which would notice everything below."""
    shutil.copytree(saved, tmp_path / "m")
    (tmp_path / "m/checksums.json").unlink()
    return tmp_path / "m"


def weights(file, change):
    """A harm to the tensors of a file."""

    def harm(folder):
        state = load_file(folder / file)
        save_file(change(state), folder / file, {"format": "pt"})

    return harm


def config(**text):
    """A harm to the settings of the language model."""

    def harm(folder):
        said = json.loads((folder / "config.json").read_text())
        said["text_config"] |= text
        (folder / "config.json").write_text(json.dumps(said))

    return harm


def content(file, data):
    return lambda folder: (folder / file).write_bytes(data)


def about(**more):
    def harm(folder):
        said = json.loads((folder / "tasteprint.json").read_text())
        (folder / "tasteprint.json").write_text(json.dumps(said | more))

    return harm


def first(state):
    return next(iter(state))


def without(count):
    return lambda state: dict(list(state.items())[count:])


def with_one(value):
    def change(state):
        name = first(state)
        state[name] = state[name].clone()
        state[name].view(-1)[0] = value
        return state

    return change


HARMS = {
    "a weight short": (weights(WHOLE, without(1)), "has no "),
    "half the weights": (weights(WHOLE, without(60)), "has no "),
    "no weights": (weights(WHOLE, lambda s: {"x": torch.zeros(1)}), "has no "),
    "a weight too many": (
        weights(WHOLE, lambda s: s | {"x": torch.zeros(1)}),
        "holds 'x', which the model has not",
    ),
    "renamed": (weights(WHOLE, lambda s: {f"x.{n}": v for n, v in s.items()}), "has no "),
    "another shape": (weights(WHOLE, lambda s: s | {first(s): torch.zeros(3)}), "could not be read|of shape"),
    "whole numbers": (weights(WHOLE, lambda s: {n: v.to(torch.int32) for n, v in s.items()}), "in int32"),
    "NaN": (weights(WHOLE, with_one(float("nan"))), "not finite"),
    "infinity": (weights(WHOLE, with_one(float("inf"))), "not finite"),
    "deeper": (config(num_hidden_layers=7), "has no "),
    "shallower": (config(num_hidden_layers=5), "which the model has not"),
    "wider": (config(intermediate_size=321), "could not be read|of shape"),
    "a word for a number": (config(hidden_size="x"), "could not be read"),
    "a list for settings": (content("config.json", b"[]"), "holds a list"),
    "a pointer": (content(WHOLE, b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
    "cut": (content(WHOLE, b"\x10\0\0\0\0\0\0\0{"), "could not be read"),
    "no weights' file": (lambda folder: (folder / WHOLE).unlink(), "could not be read"),
    "no processor": (lambda folder: (folder / "processor_config.json").unlink(), "could not be read"),
    "a torn tokenizer": (content("tokenizer.json", b"{"), "could not be read"),
    "tokens that are none": (
        weights(TOKENS, lambda s: {"vectors": s["vectors"] * float("nan")}),
        "not finite",
    ),
    "tokens of another width": (weights(TOKENS, lambda s: {"vectors": torch.zeros(10, 7)}), "of shape"),
    "tokens of another name": (weights(TOKENS, lambda s: {"x": s["vectors"]}), "holds 0 preference tokens"),
    "a record of another form": (content("tasteprint.json", b"[1]"), "holds a list"),
    "settings of another form": (about(model=[1]), "expected a value of type dict"),
    "a setting that is none": (about(model={"lora_r": "x"}), "lora_r is 'x'"),
    "a count of another form": (about(n_tokens="10"), "expected a value of type int"),
    "a range of another form": (about(range={"votes": "many"}), "votes is 'many'"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_model_that_is_not_whole_is_refused(copied, harm):
    change, words = HARMS[harm]
    change(copied)
    with pytest.raises(ValueError, match=words) as fault:
        InContextModel.from_pretrained(copied)
    assert "\n" not in str(fault.value) and "expected" in str(fault.value)


def test_every_file_of_a_saved_model_is_watched_over(saved, tmp_path):
    for path in sorted(saved.iterdir()):
        shutil.copytree(saved, tmp_path / path.name)
        changed = tmp_path / path.name / path.name
        changed.write_bytes(changed.read_bytes().replace(b"0", b"1", 1) + b" ")
        with pytest.raises(ValueError, match=r"is not as it was written|could not be read"):
            open_model(str(tmp_path / path.name))


def test_only_the_part_that_sees_is_checked_as_well(copied):
    state = load_file(copied / WHOLE)
    del state["lm_head.weight"]
    save_file(state, copied / WHOLE, {"format": "pt"})
    assert ImageEncoder.from_pretrained(copied).width == 256
    save_file({n: v for n, v in state.items() if "connector" not in n}, copied / WHOLE, {"format": "pt"})
    with pytest.raises(ValueError, match="a vision part has no "):
        ImageEncoder.from_pretrained(copied)


def test_weights_that_are_no_numbers_are_not_saved(network, tmp_path):
    next(network.backbone.network.parameters()).data.view(-1)[0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        network.save_pretrained(tmp_path / "m")
    assert not list(tmp_path.rglob("*.safetensors"))


# Adapters


@pytest.fixture(scope="module")
def adapted(model, tmp_path_factory):
    """A small Idefics2 in a folder, and beside it an adapter that was learned on it."""
    folder = tmp_path_factory.mktemp("adapted")
    model.network.backbone.network.save_pretrained(folder / "base")
    model.network.backbone.processor.save_pretrained(folder / "base")
    settings = replace(
        ModelConfig(), backbone=str(folder / "base"), lora_r=4, lora_alpha=4, lora_vision=False
    )
    InContextModel.from_config(settings, n_tokens=3).save_pretrained(folder / "adapter")
    (folder / "adapter/checksums.json").unlink()
    return folder


def of_base(change):
    return lambda folder: change(folder.parent / "base")


ADAPTER_HARMS = {
    "half the adapter": (weights(ADAPTER, without(100)), "has no "),
    "renamed": (weights(ADAPTER, lambda s: {n.replace("q_proj", "x"): v for n, v in s.items()}), "has no "),
    "of another depth": (
        weights(ADAPTER, lambda s: {n: v for n, v in s.items() if "layers.5" not in n}),
        "has no ",
    ),
    "of another rank": (
        weights(ADAPTER, lambda s: {n: v[:2] if "lora_A" in n else v for n, v in s.items()}),
        "shape",
    ),
    "NaN": (weights(ADAPTER, with_one(float("nan"))), "not finite"),
    "a changed base": (
        of_base(weights(WHOLE, lambda s: {n: v + 1e-3 for n, v in s.items()})),
        "another state of its",
    ),
    "a base that is not whole": (of_base(weights(WHOLE, without(1))), "it has no fitting weights for"),
    "a shallower base": (of_base(config(num_hidden_layers=5)), "which config.json does not name"),
    "a base without weights": (of_base(lambda base: (base / WHOLE).unlink()), "could not be read"),
}


@pytest.mark.parametrize("harm", ADAPTER_HARMS)
def test_an_adapter_is_put_on_its_own_base_alone(adapted, tmp_path, harm):
    for part in ("base", "adapter"):
        shutil.copytree(adapted / part, tmp_path / part)
    about(model=asdict_with(adapted / "adapter", backbone=str(tmp_path / "base")))(tmp_path / "adapter")
    change, words = ADAPTER_HARMS[harm]
    change(tmp_path / "adapter")
    with pytest.raises(ValueError, match=words) as fault:
        InContextModel.from_pretrained(tmp_path / "adapter")
    assert "\n" not in str(fault.value)


def asdict_with(folder, **more):
    return json.loads((folder / "tasteprint.json").read_text())["model"] | more


def test_a_base_may_be_moved_and_parted(adapted, tmp_path, pictures):
    shutil.copytree(adapted / "adapter", tmp_path / "adapter")
    shutil.copytree(adapted / "base", tmp_path / "elsewhere")
    state = list(load_file(tmp_path / "elsewhere" / WHOLE).items())
    parts = {f"model-0000{n + 1}-of-00002.safetensors": dict(state[n::2]) for n in range(2)}
    for name, part in parts.items():
        save_file(part, tmp_path / "elsewhere" / name, {"format": "pt"})
    places = {name: file for file, part in parts.items() for name in part}
    (tmp_path / "elsewhere" / WHOLE).unlink()
    index = {"metadata": {}, "weight_map": places}
    (tmp_path / "elsewhere/model.safetensors.index.json").write_text(json.dumps(index))
    about(model=asdict_with(adapted / "adapter", backbone=str(tmp_path / "elsewhere")))(tmp_path / "adapter")
    one, other = (InContextModel.from_pretrained(path / "adapter") for path in (adapted, tmp_path))
    people = [opened.print_of(history(2), pictures.__getitem__) for opened in (one, other)]
    torch.testing.assert_close(*(person.score_pictures([pictures["30"]], ["a"]) for person in people))
