"""Through the front door: the commands in processes of their own, as a person or a script would call them."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from front import run as tasteprint

COMMANDS = ("train", "evaluate", "score", "rank", "ask", "cache", "likes", "demo", "generate", "agents")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The whole demo on few people, for few steps."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    short = {
        "data.test": 0.2,
        "posterior.prior": "learned", "posterior.steps": 10,
        "stage1.steps": 4, "stage1.batch_size": 4, "stage1.evaluate_every": 2,
        "stage2.steps": 2, "stage2.batch_size": 4, "stage2.evaluate_every": 2,
    }  # fmt: skip
    settings = [part for key, value in short.items() for part in ("--set", f"{key}={value}")]
    done = tasteprint("demo", "--out", out, "--people", 30, *settings)
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_demo_end_to_end(demo):
    out, done = demo
    assert "accuracy.own" in done.stdout and "report.html" in done.stdout
    page = (out / "report.html").read_text("utf-8")
    assert "<script" not in page and "://" not in page.split("</head>")[0]
    assert "guided for C" in page and "are left out" not in done.stderr
    names = {figure["name"] for figure in json.loads((out / "results.json").read_text())["figures"]}
    controls = {"population", "no_history", "other_history", "own_only", "logistic", "tastes", "posterior"}
    assert {f"accuracy.{name}" for name in controls | {"own", "0", "1", "2", "4", "8"}} <= names
    assert {"bound.oracle", "bound.bayes.8", "own_minus_other.8", "top1", "calibration.ece"} <= names


@pytest.mark.parametrize("words", [(), ("data",), ("data", "build"), *((word,) for word in COMMANDS)])
def test_every_command_has_help(words):
    """That it is there at once, since no torch is loaded, is tested in test_house.py."""
    done = tasteprint(*words, "--help")
    assert done.returncode == 0 and "Usage" in done.stdout


def test_the_package_is_a_program():
    """Once without the fork: what `python -m tasteprint` and the script of that name call."""
    done = subprocess.run([sys.executable, "-m", "tasteprint", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and all(word in done.stdout for word in COMMANDS)


def test_version():
    import tasteprint as package

    assert tasteprint("--version").stdout.strip() == package.__version__


@pytest.fixture(scope="module")
def person(tmp_path_factory, pictures):
    """A folder of pictures and a CSV of votes, as a person would bring them."""
    folder = tmp_path_factory.mktemp("person")
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    rows = [f"{2 * i}.png,{2 * i + 1}.png,a fish" for i in range(8)]
    (folder / "votes.csv").write_text("\n".join(["liked,disliked,prompt", *rows]))
    return folder


def test_score_and_rank(demo, person):
    out, _ = demo
    shown = [person / f"{n}.png" for n in (30, 31, 32)]
    options = ["--model", out / "run", "--history", person / "votes.csv", "--prompt", "a fish", "--json"]
    scores = json.loads(tasteprint("score", *shown, *options).stdout)
    assert [score["image"] for score in scores] == [str(path) for path in shown]
    assert all(0 < score["q"] < 1 for score in scores)
    ranked = json.loads(tasteprint("rank", *shown, *options).stdout)
    by_margin = sorted(scores, key=lambda score: -score["margin"])
    same = [
        {"image": row["image"], **{key: pytest.approx(row[key]) for key in ("q", "margin")}}
        for row in by_margin
    ]
    assert [{key: row[key] for key in scores[0]} for row in ranked] == same
    words = tasteprint("rank", *shown, *options[:-1]).stdout.splitlines()[1:4]
    assert [line.split()[-1] for line in words] == [score["image"] for score in ranked]


@pytest.fixture(scope="module")
def posterior(demo):
    """A posterior from the demo's dataset, by the same verb as any model."""
    data, out = demo[0] / "data", demo[0].parent / "posterior"
    done = tasteprint(
        "train",
        "--config",
        "posterior",
        "--data",
        data,
        "--out",
        out,
        "--set",
        "posterior.steps=10",
        "--set",
        "posterior.prior=learned",
        "--set",
        "posterior.encoder=eye",
    )
    assert done.returncode == 0 and done.stdout.strip() == str(out / "model"), done.stderr
    return out


def test_the_posterior_ranks_and_scores(posterior, person):
    shown = [person / f"{n}.png" for n in (30, 31, 32)]
    options = ["--model", posterior, "--history", person / "votes.csv", "--json"]
    scores = json.loads(tasteprint("score", *shown, *options).stdout)
    assert [score["image"] for score in scores] == [str(path) for path in shown]
    ranked = json.loads(tasteprint("rank", *shown, *options).stdout)
    margins = {row["image"]: row["margin"] for row in ranked}
    assert margins == {
        row["image"]: pytest.approx(row["margin"], abs=0.02) for row in scores
    }  # half precision
    assert list(margins.values()) == sorted(margins.values(), reverse=True)


def test_the_posterior_is_evaluated_beside_any_other_model(demo, posterior):
    options = ["--data", demo[0] / "data", "--targets", 2, "--json"]
    alone = json.loads(tasteprint("evaluate", "--model", posterior, *options).stdout)
    names = {figure["name"] for figure in alone["figures"]}
    assert {
        "accuracy.own",
        "accuracy.8",
        "own_minus_other.8",
        "calibration.ece",
        "accuracy.logistic",
    } <= names
    beside = tasteprint("evaluate", "--model", posterior, "--baseline", demo[0] / "run", *options)
    both = {figure["name"]: figure["value"] for figure in json.loads(beside.stdout)["figures"]}
    assert both["accuracy.own"] == {f["name"]: f["value"] for f in alone["figures"]}["accuracy.own"]
    assert "accuracy.posterior" in both and "accuracy.posterior" not in names


def test_score_a_user_of_the_dataset(demo, person):
    out, _ = demo
    from tasteprint.data.dataset import Dataset

    user = Dataset(out / "data").users("test")[0]
    done = tasteprint(
        "score", person / "30.png", "--model", out / "run/model", "--data", out / "data", "--user", user
    )
    assert done.returncode == 0 and done.stdout.count("30.png") == 1


def test_rank_for_a_user_of_the_dataset(demo, posterior, person):
    from tasteprint.data.dataset import Dataset

    out, _ = demo
    user = Dataset(out / "data").users("test")[0]
    whose = ("--data", out / "data", "--user", user, "--no-cache", "--json")
    for model in (out / "run", posterior):
        done = tasteprint("rank", person / "30.png", person / "31.png", "--model", model, *whose)
        assert done.returncode == 0 and len(json.loads(done.stdout)) == 2, done.stderr
        assert ("The model read the latest 8 of" in done.stderr) == (model == out / "run")


def test_evaluate_as_json(demo, tmp_path):
    out, _ = demo
    file = tmp_path / "results.json"
    done = tasteprint(
        "evaluate", "--model", out / "run", "--data", out / "data", "--targets", 2, "--out", file, "--json"
    )
    printed, written = json.loads(done.stdout), json.loads(file.read_text())
    assert (
        printed == written
        and printed["seeds"] == [0]
        and printed["command"].startswith("tasteprint evaluate")
    )


def mistakes(out, person):
    picture, history = person / "30.png", ["--history", person / "votes.csv"]
    model = ["--model", out / "run"]
    (person / "text.png").write_text("not a picture")
    (person / "ties.csv").write_text("first,second,preferred\n0.png,1.png,tie\n")
    (person / "columns.csv").write_text("good,bad\n0.png,1.png\n")
    (person / "votes.pkl").write_bytes(b"\x80\x04cposix\nsystem\n")
    return {
        "is not an image": ["score", person / "text.png", *model, *history],
        "30.pgn' is not there": ["score", person / "30.pgn", *model, *history],
        "has no decided vote; expected at least one": [
            "score",
            picture,
            *model,
            "--history",
            person / "ties.csv",
        ],
        "expected the columns liked and disliked": [
            "score",
            picture,
            *model,
            "--history",
            person / "columns.csv",
        ],
        "is a pickle": ["score", picture, *model, "--history", person / "votes.pkl"],
        "expected --votes FILE": ["score", picture, *model],
        "could not be opened": ["score", picture, "--model", person / "nothing", *history],
        "user 'nobody' is not in": ["score", picture, *model, "--data", out / "data", "--user", "nobody"],
        "expected a built one": ["train", "--data", person, "--out", person / "run"],
        "config 'maxi' is not known": [
            "train",
            "--data",
            out / "data",
            "--out",
            person / "run",
            "--config",
            "maxi",
        ],
        "has no setting 'step'": [
            "train",
            "--data",
            out / "data",
            "--out",
            person / "run",
            "--set",
            "stage1.step=3",
        ],
        "expected a whole number": [
            "train",
            "--data",
            out / "data",
            "--out",
            person / "run",
            "--set",
            "stage1.steps=many",
        ],
        "a model of kind 'in-context'; expected kind 'posterior'": [
            "train",
            "--data",
            out / "data",
            "--out",
            person / "run",
            "--set",
            f"teacher.posterior={out / 'run/model'}",
        ],
        "teacher.soft_label_weight is -1; expected a number of at least 0": [
            "train",
            "--data",
            out / "data",
            "--out",
            person / "run",
            "--set",
            "teacher.soft_label_weight=-1",
        ],
        "split 'exam' is not known": ["evaluate", *model, "--data", out / "data", "--split", "exam"],
        "learned from its people": ["evaluate", *model, "--data", out / "data", "--split", "train"],
        "have more than 30 decided votes": [
            "evaluate",
            *model,
            "--data",
            out / "data",
            "--history-length",
            30,
        ],
    }


def test_a_mistake_is_one_sentence_and_code_2(demo, person):
    out, _ = demo
    before = set(out.rglob("*"))
    for sentence, arguments in mistakes(out, person).items():
        done = tasteprint(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert done.stderr.startswith("tasteprint: ") and done.stdout == ""
    assert set(out.rglob("*")) == before and not (person / "run").exists()


def test_transparent_and_turned_pictures_are_scored(demo, person):
    out, _ = demo
    Image.new("RGBA", (90, 40), (255, 0, 0, 0)).save(person / "clear.png")
    Image.new("CMYK", (40, 90)).save(person / "cmyk.jpg")
    options = ["--model", out / "run", "--history", person / "votes.csv"]
    done = tasteprint("score", person / "clear.png", person / "cmyk.jpg", *options)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2, done.stderr
