"""Other people's reward models, on small random weights, against their published formulas written out here."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer, CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from tasteprint.scorers import SCORERS, open_scorer
from tasteprint.scorers.aesthetic import aesthetic_head, open_aesthetic
from tasteprint.scorers.clip import BATCH, PROMPTS, open_clip
from tasteprint.scorers.pickscore import open_pickscore
from tasteprint.types import Scorer
from tasteprint.vision.pixels import as_floats

pytestmark = pytest.mark.numerical

NAMES = tuple(SCORERS)
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
LIMIT = 77
PROMPTS_SHOWN = ["a red house", "Two FISH, at night!", "", "façade 雪"]
LAYERS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SHARP = {"initializer_range": 0.1, "initializer_factor": 3.0}  # random weights that see a difference


def tiny_clip(folder, seed, ends=None, scale=4.6052):
    """A CLIP as a repository has it: bytes for a vocabulary, as CLIP's own begins; pictures of 32 pixels."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), BEGIN, END]
    tokenizer = CLIPTokenizer(
        vocab={word: n for n, word in enumerate(words)}, merges=[], model_max_length=LIMIT
    )
    torch.manual_seed(seed)
    config = CLIPConfig(
        vision_config={**LAYERS, **SHARP, "image_size": 32, "patch_size": 8},
        text_config={
            **LAYERS, **SHARP, "vocab_size": len(words), "max_position_embeddings": LIMIT,
            "bos_token_id": len(words) - 2, "eos_token_id": ends or len(words) - 1, "pad_token_id": len(words) - 1,
        },
        projection_dim=16,
        logit_scale_init_value=scale,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, resample=3
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folders that stand for the repositories: CLIP-H (whose config says 2 for the end), PickScore, the head."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("clip", "pickscore", "head")}
    tiny_clip(folders["clip"], 0, ends=2)
    tiny_clip(folders["pickscore"], 1, scale=4.5)
    torch.manual_seed(2)
    save_file(aesthetic_head(16).state_dict(), folders["head"] / "model.safetensors", {"format": "pt"})
    return folders


def opened(name, published, **more):
    if name == "clip":
        return open_clip(published["clip"], **more)
    if name == "pickscore":
        return open_pickscore(published["pickscore"], published["clip"], **more)
    return open_aesthetic(published["clip"], published["head"], **more)


@pytest.fixture(scope="module")
def scorers(published):
    return {name: opened(name, published) for name in NAMES}


def photograph(width, height, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


SHOWN = [photograph(48, 40, seed) for seed in range(4)]
SEEN = torch.cat([as_floats(picture) for picture in SHOWN])


def by_formula(name, published, pictures, prompts):
    """The published way: PIL pictures through the published processor; from the authors' pages, in torch."""
    processor = CLIPImageProcessorPil.from_pretrained(published["clip"])
    pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
    if name == "aesthetic":  # improved-aesthetic-predictor, simple_inference.py
        model = CLIPModel.from_pretrained(published["clip"]).eval()
        row = model.visual_projection(model.vision_model(pixels).pooler_output)
        row = row / row.norm(dim=-1, keepdim=True)
        state = load_file(published["head"] / "model.safetensors")
        for layer in (0, 2, 4, 6, 7):  # between them only dropout
            row = row @ state[f"layers.{layer}.weight"].T + state[f"layers.{layer}.bias"]
        return row[:, 0]
    model = CLIPModel.from_pretrained(published[name]).eval()  # PickScore's README; CLIP's logits_per_image
    tokenizer = AutoTokenizer.from_pretrained(published["clip"])
    rows = model.visual_projection(model.vision_model(pixels).pooler_output)
    scores = []
    for row, prompt in zip(rows, prompts, strict=True):
        ids = tokenizer(prompt, truncation=True, max_length=77, return_tensors="pt").input_ids
        text = model.text_projection(model.text_model(ids).last_hidden_state[0, -1])  # at the end token
        cosine = (row / row.norm()) @ (text / text.norm())
        scores.append(model.logit_scale.exp() * cosine)
    return torch.stack(scores)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_score_is_the_published_formula(name, published, scorers):
    assert isinstance(scorers[name], Scorer)
    exact = [picture.resize((32, 32)) for picture in SHOWN]  # nothing is resized, so nothing is rounded
    score = scorers[name].score(torch.cat([as_floats(picture) for picture in exact]), PROMPTS_SHOWN)
    assert score.shape == (4,) and score.dtype == torch.float32
    assert torch.allclose(score, by_formula(name, published, exact, PROMPTS_SHOWN), rtol=1e-5, atol=1e-4)
    assert score.std() > 0.1 * score.mean().abs()  # it sees a difference


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(48, 40), (300, 200), (20, 31), (32, 512)])
@torch.no_grad()
def test_pictures_of_any_size_are_prepared_as_published(name, size, published, scorers):
    pictures = [photograph(*size, seed) for seed in range(4)]
    score = scorers[name].score(torch.cat([as_floats(picture) for picture in pictures]), PROMPTS_SHOWN)
    known = by_formula(name, published, pictures, PROMPTS_SHOWN)
    assert (score - known).abs().max() < 0.05 * known.std()  # PIL rounds to bytes, the twin does not


@pytest.mark.parametrize("name", NAMES)
def test_a_big_batch_scores_as_its_parts(name, scorers):
    images, prompts = SEEN.repeat(BATCH // 2, 1, 1, 1), PROMPTS_SHOWN * (BATCH // 2)
    score = scorers[name].score(images, prompts)
    assert torch.allclose(score, scorers[name].score(SEEN, PROMPTS_SHOWN).repeat(BATCH // 2), rtol=1e-5)
    alone = [scorers[name].score(SEEN[n : n + 1], PROMPTS_SHOWN[n : n + 1]) for n in range(4)]
    assert torch.allclose(score[:4], torch.cat(alone), rtol=1e-5)
    assert scorers[name].score(SEEN[:0], []).shape == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_pixels_and_are_those_of_finite_differences(name, published):
    scorer = opened(name, published, dtype=torch.float64)
    images = (SEEN[:2].double() * 0.8 + 0.1).requires_grad_()
    scorer.score(images, PROMPTS_SHOWN[:2]).sum().backward()
    assert (images.grad != 0).float().mean() > 0.8  # but for the columns that the crop cuts away
    size = 1e-5
    for place in [(0, 0, 20, 20), (0, 1, 17, 33), (1, 2, 35, 10)]:
        step = torch.zeros_like(images)
        step[place] = size
        with torch.no_grad():
            up, down = (scorer.score(images + way * step, PROMPTS_SHOWN[:2]).sum() for way in (1, -1))
        assert ((up - down) / (2 * size)).item() == pytest.approx(images.grad[place].item(), rel=1e-4)
    with pytest.raises(RuntimeError, match="does not require grad"):  # the weights are frozen
        scorer.score(images.detach(), PROMPTS_SHOWN[:2]).sum().backward()


@pytest.mark.parametrize("name", ["clip", "pickscore"])
def test_a_long_prompt_is_cut_at_its_right_end(name, scorers):
    first = "1" * (LIMIT - 2)  # each digit is a token; with a begin and an end just as many as are read
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = scorers[name].score(SEEN[:1], [first])
    with pytest.warns(UserWarning, match="a prompt has 97 tokens and is cut after 77, .* '1111") as caught:
        assert torch.equal(scorers[name].score(SEEN[:1], [first + "2" * 20]), known)
    assert len(caught) == 1
    assert not torch.allclose(scorers[name].score(SEEN[:1], [first[:-1] + "2"]), known)


def test_a_tokenizer_that_cuts_on_the_left_is_told_better(published, tmp_path):
    tiny_clip(tmp_path, 0, ends=2)
    AutoTokenizer.from_pretrained(tmp_path, truncation_side="left").save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="is cut after 77"):
        cut = open_clip(tmp_path).score(SEEN[:1], ["1" * (LIMIT - 2) + "2" * 20])
    assert torch.allclose(cut, opened("clip", published).score(SEEN[:1], ["1" * (LIMIT - 2)]))


def test_a_prompt_is_read_once(published):
    scorer = opened("clip", published)
    read, seen = [], scorer._model.get_text_features
    scorer._model.get_text_features = lambda **row: read.append(1) or seen(**row)
    with torch.inference_mode():  # what is kept from here must serve gradients later
        before = scorer.score(SEEN, ["a fish", "a fish", "a house", "a fish"])
    images = SEEN.clone().requires_grad_()
    after = scorer.score(images, ["a fish", "a fish", "a house", "a fish"])
    after.sum().backward()
    assert len(read) == 2 and torch.allclose(after, before) and images.grad.abs().sum() > 0
    assert scorer._text.cache_info().maxsize == PROMPTS


def test_each_score_is_for_its_own_prompt(scorers):
    one = scorers["clip"].score(SEEN[:1].expand(2, -1, -1, -1), ["a red house", "a blue fish"])
    assert (one[0] - one[1]).abs() > 0.1
    both = scorers["aesthetic"].score(SEEN[:1].expand(2, -1, -1, -1), ["a red house", "a blue fish"])
    assert both[0] == both[1]  # prompts are not read


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_scores_nearly_the_same(name, published, scorers):
    half = opened(name, published, dtype=torch.bfloat16)
    exact = scorers[name].score(SEEN, PROMPTS_SHOWN)
    score = half.score(SEEN.bfloat16().requires_grad_(), PROMPTS_SHOWN)
    assert score.dtype == torch.float32 and score.requires_grad
    assert (score - exact).abs().max() < 0.3 * exact.std() + 0.01 * exact.abs().max()


def test_what_guidance_takes_the_scores_from(scorers):
    assert [scorers[name].offset for name in NAMES] == [100.0, 30.0, 10.0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prompts", [["one"], ["one"] * 5, "four"])
def test_there_is_one_prompt_an_image(name, prompts, scorers):
    with pytest.raises(ValueError, match=r"4 images came with .*; expected one prompt an image: repeat it\."):
        scorers[name].score(SEEN, prompts)


def test_a_scorer_is_opened_by_name(published, monkeypatch):
    monkeypatch.setitem(SCORERS, "clip", lambda **settings: opened("clip", published, **settings))
    score = open_scorer("clip", device="cpu", dtype=torch.float64).score(SEEN.double(), PROMPTS_SHOWN)
    assert score.dtype == torch.float64
    with pytest.raises(
        ValueError, match="there is no scorer 'beauty'; expected one of clip, pickscore, aesthetic"
    ):
        open_scorer("beauty")
    # the names lead to the constructors: without a network, the published weights are not to be had
    for name in ("pickscore", "aesthetic"):
        opens = SCORERS[name](
            name=published[name if name == "pickscore" else "clip"], **elsewhere(name, published)
        )
        assert opens.score(SEEN, PROMPTS_SHOWN).shape == (4,)


def elsewhere(name, published):
    return {"prepared_by": published["clip"]} if name == "pickscore" else {"head": published["head"]}


@pytest.mark.parametrize(
    "harm", ["nowhere", "pickled", "a weight short", "unprepared", "wordless", "nearest"]
)
def test_what_cannot_be_read_is_one_sentence(harm, tmp_path):
    folder = tiny_clip(tmp_path, 0)
    weights = folder / "model.safetensors"
    if harm == "nowhere":
        folder = "nobody/nothing"
    elif harm == "pickled":
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
    elif harm == "a weight short":
        state = load_file(weights)
        save_file({k: v for k, v in state.items() if k != "logit_scale"}, weights, {"format": "pt"})
    elif harm == "unprepared":
        for path in folder.glob("*processor_config.json"):
            path.unlink()
    elif harm == "wordless":
        for path in folder.glob("tokenizer*"):
            path.unlink()
    else:
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32, resample=0).save_pretrained(folder)
    with pytest.raises(
        ValueError, match=r"^scorer .* could not be read \(.*\); expected .*: check the name"
    ) as caught:
        open_clip(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["nowhere", "of another width", "pickled"])
def test_a_head_that_cannot_be_read_is_one_sentence(harm, published, tmp_path):
    head = tmp_path
    if harm == "nowhere":
        head = "nobody/nothing@1e77fa0"
    elif harm == "pickled":
        torch.save(aesthetic_head(16).state_dict(), tmp_path / "model.safetensors")
    else:
        save_file(aesthetic_head(8).state_dict(), tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        ValueError, match=r"^aesthetic head .* could not be read .*fits an embedding of 16 numbers: "
    ):
        open_aesthetic(published["clip"], head)


def test_names_cost_nothing():
    code = "import sys, tasteprint.scorers; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
