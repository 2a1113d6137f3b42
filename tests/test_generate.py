"""`tasteprint generate`: what it leaves in the folder, what it refuses, and that a killed one leaves nothing."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
import torch
import typer
from PIL import Image
from safetensors.torch import load_file
from torch.nn.functional import interpolate

from tasteprint.cli.generate import generate_command
from tasteprint.guide.reno import noises

app = typer.Typer()
app.command()(generate_command)

FILES = {"start.png", "best.png", "strip.png", "noise.safetensors", "generation.json"}


class Painted:
    """A toy generator: six by six places of noise are six by six patches of colour."""

    name, fingerprint = "painted", "0" * 64

    def noise_shape(self, size=None):
        return (3, 6, 6)

    def __call__(self, noise, prompt):
        return interpolate(noise.sigmoid(), scale_factor=8)


@pytest.fixture
def painted(monkeypatch):
    monkeypatch.setattr("tasteprint.guide.generators.open_generator", lambda *given: Painted())


@pytest.fixture(scope="module")
def votes(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("person")
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    rows = [f"{2 * i}.png,{2 * i + 1}.png,a fish" for i in range(8)]
    (folder / "votes.csv").write_text("\n".join(["liked,disliked,prompt", *rows]))
    return folder / "votes.csv"


def generate(out, votes, *more, prompt="a fish"):
    """The command, in this process."""
    words = ["--prompt", prompt, "--out", str(out), "--history", str(votes), *map(str, more)]
    app(words, standalone_mode=False)


def record(out):
    return json.loads((out / "generation.json").read_text("utf-8"))


@pytest.mark.filterwarnings("ignore::tasteprint.learned_range.OutOfRange")
def test_what_is_written(painted, votes, tmp_path, capsys):
    """With the prompt as data, never as a path; a missing parent folder is made."""
    out = tmp_path / "new" / "fish"
    generate(out, votes, "--model", "mini", "--steps", 3, "--num-noises", 2, "--seed", 5, prompt="../../x")
    assert {file.name for file in out.iterdir()} == FILES
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "fish", *(f.name for f in out.iterdir())]
    about, noise = record(out), load_file(out / "noise.safetensors")
    assert torch.equal(noise["start"], next(noises((3, 6, 6), [5, 6]))) and noise["best"].shape == (
        2,
        3,
        6,
        6,
    )
    assert about["arguments"]["prompt"] == "../../x" and about["seeds"] == [5, 6] and about["faults"] == []
    assert about["guide"] | {"steps": 3, "lr": 5.0} == about["guide"]
    assert about["generator"] == {"name": "painted", "fingerprint": "0" * 64}
    assert [vote["image_0"].split("/")[-1] for vote in about["history"]["votes"]] == [
        f"{2 * i}.png" for i in range(8)
    ]
    assert about["rewards"] == [{"name": "mini", "weight": 0.75, "loss": "one_minus_q"}]
    assert (
        len(about["models"]["mini"]["fingerprint"]) == 64 and about["versions"]["torch"] == torch.__version__
    )
    assert [step["step"] for step in about["steps"]] == [0, 1, 2, 3]
    figures = about["steps"][0]["noises"][1]
    assert figures["loss"] == pytest.approx(0.75 * (1 - figures["q"]["mini"]))
    best = about["best"]
    losses = [[noise["loss"] for noise in step["noises"]] for step in about["steps"]]
    assert losses[best["steps"][best["row"]]][best["row"]] == min(min(row) for row in losses)
    with Image.open(out / "best.png") as picture, Image.open(out / "strip.png") as strip:
        assert picture.size == (48, 48) and strip.size == (4 * 96, 2 * (96 + 26))
        made = Painted()(noise["best"][best["row"]][None], "")[0]
        assert picture.tobytes() == generated_bytes(made)
    assert capsys.readouterr().out.startswith("Q 0.")


def generated_bytes(image):
    from tasteprint.report.generation import picture_of

    return picture_of(image).tobytes()


def test_the_same_command_gives_the_same_bytes(painted, votes, tmp_path):
    for name in ("once", "again"):
        generate(tmp_path / name, votes, "--steps", 2)
    for file in ("start.png", "best.png", "strip.png", "noise.safetensors"):
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_both_models_and_pessimism(painted, votes, tmp_path):
    """Both kinds share the weight; with a posterior the loss is minus the score, less the uncertainty asked for."""
    models = ("--model", "mini", "--model", "mini-posterior", "--steps", 1)
    generate(tmp_path / "both", votes, *models)
    generate(tmp_path / "careful", votes, *models, "--pessimism", 1.5, "--loss", "q")
    both, careful = record(tmp_path / "both"), record(tmp_path / "careful")
    assert [(one["name"], one["weight"], one["loss"]) for one in both["rewards"]] == [
        ("mini", 0.375, "minus_margin"),
        ("mini-posterior", 0.375, "minus_margin"),
    ]
    assert {one["loss"] for one in careful["rewards"]} == {"one_minus_q"}
    bold, shy = (about["steps"][0]["noises"][0]["scores"] for about in (both, careful))
    assert shy["mini"] == bold["mini"] and shy["mini-posterior"] < bold["mini-posterior"]


def test_other_scorers_by_weight(painted, votes, tmp_path, monkeypatch):
    class Bright:
        offset = 30.0

        def score(self, images, prompts):
            return images.flatten(1).mean(dim=1)

    monkeypatch.setattr("tasteprint.scorers.open_scorer", lambda name, device: Bright())
    generate(tmp_path / "out", votes, "--steps", 1, "--reward", "pickscore=0.05")
    first = record(tmp_path / "out")["steps"][0]["noises"][0]
    expected = 0.75 * (1 - first["q"]["mini"]) + 0.05 * (30 - first["scores"]["pickscore"])
    assert first["loss"] == pytest.approx(expected, rel=1e-5) and "pickscore" not in first["q"]


def test_the_best_of_some_draws(painted, votes, tmp_path):
    generate(tmp_path / "out", votes, "--best-of", 12)
    about = record(tmp_path / "out")
    qs = [step["noises"][0]["q"]["mini"] for step in about["steps"]]
    assert len(qs) == 12 and qs[about["best"]["steps"][0]] == max(qs)


def test_a_scorer_that_fails_on_the_way_ends_the_run_and_the_best_is_kept(
    painted, votes, tmp_path, monkeypatch, capsys
):
    class Moody:
        offset, calls = 0.0, 0

        def score(self, images, prompts):
            self.calls += 1
            return images.flatten(1).mean(dim=1) * (float("nan") if self.calls > 2 else 1.0)

    moody = Moody()
    monkeypatch.setattr("tasteprint.scorers.open_scorer", lambda name, device: moody)
    generate(tmp_path / "out", votes, "--steps", 9, "--reward", "clip=1")
    about = record(tmp_path / "out")
    assert [step["noises"][0]["loss"] is None for step in about["steps"]] == [False, False, True]
    assert "reward 'clip' of noise 0 is not finite at step 2" in about["faults"][0]
    assert about["faults"][0] in capsys.readouterr().err and about["best"]["steps"][0] < 2


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--steps", 0], "steps is 0; expected a number of at least 1"),
        (["--weight", -1], "weight is -1.0; expected a number of at least 0"),
        (["--weight", "nan"], "weight is nan; expected a finite number"),
        (["--reward", "pickscore=abc"], "reward is 'pickscore=abc'; expected name=WEIGHT"),
        (["--reward", "pickscore=-1"], "the weight 0 to 1,000,000"),
        (["--reward", "pickscore=nan"], "the weight 0 to 1,000,000"),
        (["--reward", "pickscore"], "expected name=WEIGHT"),
        (["--reward", "beauty=1"], "each of clip, clip-l, aesthetic, imagereward, .* at most once"),
        (["--reward", "clip=1", "--reward", "clip=2"], "at most once"),
        (["--loss", "square"], "loss 'square' is not known; expected one of q, margin"),
        (["--pessimism", "nan"], "pessimism is nan; expected 0 to 1,000,000"),
        (["--num-noises", 0], "num-noises is 0; expected 1 to 1,000"),
        (["--num-noises", 1_000_000_000], "num-noises is 1000000000; expected 1 to 1,000"),
        (["--steps", 100_000], "steps is 100000; expected a number of at most 10,000"),
        (["--seed", -1], "seed is -1; expected 0 to 4,294,967,295"),
        (["--history-length", -1], "history-length is -1; expected 0 to 10,000"),
        (["--prompt", "a \udcff"], "which is not UTF-8; expected text"),
        (["--user", "ann"], None),
        (["--device", "banana"], "device 'banana' cannot be used"),
        (["--device", "cuda:99"], "device 'cuda:99' cannot be used"),
        (["--dtype", "int8"], "dtype 'int8' is not known; expected one of float32, bfloat16, float16"),
        (["--generator", "no-such-generator"], "generator 'no-such-generator' is not known"),
    ],
)
def test_mistakes_are_found_before_a_model_is_opened(votes, tmp_path, monkeypatch, more, sentence):
    def never(*given):
        raise AssertionError("a model was opened")

    monkeypatch.setattr("tasteprint.methods.open_model", never)
    more = ["--data", str(tmp_path), *more] if sentence is None else more
    with pytest.raises(ValueError, match=sentence or "expected"):
        generate(tmp_path / "out", votes, *more)
    assert not list(tmp_path.iterdir())


def test_pessimism_without_a_posterior_and_a_model_twice(painted, votes, tmp_path):
    with pytest.raises(
        ValueError, match="none of the models knows its uncertainty; expected a taste posterior"
    ):
        generate(tmp_path / "out", votes, "--pessimism", 1)
    with pytest.raises(ValueError, match="the models are mini, mini; expected each once"):
        generate(tmp_path / "out", votes, "--model", "mini", "--model", "mini")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_a_model_is_opened(votes, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tasteprint.cli.generate.open_quietly", lambda *given: pytest.fail("a generator was opened")
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    (tmp_path / "file").write_text("keep")
    with pytest.raises(ValueError, match="already holds something; expected a new folder"):
        generate(tmp_path / "full", votes)
    with pytest.raises(ValueError, match="already holds something"):
        generate(tmp_path / "file", votes)
    with pytest.raises(OSError, match=r"making folder .* failed .*; expected room and a writable folder"):
        generate(tmp_path / "file" / "below", votes)
    with pytest.raises(OSError, match=r"making folder .* failed \(File name too long\)"):
        generate(tmp_path / ("a" * 250), votes)
    if os.path.isdir("/proc"):  # noqa: PTH112 - where even root may not write
        with pytest.raises(OSError, match=r"making folder .* failed"):
            generate("/proc/nothing", votes)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine.txt"]


def test_through_the_front_door(votes, tmp_path):
    start = time.monotonic()
    run = [sys.executable, "-m", "tasteprint", "generate"]
    environment = {**os.environ, "COLUMNS": "200"}
    shown = subprocess.run([*run, "--help"], capture_output=True, text=True, env=environment)
    assert shown.returncode == 0 and "--best-of" in shown.stdout and time.monotonic() - start < 20
    words = ["--prompt", "a fish", "--out", tmp_path / "out", "--history", votes, "--reward", "clip=abc"]
    refused = subprocess.run([*run, *map(str, words)], capture_output=True, text=True)
    assert refused.returncode == 2 and refused.stdout == "" and not list(tmp_path.iterdir())
    assert (
        refused.stderr.startswith("tasteprint: reward is 'clip=abc'")
        and len(refused.stderr.splitlines()) == 1
    )


def test_the_bundled_generator_through_the_front_door(votes, tmp_path):
    words = [
        "--prompt",
        "a fish",
        "--history",
        votes,
        "--model",
        "mini-posterior",
        "--steps",
        4,
        "--out",
        tmp_path / "out",
    ]
    run = [sys.executable, "-m", "tasteprint", "generate", *map(str, words)]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = map(float, re.match(r"Q ([\d.]+) -> ([\d.]+) at step \d of 4", done.stdout).groups())
    assert after > before and len(done.stdout.splitlines()) == 1
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    assert record(tmp_path / "out")["generator"]["name"] == "mini-generator"
