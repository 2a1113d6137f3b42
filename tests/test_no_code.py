"""Nothing that is downloaded or given runs: every call of a library says so, and a folder's own code is never read."""

import ast
import json
import shutil
from pathlib import Path

import pytest

from tasteprint.incontext.model import InContextModel
from tasteprint.methods import open_model
from tasteprint.vision.encoder import ImageEncoder

ROOT = Path(__file__).parents[1]
FILES = sorted(path for room in ("src", "experiments", "benchmarks") for path in (ROOT / room).rglob("*.py"))
OURS = {
    "cls", "InContextModel", "TastePosterior", "PreferenceNetwork", "ImageEncoder", "VisionPart", "model_class",
    "method.model_class()",
}  # fmt: skip
"""What tasteprint's own classes are called where they are opened."""

WEIGHTLESS = ("Config", "Processor", "ProcessorPil", "Tokenizer")
"""Endings of the classes that have no weights: safetensors are not theirs to choose."""


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, ast.unparse(node.func.value), node.func.attr


def said(call, name):
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == name), None)


def faults(text, published=False):
    """The calls of a text that could load a pickle or run code, as `receiver.method`.

    Of `published` weights that come as nothing else the tensors alone may be read. A config of a named class is JSON,
    and a model that is filled from a state dict reads no file.
    """
    for call, receiver, method in calls(ast.parse(text)):
        if (
            receiver in ("pickle", "torch", "joblib", "dill")
            and method in ("load", "loads")
            and not (published and said(call, "weights_only") == "True")
        ):
            yield f"{receiver}.{method}"
        concrete = receiver.endswith("Config") and receiver != "AutoConfig"
        filled = bool(call.args) and ast.unparse(call.args[0]) == "None" and said(call, "state_dict")
        if method == "from_pretrained" and receiver not in OURS and not concrete and not filled:
            safe = receiver.endswith(WEIGHTLESS) or said(call, "use_safetensors") == "True"
            if said(call, "trust_remote_code") != "False" or not safe:
                yield f"{receiver}.{method}"
        if method == "download" and said(call, "trust_remote_code") != "False":
            yield f"{receiver}.{method}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_call_of_a_library_refuses_code_and_pickles(path):
    published = path.parent.name in ("experiments", "scorers") or path.name == "published.py"
    assert not list(faults(path.read_text("utf-8"), published))


def test_the_alarm_rings():
    for text in (
        "AutoModel.from_pretrained(x)",
        "AutoModel.from_pretrained(x, trust_remote_code=False)",
        "AutoModel.from_pretrained(x, use_safetensors=True)",
        "AutoModel.from_pretrained(x, use_safetensors=True, trust_remote_code=True)",
        "AutoConfig.from_pretrained(x)",
        "AutoConfig.from_pretrained(x, trust_remote_code=wanted)",
        "getattr(transformers, name).from_pretrained(x, trust_remote_code=False, **more)",
        "torch.load(x, weights_only=True)",
        "import pickle; pickle.loads(x)",
    ):
        assert list(faults(text)), text
    assert not list(faults("AutoConfig.from_pretrained(x, trust_remote_code=False); torch.save(x)"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_hub_is_asked_in_one_place(path):
    if path.name in ("hub.py", "pipelines.py") or path.parts[-2] == "scorers":
        return
    names = {method for _, _, method in calls(ast.parse(path.read_text("utf-8")))}
    names |= {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
    assert not names & {"snapshot_download", "hf_hub_download", "HfApi"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_json_never_holds_what_is_no_number(path):
    if path.parts[len(ROOT.parts)] == "src":
        found = calls(ast.parse(path.read_text("utf-8")))
        written = [
            call for call, receiver, method in found if receiver == "json" and method in ("dump", "dumps")
        ]
        assert all(said(call, "allow_nan") == "False" for call in written)


EVIL = "raise SystemExit('code of a model folder ran')"
PROCESSORS = ("AutoProcessor", "AutoImageProcessor", "AutoTokenizer", "AutoConfig", "AutoModel")


@pytest.fixture
def evil(model, tmp_path):
    """A saved model whose every settings file asks for code that lies beside it."""
    model.save_pretrained(tmp_path / "m")
    (tmp_path / "m/checksums.json").unlink()
    (tmp_path / "m/evil.py").write_text(EVIL)
    for path in (tmp_path / "m").glob("*.json"):
        asked = {"auto_map": dict.fromkeys(PROCESSORS, "evil.Evil")}
        path.write_text(json.dumps(json.loads(path.read_text()) | asked))
    return tmp_path / "m"


def test_a_model_folders_own_code_never_runs(evil, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *said: pytest.fail("a question was asked"))
    for opened in (
        InContextModel.from_pretrained,
        lambda f: open_model(str(f)),
        ImageEncoder.from_pretrained,
    ):
        try:
            opened(evil)
        except ValueError as fault:
            assert "\n" not in str(fault)  # refused, or opened without it: both will do


def test_neither_does_that_of_an_encoder_or_a_backbone(evil, tmp_path):
    from dataclasses import replace

    from tasteprint.config import ModelConfig

    for kind in ("dinov2", "own", "clip", "timm_wrapper"):
        shutil.copytree(evil, tmp_path / kind)
        (tmp_path / kind / "tasteprint.json").unlink()
        said = json.loads((tmp_path / kind / "config.json").read_text()) | {"model_type": kind}
        (tmp_path / kind / "config.json").write_text(json.dumps(said))
        with pytest.raises(ValueError, match="expected"):
            ImageEncoder.from_pretrained(tmp_path / kind)
    try:
        InContextModel.from_config(replace(ModelConfig(), backbone=str(evil)))
    except ValueError as fault:
        assert "\n" not in str(fault)
