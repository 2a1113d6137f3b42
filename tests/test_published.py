"""What others have published of this task, from their own files: adapters of PEFT, LUP's preference tokens."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file
from transformers import Idefics2ForConditionalGeneration, Idefics2Processor
from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil

from peers import photograph, save_tensors
from tasteprint.config import ModelConfig
from tasteprint.incontext.conversation import TEMPLATES, TurnEncoder, conversation
from tasteprint.incontext.model import InContextModel
from tasteprint.methods import open_model
from tasteprint.scorers import open_scorer
from tasteprint.types import History, Rating, Vote
from tasteprint.vision.pixels import as_floats
from test_scorers import Bomb

pytestmark = [
    pytest.mark.numerical,
    pytest.mark.filterwarnings(
        "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
    ),  # PEFT's own
]

LUP = LoraConfig(  # train.py, word for word
    r=8,
    lora_alpha=8,
    lora_dropout=0.1,
    target_modules=(
        ".*(text_model|modality_projection|perceiver_resampler).*"
        "(down_proj|gate_proj|up_proj|k_proj|q_proj|v_proj|o_proj).*$"
    ),
    use_dora=False,
    init_lora_weights="gaussian",
)
SIZES = [(60, 40), (30, 44), (90, 90), (48, 44), (52, 300), (33, 33)]
SHOWN = {str(number): photograph(*size, number) for number, size in enumerate(SIZES)}
HISTORY = History("me", (Vote("me", " a  cup\n", "0", "1", 0.0), Vote("me", "x" * 130, "2", "3", 0.0)))
PROMPT = "a fish " + "y" * 120


@pytest.fixture(scope="module")
def base(model, tmp_path_factory):
    """A small Idefics2 whose processor keeps proportions, as the large one's does."""
    folder = tmp_path_factory.mktemp("base")
    whole = model.network.backbone
    whole.network.save_pretrained(folder)
    images = Idefics2ImageProcessorPil(
        size={"longest_edge": 48, "shortest_edge": 40}, do_image_splitting=False,
        image_mean=[0.5] * 3, image_std=[0.5] * 3,
    )  # fmt: skip
    length = whole.processor.image_seq_len
    Idefics2Processor(images, whole.processor.tokenizer, image_seq_len=length).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def peft(base):
    torch.manual_seed(3)
    network = Idefics2ForConditionalGeneration.from_pretrained(base)
    adapted = get_peft_model(network, LUP).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return adapted


@pytest.fixture
def stage1(peft, base, tmp_path):
    peft.peft_config["default"].base_model_name_or_path = str(base)
    folder = tmp_path / "stage1"
    peft.save_pretrained(folder)
    return folder


def published_margin(peft, base, conversation, pictures, tokens=None):
    """eval.py and metric.py: one text, all pictures, the logits after it; LUP's P_v before the first token."""
    processor = Idefics2Processor.from_pretrained(base, backend="pil", do_image_splitting=False)
    batch = processor(
        text="<s>" + conversation, images=[pictures], return_tensors="pt", add_special_tokens=False
    )
    answers = TurnEncoder(processor, TEMPLATES["default"])
    network = peft.base_model.model
    with torch.no_grad():
        if tokens is None:
            logits = network(**batch).logits[0, -1]
        else:
            sight = {key: value for key, value in batch.items() if key.startswith("pixel")}
            seen = network.model.get_image_features(**sight).pooler_output
            embedded = network.get_input_embeddings()(batch["input_ids"])
            embedded = network.model.inputs_merger(batch["input_ids"], embedded, torch.cat(list(seen)))
            hidden = network.model.text_model(inputs_embeds=torch.cat([tokens[None], embedded], dim=1))
            logits = network.lm_head(hidden.last_hidden_state[0, -1])
    return (logits[answers.plus] - logits[answers.minus]).item()


def lup_conversation():
    turns = [("-", " a  cup\n"), ("+", " a  cup\n"), ("-", "x" * 130), ("+", "x" * 130)]
    told = "".join(
        f"User:<image>The prompt is '{prompt}' Score for this image?<end_of_utterance>\nAssistant: {sign}"
        "<end_of_utterance>\n"
        for sign, prompt in turns
    )
    return f"{told}User:<image>The prompt is '{PROMPT}' Score for this image?<end_of_utterance>\nAssistant: "


def squares(names):
    return [SHOWN[name].resize((512, 512), Image.Resampling.BICUBIC) for name in names]


def test_lups_first_stage_as_peft_and_its_eval_have_it(stage1, peft, base):
    model = InContextModel.from_pretrained(stage1)
    assert model.template == "lup-eval" and model.network.settings.image_size == 512
    margin = model.print_of(HISTORY, SHOWN.__getitem__).score_pictures([SHOWN["4"]], [PROMPT]).item()
    known = published_margin(peft, base, lup_conversation(), squares("01234"))
    assert margin == pytest.approx(known, abs=1e-5) and abs(known) > 0.1
    assert open_model(str(stage1)).fingerprint == model.fingerprint


def prompt_pool(tokens):
    """LUP's module, as its own prompt_pool.py makes it."""

    class PromptPool(torch.nn.Module):
        def __init__(self, prompt):
            super().__init__()
            self.length, self.prompt_init, self.use_prompt_pool = len(prompt), "uniform", False
            self.register_parameter("prompt", torch.nn.Parameter(prompt))
            self.prompt_key = prompt.mean(dim=1)

    PromptPool.__module__, PromptPool.__qualname__ = "prompt_pool", "PromptPool"
    module = ModuleType("prompt_pool")
    module.PromptPool = PromptPool
    return module, PromptPool(tokens)


@pytest.fixture
def pool(model, monkeypatch):
    """Writes preference tokens in LUP's two forms; the module is gone again when they are read."""
    tokens = torch.rand(5, model.network.backbone.width, generator=torch.Generator().manual_seed(1))

    def write(folder, whole, value=tokens):
        module, instance = prompt_pool(value)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "prompt_pool", module)
            what, name = (
                (instance, "prompt_pool.pt")
                if whole
                else (instance.state_dict(), "prompt_pool_state_dict.pt")
            )
            torch.save(what, folder / name)
        return value

    return write


@pytest.mark.parametrize("whole", [False, True])
def test_lups_second_stage_is_its_own_arithmetic(whole, pool, stage1, peft, base):
    tokens = pool(stage1, whole)
    model = InContextModel.from_pretrained(stage1, n_tokens=5)
    assert torch.equal(model.network.tokens.vectors, tokens)
    margin = model.print_of(HISTORY, SHOWN.__getitem__).score_pictures([SHOWN["4"]], [PROMPT]).item()
    known = published_margin(peft, base, lup_conversation(), squares("01234"), tokens)
    assert margin == pytest.approx(known, abs=1e-5)
    without = published_margin(peft, base, lup_conversation(), squares("01234"))
    assert abs(known - without) > 1e-3  # the tokens count
    with pytest.raises(ValueError, match="was trained with n_tokens 5; expected 10"):
        InContextModel.from_pretrained(stage1, n_tokens=10)


def viper_conversation(pairs):
    turn = "User:<image>Score for this image?<end_of_utterance>\nAssistant: {}<end_of_utterance>\n"
    return (turn.format("-") + turn.format("+")) * pairs + turn.partition("{}")[0]


def test_vipers_proxy_keeps_proportions_and_shows_disliked_first(stage1, peft, base):
    viper = open_scorer("viper", weights=stage1)
    likes = History(
        "me", (Vote("me", "", "1", "0", 1.0),), (Rating("me", "", "2", 1), Rating("me", "", "3", 2))
    )
    taste = viper.of(likes, SHOWN.__getitem__)
    names = "012345"
    order = [SHOWN[name] for name in "0123"]  # disliked, liked, disliked, liked
    alone = torch.cat([taste.score_pictures([SHOWN[name]], [""]) for name in names])
    for margin, name in zip(alone.tolist(), names, strict=True):
        known = published_margin(peft, base, viper_conversation(2), [*order, SHOWN[name]])
        assert margin == pytest.approx(known, abs=1e-5)
    assert alone.std() > 0.01
    together = taste.score_pictures([SHOWN[name] for name in names], ["not read"] * 6)
    assert torch.allclose(together, alone, atol=1e-5)
    named = stage1.rename(stage1.with_name("Metric-ViPer"))
    assert open_model(str(named)).template == "viper"


def test_the_framed_twin_gives_gradients_to_the_pixels(stage1):
    taste = open_scorer("viper", weights=stage1, dtype=torch.float64).of(History("me"), SHOWN.__getitem__)
    for picture in (SHOWN["0"], SHOWN["3"]):
        images = as_floats(picture).double().requires_grad_()
        score = taste.score(images, [""])
        score.sum().backward()
        part = taste.model.network.vision_part
        apart = (part.twin(as_floats(picture)) - part.pixels([picture])).abs().max()
        assert (
            apart <= 2 * 1.125 / 255 + 1e-6
        )  # PIL rounds to bytes, the twin does not; 2: the deviation is one half
        step = 1e-3 * torch.nn.functional.normalize(images.grad, dim=None)
        with torch.no_grad():
            up, down = (taste.score(images + way * step, [""]) for way in (1, -1))
        assert ((up - down) / 2).item() == pytest.approx((images.grad * step).sum().item(), rel=1e-2)


def test_idefics_without_training_asks_in_the_papers_words(base):
    likes = History("me", (Vote("me", "a cup", "0", "1", 0.0), Vote("me", "a fish", "3", "2", 1.0)))
    taste = open_scorer("idefics", weights=base).of(likes, SHOWN.__getitem__)
    shown = [vote.images for vote in taste.history.votes]
    assert shown == [("0", "1"), ("2", "3")]  # the disliked one first
    turns = [("-", "a cup"), ("+", "a cup"), ("-", "a fish"), ("+", "a fish")]
    whole = conversation(TEMPLATES["default"], [(prompt, sign == "+") for sign, prompt in turns], "a tree")
    plain = SimpleNamespace(
        base_model=SimpleNamespace(model=Idefics2ForConditionalGeneration.from_pretrained(base))
    )
    known = published_margin(plain, base, whole, squares("01234"))
    assert taste.score_pictures([SHOWN["4"]], ["a tree"]).item() == pytest.approx(known, abs=1e-5)
    nobody = open_scorer("idefics", weights=base).of(History("you"), SHOWN.__getitem__)
    assert nobody.score_pictures([SHOWN["4"]], ["a tree"]).item() != pytest.approx(known, abs=1e-3)


def test_a_folder_of_ours_comes_of_one_of_theirs(stage1, pool, tmp_path):
    pool(stage1, whole=True)
    model = InContextModel.from_pretrained(stage1)
    model.save_pretrained(tmp_path / "ours")
    again = InContextModel.from_pretrained(tmp_path / "ours", template="lup-eval", n_tokens=5)
    assert again.fingerprint == model.fingerprint
    assert {path.suffix for path in (tmp_path / "ours").iterdir()} <= {
        ".json",
        ".safetensors",
        ".jinja",
        ".md",
    }


@pytest.mark.parametrize("name", ["prompt_pool.pt", "prompt_pool_state_dict.pt"])
def test_nothing_that_a_pool_says_is_done(name, stage1, tmp_path):
    torch.save({"prompt": Bomb(tmp_path / "done")}, stage1 / name)
    with pytest.raises(
        ValueError, match=r"could not be read \(UnpicklingError\); expected the tensors of LUP"
    ):
        InContextModel.from_pretrained(stage1)
    torch.save(Bomb(tmp_path / "done"), stage1 / name)
    with pytest.raises(ValueError, match="could not be read"):
        InContextModel.from_pretrained(stage1)
    assert not (tmp_path / "done").exists()


def test_an_adapter_that_is_a_pickle_is_missing_and_not_opened(stage1, tmp_path):
    (stage1 / "adapter_model.safetensors").unlink()
    torch.save(Bomb(tmp_path / "done"), stage1 / "adapter_model.bin")
    with pytest.raises(
        ValueError, match=r"has no adapter_model\.safetensors; expected an adapter as PEFT writes it"
    ):
        InContextModel.from_pretrained(stage1)
    assert not (tmp_path / "done").exists()


def test_what_does_not_fit_is_one_sentence(stage1, pool, model):
    width = model.network.backbone.width
    pool(stage1, whole=True, value=torch.rand(4, width + 8))
    with pytest.raises(ValueError, match=rf"are {width + 8} numbers wide; expected {width}, as "):
        InContextModel.from_pretrained(stage1)
    torch.save({"prompt": torch.rand(3, 5, width)}, stage1 / "prompt_pool_state_dict.pt")
    with pytest.raises(
        ValueError, match=rf"are \(3, 5, {width}\); expected \(tokens, width\), as LUP writes them now"
    ):
        InContextModel.from_pretrained(stage1)
    (stage1 / "prompt_pool_state_dict.pt").unlink()
    (stage1 / "prompt_pool.pt").unlink()
    weights = load_file(stage1 / "adapter_model.safetensors")
    one = next(name for name in weights if "layers.0.self_attn.q_proj.lora_A" in name)
    save_tensors({**weights, one: weights[one][:, :-1]}, stage1 / "adapter_model.safetensors")
    with pytest.raises(
        ValueError, match=r"does not fit .* in 1 weights, such as .*q_proj.*; expected one that was"
    ):
        InContextModel.from_pretrained(stage1)
    settings = stage1 / "adapter_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "use_dora": True}))
    with pytest.raises(ValueError, match="sets use_dora; expected plain LoRA on a named backbone"):
        InContextModel.from_pretrained(stage1)
    settings.unlink()
    (stage1 / "prompt_pool.pt").touch()
    with pytest.raises(
        ValueError, match=r"has no adapter_config\.json; expected an adapter as PEFT writes it"
    ):
        InContextModel.from_pretrained(stage1)


def test_minis_own_pictures_are_squares():
    with pytest.raises(
        ValueError, match="mini was given image_size 0; expected the side of its square pictures"
    ):
        InContextModel.from_config(ModelConfig(image_size=0))


def test_the_large_models_processor_is_told_its_size(base, tmp_path):
    """Idefics2 takes 980 pixels where nobody says 448 (P, LUP and ViPer do)."""
    for path in base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    Idefics2ImageProcessorPil(do_image_splitting=False).save_pretrained(tmp_path)
    (tmp_path / "processor_config.json").unlink(missing_ok=True)
    told = InContextModel.from_config(
        ModelConfig(backbone=str(tmp_path))
    ).network.backbone.processor.image_processor
    assert dict(told.size) == {"longest_edge": 448, "shortest_edge": 378}
    kept = InContextModel.from_config(
        ModelConfig(backbone=str(base))
    ).network.backbone.processor.image_processor
    assert kept.size["longest_edge"] == 48


def test_a_mid_grey_picture_is_a_picture(stage1):
    """Its pixels are 0 after normalising, which transformers takes for padding."""
    taste = open_scorer("viper", weights=stage1).of(History("me"), SHOWN.__getitem__)
    grey = torch.full((1, 3, 44, 48), 0.5)
    assert torch.allclose(taste.score(grey, [""]), taste.score(grey + 1e-6, [""]), atol=1e-3)
