"""Scorers on CLIP: how long prompts are cut, what is remembered, precision; what cannot be read is one sentence."""

import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import peers
from peers import LIMIT, photograph, save_tensors, tiny_clip
from tasteprint.cli.rank import rank_command
from tasteprint.cli.score import score_command
from tasteprint.cli.steering import other_rewards
from tasteprint.data.images import open_image
from tasteprint.scorers import SCORERS, open_scorer
from tasteprint.scorers.aesthetic import aesthetic_head
from tasteprint.scorers.clip import PROMPTS
from tasteprint.types import History
from tasteprint.vision.pixels import as_floats

pytestmark = pytest.mark.numerical

SHOWN = [photograph(48, 40, seed) for seed in range(4)]
SEEN = torch.cat([as_floats(picture) for picture in SHOWN])
WORDS = ["a red house", "Two FISH, at night!", "", "façade 雪"]
ON_CLIP = ["clip", "pickscore", "hpsv2", "mps"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """What stands for the repositories: CLIP-H's config says 2 for the end."""
    at = {name: tmp_path_factory.mktemp(name) for name in [*ON_CLIP, "aesthetic"]}
    tiny_clip(at["clip"], 0, ends=2)
    tiny_clip(at["pickscore"], 1, scale=4.5)
    tiny_clip(at["hpsv2"], 0, ends=2, hidden_act="gelu")
    torch.save({"state_dict": peers.open_clip_state(3)}, at["hpsv2"] / "HPS_v2_compressed.pt")
    clip = tiny_clip(at["mps"], 7, ends=2, width=64)
    save_tensors(peers.mps_state(clip, 8), at["mps"] / "model.safetensors")
    save_tensors(peers.head_state(2), at["aesthetic"] / "model.safetensors")
    return at


def opened(name, folders, **more):
    if name == "aesthetic":
        more["encoder"] = folders["clip"]
    return open_scorer(name, weights=folders[name], **more)


@pytest.fixture(scope="module")
def scorers(folders):
    return {name: opened(name, folders) for name in folders}


@pytest.mark.parametrize("name", ON_CLIP)
def test_a_long_prompt_is_cut_at_its_right_end(name, scorers):
    first = "1" * (LIMIT - 2)  # each digit is a token; with a begin and an end just as many as are read
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = scorers[name].score(SEEN[:1], [first])
    with pytest.warns(UserWarning, match="a prompt has 97 tokens and is cut after 77, .* '1111") as caught:
        assert torch.equal(scorers[name].score(SEEN[:1], [first + "2" * 20]), known)
    assert len(caught) == 1
    assert not torch.allclose(scorers[name].score(SEEN[:1], [first[:-1] + "2"]), known)


def test_a_tokenizer_that_cuts_on_the_left_is_told_better(folders, tmp_path):
    tiny_clip(tmp_path, 0, ends=2)
    AutoTokenizer.from_pretrained(tmp_path, truncation_side="left").save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="is cut after 77"):
        cut = open_scorer("clip", weights=tmp_path).score(SEEN[:1], ["1" * (LIMIT - 2) + "2" * 20])
    assert torch.allclose(cut, opened("clip", folders).score(SEEN[:1], ["1" * (LIMIT - 2)]))


@pytest.mark.parametrize("name", ON_CLIP)
def test_a_prompt_is_read_once(name, folders):
    scorer = opened(name, folders)
    with torch.inference_mode():  # what is kept from here must serve gradients later
        before = scorer.score(SEEN, ["a fish", "a fish", "a house", "a fish"])
    images = SEEN.clone().requires_grad_()
    after = scorer.score(images, ["a fish", "a fish", "a house", "a fish"])
    after.sum().backward()
    kept = scorer.judge._text.cache_info()
    assert (kept.misses, kept.hits, kept.maxsize) == (2, 6, PROMPTS)
    assert torch.allclose(after, before) and images.grad.abs().sum() > 0


def test_each_score_is_for_its_own_prompt(scorers):
    same = SEEN[:1].expand(2, -1, -1, -1)
    one = scorers["clip"].score(same, ["a red house", "a blue fish"])
    assert (one[0] - one[1]).abs() > 0.1
    both = scorers["aesthetic"].score(same, ["a red house", "a blue fish"])
    assert torch.allclose(both[0], both[1], rtol=1e-5)  # not read; rows of a batch may round apart


@pytest.mark.parametrize("name", [*ON_CLIP, "aesthetic"])
def test_half_precision_scores_nearly_the_same(name, folders, scorers):
    half = opened(name, folders, dtype=torch.bfloat16)
    exact = scorers[name].score(SEEN, WORDS)
    score = half.score(SEEN.bfloat16().requires_grad_(), WORDS)
    assert score.dtype == torch.float32 and score.requires_grad
    assert (score - exact).abs().max() < 0.4 * exact.std() + 0.01 * exact.abs().max()


def test_weights_are_frozen(scorers):
    with pytest.raises(RuntimeError, match="does not require grad"):
        scorers["clip"].score(SEEN, WORDS).sum().backward()


@pytest.mark.parametrize(
    "harm", ["nowhere", "pickled", "a weight short", "unprepared", "wordless", "nearest"]
)
def test_a_clip_that_cannot_be_read_is_one_sentence(harm, tmp_path):
    tiny_clip(tmp_path, 0)
    folder, weights = tmp_path, tmp_path / "model.safetensors"
    if harm == "nowhere":
        folder = "nobody/nothing"
    elif harm == "pickled":
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
    elif harm == "a weight short":
        state = load_file(weights)
        save_tensors({k: v for k, v in state.items() if k != "logit_scale"}, weights)
    elif harm == "unprepared":
        for path in folder.glob("*processor_config.json"):
            path.unlink()
    elif harm == "wordless":
        for path in folder.glob("tokenizer*"):
            path.unlink()
    else:
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32, resample=0).save_pretrained(folder)
    with pytest.raises(
        ValueError,
        match=r"^scorer .* could not be (read|opened) \(.*\); expected .*: check the (name|spelling)",
    ) as caught:
        open_scorer("clip", weights=folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["nowhere", "of another width", "pickled"])
def test_a_head_that_cannot_be_read_is_one_sentence(harm, folders, tmp_path):
    head = tmp_path
    if harm == "nowhere":
        head = "nobody/nothing@1e77fa0"
    elif harm == "pickled":
        torch.save(aesthetic_head(16).state_dict(), tmp_path / "model.safetensors")
    else:
        save_tensors(aesthetic_head(8).state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"^scorer .* could not be (read|opened) .*fits an embedding of 16 numbers"
    ):
        open_scorer("aesthetic", weights=head, encoder=folders["clip"])


class Bomb:
    """A pickle of it makes a file where it is opened without care."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize(
    ("name", "file"), [("hpsv2", "HPS_v2_compressed.pt"), ("imagereward", "ImageReward.pt")]
)
def test_what_a_pickle_says_is_never_done(name, file, folders, tmp_path):
    torch.save({"state_dict": {"a": Bomb(tmp_path / "done")}}, tmp_path / file)
    for path in folders["clip"].glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="could not be read"):
        open_scorer(name, weights=tmp_path)
    (tmp_path / file).write_bytes(pickle.dumps(Bomb(tmp_path / "done"), protocol=2))
    with pytest.raises(ValueError, match="could not be read"):
        open_scorer(name, weights=tmp_path)
    assert not (tmp_path / "done").exists()


def test_weights_of_another_model_are_refused(folders, tmp_path):
    for path in folders["clip"].glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    save_tensors({"visual.proj": torch.zeros(4, 4)}, tmp_path / "model.safetensors")
    for name in ("hpsv2.1", "mps", "imagereward", "csd"):
        with pytest.raises(ValueError, match=r"^scorer .* could not be read \(.*\); expected "):
            open_scorer(name, weights=tmp_path)
    with pytest.raises(ValueError, match=r"the folder has none of HPSv3\.safetensors"):
        open_scorer("hpsv3", weights=tmp_path)
    with pytest.raises(ValueError, match=r"HPS v2 has no version '3'; expected one of 2\.0, 2\.1"):
        open_scorer("hpsv2", version="3")


@pytest.mark.parametrize("name", SCORERS)
def test_without_weights_and_network_the_name_and_the_remedy_are_told(name):
    """The Hub is asked once, for seconds (`hub.PATIENCE`); libraries would try for a minute."""
    with pytest.raises(
        ValueError,
        match=r"^scorer '[\w./-]+' could not be opened \(.*\); expected .*: check the spelling, or, to work",
    ) as caught:
        open_scorer(name)
    assert "\n" not in str(caught.value)


def test_names_cost_nothing():
    code = "import sys, tasteprint.scorers; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.fixture
def shown(tmp_path):
    for number, picture in enumerate(SHOWN):
        picture.save(tmp_path / f"{number}.png")
    return tmp_path


def command(*words, cwd):
    environment = {**os.environ, "TASTEPRINT_CACHE": str(cwd / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "tasteprint", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def test_score_at_the_front_door(folders, scorers, shown):
    done = command(
        "score",
        "0.png",
        "1.png",
        "--scorer",
        "pickscore",
        "--weights",
        folders["pickscore"],
        "--prompt",
        "a",
        cwd=shown,
    )
    assert done.returncode == 0, done.stderr
    known = scorers["pickscore"].score_pictures(SHOWN[:2], ["a", "a"]).tolist()
    assert done.stdout == "".join(f"{score:+.4f}  {n}.png\n" for n, score in enumerate(known))
    assert "tasteprint: pickscore: 100 x cosine, -100 to 100; higher is better." in done.stderr


def test_rank_by_a_scorer(folders, scorers, shown, capsys):
    weights = str(folders["pickscore"])
    options = {"scorer": "pickscore", "weights": weights, "prompt": "a"}
    rank_command([str(shown)], **options, as_json=True)
    scores = scorers["pickscore"].score_pictures(SHOWN, ["a"] * 4)
    order = scores.argsort(descending=True).tolist()
    said = json.loads(capsys.readouterr().out)
    assert [row["image"] for row in said] == [str(shown / f"{n}.png") for n in order]
    assert [row["score"] for row in said] == pytest.approx(scores[order].tolist())
    assert [row["standing"] for row in said] == pytest.approx([1, 2 / 3, 1 / 3, 0]) and "q" not in said[0]
    rank_command([str(shown)], **options, out=shown / "page.html")
    told = capsys.readouterr().out
    assert "ranked by pickscore: 100 x cosine, -100 to 100; higher is better." in told
    assert "Ranked by pickscore: 100 x cosine" in (shown / "page.html").read_text("utf-8")
    rank_command([str(shown / "0.png")], **options, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["standing"] == 0.5


def test_a_command_asks_for_what_a_scorer_needs(folders, shown):
    picture, weights = shown / "0.png", str(folders["pickscore"])
    with pytest.raises(
        ValueError, match="neither a model nor a scorer was named; expected one: give --model, or"
    ):
        score_command([picture])
    with pytest.raises(ValueError, match="both a model and a scorer were named"):
        score_command([picture], model="mini", scorer="clip")
    with pytest.raises(
        ValueError, match="'pickscore' judges a picture by its prompt, and 1 of 1 prompts are empty"
    ):
        score_command([picture], scorer="pickscore", weights=weights)
    with pytest.raises(ValueError, match="there is no scorer 'beauty'; expected one of clip, "):
        score_command([picture], scorer="beauty")
    with pytest.raises(
        ValueError, match="--weights was given without a scorer; expected --scorer NAME beside it"
    ):
        score_command([picture], model="mini", weights=weights)
    with pytest.raises(ValueError, match="--device was given without a scorer"):
        rank_command([str(shown)], device="cpu")
    with pytest.raises(ValueError, match="given to mini, which reads votes only"):
        score_command([picture], model="mini", liked=[str(shown)])


def test_a_persons_own_scorer_at_the_front_door(folders, shown, capsys):
    tiny_clip(shown, 0, hidden_act="quick_gelu")
    save_tensors(peers.csd_state(11), shown / "csd_clip_model_pytorch.safetensors")
    names = [shown / f"{n}.png" for n in range(4)]
    score_command(names, scorer="csd", weights=str(shown), liked=[str(names[0])], as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said[0]["score"] == pytest.approx(1, abs=1e-5)
    assert max(row["score"] for row in said[1:]) < 0.999
    (shown / "votes.csv").write_text("liked,disliked\n2.png,3.png\n")
    score_command(names, scorer="csd", weights=str(shown), votes=[str(shown / "votes.csv")], as_json=True)
    by_votes = {row["image"]: row["score"] for row in json.loads(capsys.readouterr().out)}
    assert max(by_votes, key=by_votes.get) == str(names[2])
    with pytest.raises(
        ValueError, match="csd compares with pictures that a person liked, and there are none"
    ):
        score_command(names, scorer="csd", weights=str(shown))


def test_a_reward_of_a_persons_own_scorer(monkeypatch):
    person, opened = History("me"), []

    def scorer(**about):
        return SimpleNamespace(score=lambda images, prompts: images.flatten(1).mean(dim=1), **about)

    class Maker:
        def __init__(self, about):
            self.about = about

        def of(self, history, open_image):
            opened.append(history)
            return scorer(**self.about)

    made = {
        "csd": Maker({"offset": 1.0}), "viper": Maker({"guidance_loss": "q"}), "clip": scorer(offset=100.0)
    }  # fmt: skip
    monkeypatch.setattr("tasteprint.scorers.open_scorer", lambda name, device: made[name])
    rewards = other_rewards({"csd": 2.0, "viper": 1.0, "clip": 0.01}, None, person, open_image)
    losses = [reward.loss(torch.zeros(1)).item() for reward in rewards]
    assert losses == [1.0, 0.5, 100.0] and [reward.weight for reward in rewards] == [2.0, 1.0, 0.01]
    assert opened == [person, person]


def test_the_page_has_every_scorer_as_it_is():
    page = (Path(__file__).parents[1] / "docs/scorers.md").read_text("utf-8")
    for name, it in SCORERS.items():
        reads, personal = ("yes" if said else "no" for said in (it.reads_prompts, it.personal))
        row = f"| `{name}` | {it.knows} | {it.unit} | {it.size} | {reads} | {personal} | {it.licence} |"
        assert row in page.splitlines()
