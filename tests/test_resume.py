"""A run that was interrupted anywhere goes on, one that achieved nothing leaves nothing, and two do not meet."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import kills
from logs import small_disk  # noqa: F401
from tasteprint.config import load_config
from tasteprint.locks import held, lock_file
from tasteprint.train.checkpoints import delete_checkpoints, is_whole, last_checkpoint
from tasteprint.train.posterior_run import PosteriorRun
from tasteprint.train.run import Run
from tiny import TINY

SHORT = (*TINY, "teacher.posterior=", "stage1.evaluate_every=3", "stage2.steps=0")
"""One stage with checkpoints after three and six steps."""


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    Run(load_config("mini", SHORT), dataset, path).go()
    return load_file(path / "model/model.safetensors")


@pytest.fixture(scope="module")
def stopped(dataset, tmp_path_factory):
    """A run that was stopped when all its steps were done, before its model was kept."""
    path = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasteprint.train.run._expect_finite", stop)
        with pytest.raises(StoppedError):
            Run(load_config("mini", SHORT), dataset, path).go()
    assert {one.name for one in (path / "stage1").iterdir()} == {"checkpoint-3", "checkpoint-6"}
    return path


def stop(*_):
    raise StoppedError


def empty_state(stage):
    (stage / "checkpoint-6/trainer_state.json").write_text("")


def cut_weights(stage):
    path = stage / "checkpoint-6/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def cut_optimizer(stage):
    path = stage / "checkpoint-6/optimizer.pt"
    path.write_bytes(path.read_bytes()[:-1])


def missing_weights(stage):
    (stage / "checkpoint-6/model.safetensors").unlink()


def state_of_others(stage):
    (stage / "checkpoint-6/trainer_state.json").write_text("[1]")


def nothing_whole(stage):
    for name in ("checkpoint-3", "checkpoint-6"):
        (stage / name / "optimizer.pt").unlink()


@pytest.mark.parametrize(
    ("harm", "left"),
    [
        (empty_state, "checkpoint-3"),
        (cut_weights, "checkpoint-3"),
        (cut_optimizer, "checkpoint-3"),
        (missing_weights, "checkpoint-3"),
        (state_of_others, "checkpoint-3"),
        (nothing_whole, None),
    ],
)
def test_the_newest_whole_checkpoint_is_found(stopped, tmp_path, harm, left):
    stage = Path(shutil.copytree(stopped / "stage1", tmp_path / "stage1"))
    assert last_checkpoint(stage) == str(stage / "checkpoint-6")
    harm(stage)
    assert last_checkpoint(stage) == (str(stage / left) if left else None)
    delete_checkpoints(stage, whole=False)
    assert [one.name for one in stage.iterdir()] == ([left] if left else [])


def test_a_checkpoint_whose_best_is_gone_is_not_resumed_from(stopped, tmp_path):
    stage = Path(shutil.copytree(stopped / "stage1", tmp_path / "stage1"))
    state = json.loads((stage / "checkpoint-6/trainer_state.json").read_text())
    state["best_model_checkpoint"] = "/elsewhere/stage1/checkpoint-3"  # where the run lay before it was moved
    (stage / "checkpoint-6/trainer_state.json").write_text(json.dumps(state))
    assert is_whole(stage / "checkpoint-6")
    shutil.rmtree(stage / "checkpoint-3")
    assert last_checkpoint(stage) is None


def test_it_resumes_from_what_is_whole_and_ends_in_the_same_weights(dataset, stopped, undisturbed, tmp_path):
    path = Path(shutil.copytree(stopped, tmp_path / "moved"))
    cut_weights(path / "stage1")
    (path / ".model.0123abcd.part").mkdir()  # as a kill in the last write leaves it
    Run(load_config("mini", SHORT), dataset, path).go()
    found = load_file(path / "model/model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in undisturbed.items())
    assert {one.name for one in path.iterdir()} == {"learning.json", "model", "run.json", "stage1"}
    assert {one.name for one in (path / "stage1").iterdir()} == {"learning.json", "model"}


def test_killed_between_the_record_and_the_checkpoints_end_they_are_deleted_by_the_next(
    dataset, stopped, tmp_path, monkeypatch
):
    path = Path(shutil.copytree(stopped, tmp_path / "run"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasteprint.train.run.Run._publish", stop)
        patch.setattr(
            "tasteprint.train.run.delete_checkpoints",
            lambda stage, whole=True: stop() if whole else delete_checkpoints(stage, whole),
        )
        with pytest.raises(StoppedError):
            Run(load_config("mini", SHORT), dataset, path).go()
    assert json.loads((path / "run.json").read_text())["seconds"]
    assert (path / "stage1/checkpoint-6").exists() and not (path / "model").exists()
    Run(load_config("mini", SHORT), dataset, path).go()
    assert (path / "model").exists() and not list(path.glob("stage1/checkpoint-*"))


def test_a_record_that_a_kill_left_in_part_is_no_obstacle_and_a_damaged_one_is_a_sentence(dataset, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".run.json.0123abcd.part").write_text("{")
    quick = load_config(
        "posterior", ("posterior.steps=5", "posterior.encoder=statistics", "posterior.prior=learned")
    )
    PosteriorRun(quick, dataset, run).go()
    assert {one.name for one in run.iterdir()} == {"learning.json", "model", "run.json"}
    (run / "run.json").write_text("")
    with pytest.raises(ValueError, match="is damaged; expected the record of a run"):
        PosteriorRun(quick, dataset, run)


def test_a_refused_run_leaves_nothing_and_the_corrected_one_begins(dataset, tmp_path, monkeypatch):
    out = tmp_path / "deep" / "run"
    wrong = (*SHORT, "data.history_length=30")
    for config, sentence in (
        (load_config("mini", wrong), "more than 30"),
        (
            load_config("mini", (*SHORT, "init_from=mini-posterior")),
            "init_from is 'mini-posterior', a model of kind",
        ),
        (
            load_config("mini", (*SHORT, "teacher.posterior=mini")),
            "teacher.posterior is 'mini', a model of kind",
        ),
        (
            load_config("mini", (*SHORT, "teacher.posterior=learn", "posterior.encoder=no/such")),
            "could not be opened",
        ),
        (load_config("mini", (*SHORT, "model.template=no-such")), "template 'no-such' is not known"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Run(config, dataset, out).go()
    with pytest.raises(ValueError, match="could not be opened"):
        PosteriorRun(load_config("posterior", ("posterior.encoder=no/such",)), dataset, out).go()
    with pytest.raises(ValueError, match="report-to is 'paper'; expected one of none, tensorboard, wandb"):
        Run(load_config("mini", SHORT), dataset, out, report_to="paper")
    with pytest.MonkeyPatch.context() as patch:  # even one that fails when its folder is there
        patch.setattr("tasteprint.train.run.Run._images", stop)
        with pytest.raises(StoppedError):
            Run(load_config("mini", SHORT), dataset, out).go()
    assert not list(tmp_path.iterdir())


def test_a_second_training_in_one_folder_is_refused(dataset, tmp_path):
    quick = load_config(
        "posterior", ("posterior.steps=5", "posterior.encoder=statistics", "posterior.prior=learned")
    )
    with (
        held(tmp_path / "run"),
        pytest.raises(ValueError, match=r"is being written by process .* on this machine"),
    ):
        PosteriorRun(quick, dataset, tmp_path / "run").go()
    assert not lock_file(tmp_path / "run").exists()


def test_a_disk_that_fills_up_in_training_is_a_sentence_and_the_run_goes_on_later(
    dataset,
    undisturbed,
    small_disk,  # noqa: F811
):
    """On a disk of every size from nothing to enough, the same run again in the same folder."""
    refused = []
    for size in (0.2, 6, 12, 20, 34, 400):
        subprocess.run(["mount", "-o", f"remount,size={round(size * 1000)}k", str(small_disk)], check=True)
        try:
            Run(load_config("mini", SHORT), dataset, small_disk / "run").go()
        except OSError as fault:
            refused.append(str(fault))
    found = load_file(small_disk / "run/model/model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in undisturbed.items())
    assert len(refused) > 2 and all("expected room and a writable folder" in one for one in refused)


def test_killed_at_random_moments_a_posterior_is_the_same(dataset, tmp_path):
    """The other commands, and many more moments: `python tests/kills.py 200`."""
    assert kills.compare("posterior", dataset, tmp_path, [0.6, 0.9]) > 0
