"""Training: what moves, what is repeated exactly, what a kill in the middle leaves."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from people import history, vote
from tasteprint.config import StageConfig, load_config
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.incontext.packing import collate, pack_example
from tasteprint.train.checkpoints import last_checkpoint
from tasteprint.train.objective import set_trainable
from tasteprint.train.run import Run
from tasteprint.train.stream import ExampleStream
from tasteprint.types import Example
from tiny import TINY, command


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before, network):
    now = network.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, now[name])}


@pytest.mark.parametrize(
    ("stage", "moving"),
    [
        (StageConfig(train_vision=False, n_tokens=10), ("text_model", "lm_head")),
        (StageConfig(train_language=False, n_tokens=10), ("vision_model", "connector")),
        (StageConfig(train_language=False, train_vision=False, n_tokens=10, train_tokens=True), ("tokens",)),
        (
            StageConfig(n_tokens=10, train_tokens=True),
            ("text_model", "lm_head", "vision_model", "connector", "tokens"),
        ),
    ],
)
def test_each_stage_changes_only_its_own_parameters(model, pictures, stage, moving):
    mine = PreferenceNetwork.from_config(model.network.settings, ["a fish"], 10)
    set_trainable(mine, stage)
    before = weights(mine)
    example = Example(history(2), (vote(20, 21),))
    batch, names = collate([pack_example(example, mine.encoder, 10)], mine.pad_id)
    optimizer = torch.optim.SGD([p for p in mine.parameters() if p.requires_grad], lr=10.0)
    mine(
        **batch, pixel_values=mine.pixels([pictures[name] for name in names])
    ).targets.square().sum().backward()
    optimizer.step()
    touched = changed(before, mine)
    assert touched and all(any(part in name for part in moving) for name in touched)
    assert all(any(part in name for name in touched) for part in moving)


def test_with_an_adapter_the_backbone_below_stays(model, tmp_path):
    model.network.backbone.network.save_pretrained(tmp_path)
    model.network.backbone.processor.save_pretrained(tmp_path)
    settings = replace(model.network.settings, backbone=str(tmp_path), lora_r=2)
    adapted = PreferenceNetwork.from_config(settings)
    set_trainable(adapted, StageConfig(train_vision=True))
    moving = [name for name, p in adapted.named_parameters() if p.requires_grad]
    assert all("lora_" in name or "vision_model.modules_to_save" in name for name in moving)
    assert any("lora_" in name for name in moving) and any("vision_model" in name for name in moving)
    set_trainable(adapted, StageConfig(train_vision=False))
    assert all("lora_" in name for name, p in adapted.named_parameters() if p.requires_grad)


def test_the_stream_repeats_and_shuffles():
    votes = {
        user: [vote(100 * n + 2 * i, 100 * n + 2 * i + 1, float(i % 2), user=user) for i in range(12)]
        for n, user in enumerate("abc")
    }
    stream, again = (ExampleStream(votes, 30, 8, 2, seed=1) for _ in range(2))
    examples = [stream[i] for i in range(30)]
    assert examples == [again[i] for i in range(30)]
    assert [ExampleStream(votes, 30, 8, 2, seed=2)[i] for i in range(30)] != examples
    for turn in range(0, 30, 3):  # everyone once before anyone twice
        assert {e.history.user_id for e in examples[turn : turn + 3]} == set("abc")
    of_a = [e for e in examples if e.history.user_id == "a"]
    assert len({e.history.votes for e in of_a}) > 1
    shown = {v.image_0 for e in of_a for v in e.history.votes}
    assert any(v.image_1 in shown for e in of_a for v in e.history.votes), "both orders inside a pair occur"
    short = ExampleStream(votes, 30, 8, 2, shorter=1.0, seed=1)
    even = ExampleStream(votes, 30, 8, 2, shorter=0.5, seed=1, batch=3)
    assert all(len({len(even[i + k].history) for k in range(3)}) == 1 for i in range(0, 30, 3))
    assert {len(short[i].history) for i in range(30)} > {0, 7} and max(
        len(short[i].history) for i in range(30)
    ) < 8


def test_people_with_too_few_votes_are_refused():
    with pytest.raises(ValueError, match="none of 1 people has more than 8 decided votes"):
        ExampleStream({"a": history(8).votes}, 10, 8, 1)


def test_another_run_in_the_folder_is_refused(dataset, tmp_path):
    run = Run(load_config("mini", TINY), dataset, tmp_path / "run")
    assert not run.folder.path.exists()  # nothing is written before it goes
    with run.folder.open():
        run.folder.keep("stage1/learning.json", [])
    Run(load_config("mini", TINY), dataset, tmp_path / "run")
    with pytest.raises(ValueError, match="holds a run with other settings"):
        Run(load_config("mini", (*TINY, "seed=1")), dataset, tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    with pytest.raises(ValueError, match="holds something else"):
        Run(load_config("mini", TINY), dataset, tmp_path / "other")


def test_killed_in_the_middle_it_reaches_the_same_weights(dataset, tmp_path):
    """SIGKILL after a checkpoint of stage 1, then the same command again, against an undisturbed run."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command(dataset, killed), env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while last_checkpoint(killed / "stage1") is None:
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (killed / "model").exists()
    for out in (killed, whole):
        subprocess.run(command(dataset, out), env=environment, check=True, capture_output=True)
    for name in (
        "model/model.safetensors",
        "model/preference_tokens.safetensors",
        "stage1/readouts.safetensors",
        "stage2/readouts.safetensors",
    ):
        one, other = load_file(killed / name), load_file(whole / name)
        assert all(torch.equal(one[key], other[key]) for key in other)
    record = json.loads((killed / "run.json").read_text())
    assert (
        record["config"]["stage1"]["steps"] == 6
        and record["versions"]["torch"]
        and set(record["seconds"]) == {"stage1", "stage2"}
    )
    points = json.loads((killed / "learning.json").read_text())
    assert {"base", "plus", "minus"} <= set(points[0]) and any("eval_accuracy" in point for point in points)
    stores = list((dataset.folder / "features").glob("*.f32"))
    assert stores and all(path.stat().st_size for path in stores)  # shared by the stages
