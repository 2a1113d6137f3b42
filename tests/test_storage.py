"""Saved and loaded through the calls that the full-size model uses; LoRA on a small random Idefics2 by name."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from people import history
from tasteprint.config import ModelConfig
from tasteprint.incontext.images import PixelCache
from tasteprint.incontext.model import InContextModel

CANDIDATES = [[("30", "a fish"), ("31", "a cup")]]


def margins(model, pictures):
    return model.network.margins([history(2)], CANDIDATES, PixelCache(model.network, pictures.__getitem__))[0]


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder)
    return folder


def test_save_load_same_score(model, saved, pictures):
    loaded = InContextModel.from_pretrained(saved)
    assert (margins(loaded, pictures) == margins(model, pictures)).all()
    assert len(loaded.network.tokens) == 10


def test_only_safetensors_and_text(saved):
    assert {path.suffix for path in saved.iterdir()} <= {".json", ".safetensors", ".jinja"}


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [
        ({"template": "lup"}, "template 'default'; expected 'lup'"),
        ({"n_tokens": 5}, "n_tokens 10; expected 5"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(saved, expected, sentence):
    with pytest.raises(ValueError, match=sentence):
        InContextModel.from_pretrained(saved, **expected)


def test_mixed_and_broken_folders_are_refused(saved, tmp_path):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "checksums.json").unlink()
    tokens = tmp_path / "preference_tokens.safetensors"
    save_file({"vectors": load_file(tokens)["vectors"][:4].contiguous()}, tokens)
    with pytest.raises(ValueError, match="holds 4 preference tokens; expected the 10"):
        InContextModel.from_pretrained(tmp_path)
    tokens.write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"could not be read .*; expected 10 preference tokens"):
        InContextModel.from_pretrained(tmp_path)
    about = tmp_path / "tasteprint.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"format": 99}))
    with pytest.raises(ValueError, match="is of format 99; expected 1"):
        InContextModel.from_pretrained(tmp_path)
    about.write_text("{")
    with pytest.raises(ValueError, match=r"tasteprint\.json could not be read"):
        InContextModel.from_pretrained(tmp_path)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="model 'nobody/nothing' could not be opened"):
        InContextModel.from_pretrained("nobody/nothing")
    with pytest.raises(
        ValueError, match=r"backbone 'nobody/nothing' could not be opened .*; expected 'mini'"
    ):
        InContextModel.from_config(ModelConfig(backbone="nobody/nothing"))


def test_another_family_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ValueError, match="of the family 'bert'; expected one of idefics2"):
        InContextModel.from_config(ModelConfig(backbone=str(tmp_path)))


def test_four_bits_need_a_gpu(tmp_path, model):
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    model.network.backbone.network.config.save_pretrained(tmp_path)
    model.network.backbone.processor.save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="4-bit weights were asked for without a GPU or without bitsandbytes"
    ):
        InContextModel.from_config(ModelConfig(backbone=str(tmp_path), quantize=True))


@pytest.fixture(scope="module")
def adapted(model, tmp_path_factory):
    """A small random Idefics2 named by folder, as the 8B model is by hub name, with LoRA on it."""
    base = tmp_path_factory.mktemp("base")
    model.network.backbone.network.save_pretrained(base)
    model.network.backbone.processor.save_pretrained(base)
    config = replace(ModelConfig(), backbone=str(base), lora_r=4, lora_alpha=4, lora_dropout=0.0)
    return InContextModel.from_config(config, n_tokens=3)


def test_an_adapter_is_saved_in_pefts_form_and_read_back(adapted, pictures, tmp_path):
    with torch.no_grad():
        for name, parameter in adapted.network.named_parameters():
            if "lora_B" in name or "vision_model.modules_to_save" in name:
                parameter.add_(0.05 * torch.ones_like(parameter))
    adapted.save_pretrained(tmp_path)
    names = set(load_file(tmp_path / "adapter_model.safetensors"))
    layer = "base_model.model.model.text_model.layers.0.self_attn.q_proj.lora_A.weight"
    assert (
        layer in names
        and "base_model.model.model.connector.modality_projection.gate_proj.lora_A.weight" in names
    )
    assert not any("lora" in name for name in names if "vision_model" in name)
    assert (tmp_path / "adapter_config.json").is_file() and not (tmp_path / "model.safetensors").exists()
    loaded = InContextModel.from_pretrained(tmp_path)
    assert margins(loaded, pictures) == pytest.approx(margins(adapted, pictures), abs=1e-6)
    loaded.network.load_weights(tmp_path)
    assert margins(loaded, pictures) == pytest.approx(margins(adapted, pictures), abs=1e-6)


def test_mini_is_trained_whole():
    with pytest.raises(ValueError, match="mini was given lora_r; expected 0"):
        InContextModel.from_config(ModelConfig(lora_r=8))


def test_push_to_hub_uploads_what_was_saved(model, monkeypatch):
    calls = []

    class Api:
        def create_repo(self, name, **more):
            calls.append(name)

        def upload_folder(self, repo_id, folder_path):
            calls.append(sorted(path.name for path in folder_path.iterdir()))
            return f"https://hub/{repo_id}"

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert model.push_to_hub("me/taste") == "https://hub/me/taste"
    assert (
        calls[0] == "me/taste"
        and "preference_tokens.safetensors" in calls[1]
        and "tasteprint.json" in calls[1]
    )
