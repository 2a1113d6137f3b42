"""Runs with a teacher: what is kept of the read-outs, who can be taught and can teach, and who is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tasteprint.config import load_config
from tasteprint.incontext.model import InContextModel
from tasteprint.posterior import cross_validation as crossval
from tasteprint.posterior.basis import DIRECTIONS
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior
from tasteprint.posterior.model import TastePosterior
from tasteprint.train.objective import READOUTS
from tasteprint.train.run import Run
from tasteprint.vision.eye import bundled_eye
from tiny import TINY

SHORT = (*TINY, "stage1.steps=2", "stage2.steps=0")


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """Two stages with a teacher that the run learns itself; in the second nothing moves."""
    out = tmp_path_factory.mktemp("taught") / "run"
    config = load_config("mini", (*SHORT, "stage2.steps=2", "stage2.lr=0.0"))
    Run(config, dataset, out).go()
    return out


@pytest.fixture(scope="module")
def estimated(dataset, tmp_path_factory):
    """One stage in which the vision part trains, with a teacher estimated from few raters."""
    out = tmp_path_factory.mktemp("estimated") / "run"
    config = load_config("mini", (*SHORT, "posterior.prior=estimated", "stage1.train_vision=true"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossval, "GRID", {"others": (0.5, 1.0)})
        Run(config, dataset, out).go()
    return out


def test_readouts_are_kept_beside_the_model_and_not_in_it(run):
    kept = {path.relative_to(run) for path in run.rglob("*.safetensors")}
    assert {str(path.parent) for path in kept if path.name == READOUTS} == {"stage1", "stage2"}
    with safe_open(run / "model/model.safetensors", "pt") as file:
        saved = set(file.keys())
    assert saved == set(InContextModel.from_pretrained(run / "model").network.backbone.network.state_dict())
    assert not [name for name in saved if name.startswith(("teacher", "utility", "share", "taste", "prior"))]
    readouts = load_file(run / "stage1" / READOUTS)
    assert {"utility.weight", "share.weight", "taste.weight"} <= set(readouts)
    assert {path.name for path in (run / "stage1/model").glob("*.safetensors")} == {"model.safetensors"}


def test_the_second_stage_goes_on_with_the_readouts_of_the_first(run):
    first, second = (load_file(run / stage / READOUTS) for stage in ("stage1", "stage2"))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_curve_tells_the_teachers_terms(run):
    points = json.loads((run / "learning.json").read_text())
    assert {"base", "plus", "minus", "utility", "posterior", "soft_label"} <= set(points[0])
    assert (run / "posterior/model/posterior.safetensors").is_file()


def test_a_vision_part_that_trains_can_be_taught(estimated):
    before = {
        f"model.vision_model.{name}": value for name, value in bundled_eye().vision_model.state_dict().items()
    }
    after = load_file(estimated / "model/model.safetensors")
    seeing = [name for name in after if "vision_model" in name]
    assert seeing and any(not torch.equal(after[name], before[name]) for name in seeing)
    assert (estimated / "stage1" / READOUTS).is_file()


def test_an_estimated_prior_can_teach(estimated):
    posterior = TastePosterior.from_pretrained(estimated / "posterior")
    assert isinstance(posterior.fitted, EmpiricalBayesPrior)
    readouts = load_file(estimated / "stage1" / READOUTS)
    assert len(readouts["share.weight"]) == 1 and len(readouts["taste.weight"]) == DIRECTIONS
    points = json.loads((estimated / "learning.json").read_text())
    assert points[0]["posterior"] > 0 and points[0]["utility"] > 0 and np.isfinite(points[0]["loss"])


def share_apart(one, other):
    """Share of all weights that differ by more than rounding; of a gradient near 0 Adam may turn the sign."""
    parts = [(one[name] - other[name]).abs().flatten() > 1e-6 for name in one]
    return torch.cat(parts).float().mean().item()


def test_without_a_teacher_the_run_is_that_of_one_without_weight(dataset, run, tmp_path):
    """The same model: nothing that a teacher draws at random touches what the paper's losses teach."""
    silent = [f"teacher.{name}=0" for name in ("utility_weight", "posterior_weight", "soft_label_weight")]
    for out, settings in (("alone", ["teacher.posterior="]), ("silent", silent)):
        Run(load_config("mini", (*SHORT, *settings)), dataset, tmp_path / out).go()
    one, other = (load_file(tmp_path / out / "model/model.safetensors") for out in ("alone", "silent"))
    taught = load_file(run / "stage1/model/model.safetensors")
    assert share_apart(one, other) < 0.01 < 0.1 < share_apart(one, taught)
    assert not list((tmp_path / "alone").rglob(READOUTS)) and not (tmp_path / "alone/posterior").exists()
    points = json.loads((tmp_path / "alone/learning.json").read_text())
    assert "base" in points[0] and "posterior" not in points[0]


@pytest.fixture
def kept(estimated, tmp_path):
    """A copy of a posterior's folder, to be spoiled."""
    return shutil.copytree(estimated / "posterior/model", tmp_path / "kept")


def refused(dataset, teacher, out, words):
    """The run is refused in one sentence, and nothing of it is written."""
    with pytest.raises(ValueError, match=words) as fault:
        Run(load_config("mini", (*SHORT, f"teacher.posterior={teacher}")), dataset, out)
    assert str(fault.value).endswith(".") and "\n" not in str(fault.value)
    assert not out.exists()


def test_a_named_posterior_is_looked_at_before_anything_is_written(dataset, kept, tmp_path):
    Run(load_config("mini", (*SHORT, f"teacher.posterior={kept}")), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_is_not_there_is_refused(dataset, tmp_path):
    refused(dataset, tmp_path / "nothing", tmp_path / "run", "could not be opened .*; expected .* folder")


def test_a_preference_model_is_no_teacher(dataset, run, tmp_path):
    refused(
        dataset, run / "model", tmp_path / "run", "a model of kind 'in-context'; expected kind 'posterior'"
    )


def test_a_damaged_teacher_is_refused(dataset, kept, tmp_path):
    file = kept / "posterior.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    refused(dataset, kept, tmp_path / "run", r"posterior\.safetensors is not as it was written")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("learned_from", "1 2 3", r"learned from other images, none of these \d+;"),
        ("encoder", {"name": "eye", "fingerprint": "0" * 64}, "learned from another state of encoder 'eye'"),
        ("format", 99, "is of format 99; expected 1"),
    ],
)
def test_a_teacher_of_something_else_is_refused(dataset, kept, tmp_path, key, value, words):
    (kept / "checksums.json").unlink(missing_ok=True)
    file = kept / "tasteprint.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    refused(dataset, kept, tmp_path / "run", words)


def test_a_wrong_layer_is_refused_before_anything_is_learned(dataset, tmp_path):
    config = load_config("mini", (*SHORT, "teacher.posterior_layer=7"))
    with pytest.raises(ValueError, match=r"teacher\.posterior_layer is 7; expected 1 to 6"):
        Run(config, dataset, tmp_path / "run").go()
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_from_a_model(run, dataset, tmp_path):
    still = ("stage1.steps=0", "stage2.steps=2", "stage2.lr=0.0", "teacher.posterior=''", f"init_from={run}")
    model = Run(load_config("mini", (*SHORT, *still)), dataset, tmp_path / "onward").go()
    before = InContextModel.from_pretrained(run).network.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert len(model.network.tokens) == 10
