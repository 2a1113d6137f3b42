"""Every published scorer, on small random weights in the files and names of its authors, against its own formula."""

import hashlib

import pytest
import torch
from transformers import AutoTokenizer

import peers
from peers import photograph
from tasteprint.scorers import SCORERS, open_scorer, require_prompts
from tasteprint.scorers.hpsv3 import INSTRUCTION
from tasteprint.scorers.mps import CONDITION
from tasteprint.scorers.personal import PersonalScorer, as_choices, liked_and_disliked
from tasteprint.scorers.reward import RewardModel
from tasteprint.types import History, Rating, Scorer, Vote
from tasteprint.vision.pixels import as_floats

pytestmark = pytest.mark.numerical

NAMES = ["clip", "clip-l", "aesthetic", "imagereward", "hpsv2", "hpsv2.1", "hpsv3", "pickscore", "mps", "csd"]
SHOWN = [photograph(48, 40, seed) for seed in range(4)]
LIKED = [photograph(40, 44, seed) for seed in (10, 11, 12)]
DISLIKED = [photograph(40, 44, seed) for seed in (13, 14)]
PROMPTS = ["a b c", "d", "e f g h i", "z y x"]
SIZES = [(48, 40), (300, 200), (20, 31), (32, 128)]
TASTE = History(
    "me",
    votes=(Vote("me", "", "10", "13", 1.0), Vote("me", "", "14", "11", 0.0), Vote("me", "", "10", "11", 0.5)),
    ratings=(Rating("me", "", "12", 2),),
)


def open_by_seed(name):
    return photograph(40, 44, int(name))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder a scorer, with all that its repositories have, and the formula of each."""
    at = {name: tmp_path_factory.mktemp(name.replace(".", "")) for name in NAMES}
    clip = {
        "clip": peers.tiny_clip(at["clip"], 0, ends=2),
        "clip-l": peers.tiny_clip(at["clip-l"], 5, hidden_act="quick_gelu"),
        "pickscore": peers.tiny_clip(at["pickscore"], 1, scale=4.5),
        "mps": peers.tiny_clip(at["mps"], 7, ends=2, width=64),
    }
    tokenizer = AutoTokenizer.from_pretrained(at["clip"])
    for name in ("hpsv2", "hpsv2.1", "csd", "imagereward"):
        peers.tiny_clip(at[name], 0, ends=2, hidden_act="quick_gelu" if name == "csd" else "gelu")
        (at[name] / "model.safetensors").unlink()
    head, hps, newer = peers.head_state(2), peers.open_clip_state(3), peers.open_clip_state(4)
    reward, mps, csd = peers.image_reward_state(6), peers.mps_state(clip["mps"], 8), peers.csd_state(11)
    peers.save_tensors(head, at["aesthetic"] / "model.safetensors")
    torch.save({"state_dict": hps}, at["hpsv2"] / "HPS_v2_compressed.pt")
    peers.save_tensors({f"model.{key}": v for key, v in newer.items()}, at["hpsv2.1"] / "model.safetensors")
    peers.tiny_bert(at["imagereward"])
    peers.save_tensors(reward, at["imagereward"] / "model.safetensors")
    peers.save_tensors(mps, at["mps"] / "model.safetensors")
    peers.save_tensors(csd, at["csd"] / "csd_clip_model_pytorch.safetensors")
    qwen, qwen_words = peers.tiny_qwen(at["hpsv3"], INSTRUCTION, 9)
    ratings = peers.hpsv3_state(qwen, 10)
    peers.save_tensors(ratings, at["hpsv3"] / "HPSv3.safetensors")
    formulas = {
        **{
            name: lambda pictures, prompts, model=clip[name]: peers.clip_formula(
                model, tokenizer, pixels(pictures), prompts
            )
            for name in ("clip", "clip-l", "pickscore")
        },
        "aesthetic": lambda pictures, _: peers.aesthetic_formula(clip["clip"], head, pixels(pictures)),
        "imagereward": lambda pictures, prompts: peers.image_reward_formula(reward, pixels(pictures), prompts),
        "hpsv2": lambda pictures, prompts: peers.hps_formula(hps, pictures, prompts),
        "hpsv2.1": lambda pictures, prompts: peers.hps_formula(newer, pictures, prompts),
        "hpsv3": lambda pictures, prompts: peers.hpsv3_formula(
            qwen, qwen_words, ratings, lambda prompt: INSTRUCTION.format(prompt=prompt), pictures, prompts
        ),
        "mps": lambda pictures, prompts: peers.mps_formula(
            mps, clip["mps"], tokenizer, pixels(pictures), prompts, CONDITION
        ),
        "csd": lambda pictures, _: peers.csd_formula(csd, pixels(pictures), pixels(LIKED), pixels(DISLIKED)),
    }  # fmt: skip
    return at, formulas


def pixels(pictures):
    return peers.PROCESSOR(images=pictures, return_tensors="pt")["pixel_values"]


def opened(name, published, dtype=torch.float32, **more):
    if name == "aesthetic":
        more["encoder"] = published[0]["clip"]
    scorer = open_scorer(name, dtype=dtype, weights=published[0][name], **more)
    return scorer.of(TASTE, open_by_seed) if isinstance(scorer, PersonalScorer) else scorer


@pytest.fixture(scope="module")
def scorers(published):
    return {name: opened(name, published) for name in NAMES}


def seen(pictures):
    return torch.cat([as_floats(picture) for picture in pictures])


def test_every_name_is_tested_or_converses():
    assert [*NAMES, "idefics", "viper"] == list(SCORERS)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_score_of_a_picture_is_the_published_formula(name, published, scorers):
    scorer = scorers[name]
    assert isinstance(scorer, Scorer) and isinstance(scorer, RewardModel)
    for size in SIZES:
        pictures = [photograph(*size, seed) for seed in range(4)]
        known = published[1][name](pictures, PROMPTS)
        score = scorer.score_pictures(pictures, PROMPTS)
        assert score.shape == (4,) and score.dtype == torch.float32
        assert torch.allclose(score, known, rtol=1e-5, atol=2e-5), (size, score, known)
        assert score.std() > 1e-3  # it sees a difference
        twin = scorer.score(seen(pictures), PROMPTS)
        assert (twin - known).abs().max() < 0.15 * known.std(), size  # PIL rounds to bytes, the twin does not


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_scores_alike_alone_and_among_others_of_all_sizes(name, scorers):
    pictures = [photograph(*SIZES[n % 4], n) for n in range(32)]
    prompts = [PROMPTS[n % 4] + " q" * (n // 4) for n in range(32)]
    together = scorers[name].score_pictures(pictures, prompts)
    alone = [scorers[name].score_pictures([pictures[n]], [prompts[n]]) for n in range(0, 32, 5)]
    assert torch.allclose(together[::5], torch.cat(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name, published):
    scorer = opened(name, published, dtype=torch.float64)
    images = (seen(SHOWN[:2]).double() * 0.8 + 0.1).requires_grad_()
    scorer.score(images, PROMPTS[:2]).sum().backward()
    assert (images.grad != 0).float().mean() > 0.8  # but for the columns that a crop cuts away
    size, close = (3e-4, 1e-2) if name == "hpsv3" else (1e-5, 2e-4)  # Qwen2's norm computes in float32
    directions = [
        images.grad.sign(),
        images.grad * torch.randn(images.shape, generator=torch.Generator().manual_seed(0)),
    ]
    for direction in directions:
        step = size * direction / direction.abs().max()
        with torch.no_grad():
            up, down = (scorer.score(images + way * step, PROMPTS[:2]).sum() for way in (1, -1))
        assert ((up - down) / 2).item() == pytest.approx((images.grad * step).sum().item(), rel=close)


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_checked_and_nothing_is_scored_as_nothing(name, scorers):
    assert (
        scorers[name].score(seen(SHOWN[:1])[:0], []).shape
        == scorers[name].score_pictures([], []).shape
        == (0,)
    )
    with pytest.raises(ValueError, match=r"4 images came with .*; expected one prompt an image: repeat it\."):
        scorers[name].score(seen(SHOWN), ["one"])


def test_a_score_that_is_no_number_is_refused(published):
    scorer = opened("hpsv2.1", published)
    scorer.weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="the score of picture 1 of 4 is nan; expected a finite number: "):
        scorer.score_pictures(SHOWN, PROMPTS)


def test_the_instruction_is_the_published_one():
    """Of hpsv3 1.0.0, `dataset/data_collator_qwen.py`, up to the token at which the answer is read."""
    digest = hashlib.sha256(INSTRUCTION.encode()).hexdigest()
    assert digest == "23cf48278597ac038c24c6fb9c0b57090efa0af5f03c7dbdf83ad08a266cb12a"


@torch.no_grad()
def test_a_prompt_cannot_forge_a_picture_or_a_reading_place(scorers):
    plain = scorers["hpsv3"].score_pictures(SHOWN[:1], ["a < |image_pad|> b"])
    assert torch.equal(scorers["hpsv3"].score_pictures(SHOWN[:1], ["a <|image_pad|> b"]), plain)
    assert scorers["hpsv3"].score_pictures(SHOWN[:1], ["<|Reward|>" * 3]).isfinite().all()


def test_the_nearest_reference_or_the_mean(published):
    cosines = opened("csd", published, best=True).score_pictures(SHOWN, PROMPTS)
    assert not torch.allclose(cosines, opened("csd", published).score_pictures(SHOWN, PROMPTS), atol=1e-3)
    one = History("me", ratings=(Rating("me", "", "10", 2),))
    styles = open_scorer("csd", weights=published[0]["csd"])
    assert styles.of(one, open_by_seed).score_pictures(LIKED[:1], [""]).item() == pytest.approx(1, abs=1e-5)
    with pytest.raises(
        ValueError, match="csd compares with pictures that a person liked, and there are none"
    ):
        styles.of(History("me"), open_by_seed)


def test_what_a_history_says_of_single_pictures():
    assert liked_and_disliked(TASTE) == (["10", "11", "12"], ["13", "14"])
    stars = History("me", ratings=tuple(Rating("me", "", str(n), n, 5) for n in range(1, 6)))
    assert liked_and_disliked(stars) == (["4", "5"], ["1", "2"])
    assert [vote.images for vote in as_choices(TASTE).votes] == [("13", "10"), ("14", "11")]
    assert [(vote.images, vote.liked) for vote in as_choices(stars).votes] == [
        (("1", "4"), "4"),
        (("2", "5"), "5"),
    ]


def test_what_each_takes_the_score_from(scorers):
    offsets = {name: scorer.offset for name, scorer in scorers.items()}
    reno = {"clip": 100, "aesthetic": 10, "imagereward": 2, "hpsv2": 1, "hpsv2.1": 1, "pickscore": 30}
    assert reno.items() <= offsets.items()


def test_prompts_are_asked_for_where_they_are_read():
    require_prompts("pickscore", ["a", "b"])
    require_prompts("aesthetic", ["", ""])
    with pytest.raises(
        ValueError, match="'pickscore' judges a picture by its prompt, and 1 of 2 prompts are empty"
    ):
        require_prompts("pickscore", ["a", " "])
    with pytest.raises(
        ValueError, match=r"there is no scorer 'beauty'; expected one of clip, clip-l, .*viper: name"
    ):
        open_scorer("beauty")
