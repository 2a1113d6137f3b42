"""Small random weights of others' reward models, under the names and in the files that their authors publish.

And each published formula, written out from their pages in plain torch, with none of the package's code.
"""

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.pre_tokenizers import ByteLevel
from torch.nn.functional import conv2d, gelu, layer_norm, linear, silu
from transformers import (
    BertTokenizer,
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    TokenizersBackend,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
LIMIT = 77
LAYERS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SHARP = {"initializer_range": 0.1, "initializer_factor": 3.0}  # random weights that see a difference
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
WORDS = 2 * 256 + 2
PROCESSOR = CLIPImageProcessorPil(
    size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, resample=3
)


def photograph(width, height, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def tensor_of(picture):
    return (torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255 - MEAN) / STD


def tiny_clip(folder, seed, ends=None, scale=4.6052, width=16, **vision):
    """A CLIP as a repository has it: bytes for a vocabulary, as CLIP's own begins; pictures of 32 pixels."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), BEGIN, END]
    tokenizer = CLIPTokenizer(
        vocab={word: n for n, word in enumerate(words)}, merges=[], model_max_length=LIMIT
    )
    torch.manual_seed(seed)
    config = CLIPConfig(
        vision_config={**LAYERS, **SHARP, "image_size": 32, "patch_size": 8, **vision},
        text_config={
            **LAYERS, **SHARP, "vocab_size": len(words), "max_position_embeddings": LIMIT, "hidden_act": "gelu",
            "bos_token_id": len(words) - 2, "eos_token_id": ends or len(words) - 1, "pad_token_id": len(words) - 1,
        },
        projection_dim=width,
        logit_scale_init_value=scale,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    model = CLIPModel(config).eval()
    model.save_pretrained(folder)
    PROCESSOR.save_pretrained(folder)
    return model


def clip_ids(prompt):
    """CLIP's ids by hand: lower case, one token a letter, the last of a word marked; a begin and an end."""
    letters = sorted(ByteLevel.alphabet())
    ids = [256 + letters.index(word) if len(word) == 1 else None for word in prompt.lower().split()]
    assert None not in ids, "a prompt of single letters"
    return [WORDS - 2, *ids, WORDS - 1]


# --- HPS v2 and CSD: open_clip's names


def open_clip_state(seed, text=True):
    """Random weights of a tiny CLIP in open_clip's names and shapes."""
    draw = torch.Generator().manual_seed(seed)

    def random(*shape, scale=0.2):
        return torch.randn(*shape, generator=draw) * scale

    def blocks(prefix):
        for n in range(2):
            layer = f"{prefix}transformer.resblocks.{n}"
            for norm in ("ln_1", "ln_2"):
                yield f"{layer}.{norm}.weight", 1 + random(32)
                yield f"{layer}.{norm}.bias", random(32)
            yield f"{layer}.attn.in_proj_weight", random(96, 32)
            yield f"{layer}.attn.in_proj_bias", random(96)
            for name, shape in (
                ("attn.out_proj", (32, 32)),
                ("mlp.c_fc", (48, 32)),
                ("mlp.c_proj", (32, 48)),
            ):
                yield f"{layer}.{name}.weight", random(*shape)
                yield f"{layer}.{name}.bias", random(shape[0])

    state = {
        "visual.class_embedding": random(32, scale=1),
        "visual.positional_embedding": random(17, 32, scale=1),
        "visual.conv1.weight": random(32, 3, 8, 8),
        "visual.ln_pre.weight": 1 + random(32), "visual.ln_pre.bias": random(32),
        "visual.ln_post.weight": 1 + random(32), "visual.ln_post.bias": random(32),
        "visual.proj": random(32, 16), **dict(blocks("visual.")),
    }  # fmt: skip
    if text:
        state |= {
            "positional_embedding": random(LIMIT, 32), "token_embedding.weight": random(WORDS, 32, scale=1),
            "ln_final.weight": 1 + random(32), "ln_final.bias": random(32), "text_projection": random(32, 16),
            "logit_scale": torch.tensor(4.6052), **dict(blocks("")),
        }  # fmt: skip
    return state


def attend(x, weight, bias, heads, mask=None):
    q, k, v = (
        part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in linear(x, weight, bias).chunk(3, dim=-1)
    )
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return ((scores if mask is None else scores + mask).softmax(-1) @ v).transpose(1, 2).flatten(2)


def norm(x, state, name, eps=1e-5):
    return layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps)


def apply(x, state, name):
    return linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def open_clip_blocks(x, state, prefix, act, mask=None):
    for n in range(2):
        layer = f"{prefix}transformer.resblocks.{n}"
        weights = (state[f"{layer}.attn.in_proj_{kind}"] for kind in ("weight", "bias"))
        x = x + apply(
            attend(norm(x, state, f"{layer}.ln_1"), *weights, 4, mask), state, f"{layer}.attn.out_proj"
        )
        x = x + apply(
            act(apply(norm(x, state, f"{layer}.ln_2"), state, f"{layer}.mlp.c_fc")),
            state,
            f"{layer}.mlp.c_proj",
        )
    return x  # fmt: skip


def open_clip_image(pixels, state, act=gelu):
    """The tower of open_clip's and OpenAI's code, up to its last norm."""
    x = conv2d(pixels, state["visual.conv1.weight"], stride=8).flatten(2).mT
    x = torch.cat([state["visual.class_embedding"].expand(len(x), 1, -1), x], dim=1)
    x = norm(x + state["visual.positional_embedding"], state, "visual.ln_pre")
    return norm(open_clip_blocks(x, state, "visual.", act)[:, 0], state, "visual.ln_post")


def open_clip_text(ids, state):
    x = state["token_embedding.weight"][torch.tensor([ids])] + state["positional_embedding"][: len(ids)]
    mask = torch.full((len(ids), len(ids)), float("-inf")).triu(1)
    x = norm(open_clip_blocks(x, state, "", gelu, mask), state, "ln_final")
    return x[0, int(np.argmax(ids))] @ state["text_projection"]


def long_side(picture, side=32):
    """HPS v2's ResizeMaxSize."""
    scale = side / max(picture.size)
    size = [round(length * scale) for length in picture.size]
    square = Image.new("RGB", (side, side))
    square.paste(
        picture.resize(size, Image.Resampling.BICUBIC), ((side - size[0]) // 2, (side - size[1]) // 2)
    )
    return tensor_of(square)


def hps_formula(state, pictures, prompts):
    image = (
        open_clip_image(torch.stack([long_side(picture) for picture in pictures]), state)
        @ state["visual.proj"]
    )
    text = torch.stack([open_clip_text(clip_ids(prompt), state) for prompt in prompts])
    image, text = (rows / rows.norm(dim=-1, keepdim=True) for rows in (image, text))
    return torch.diagonal(image @ text.T)


def csd_state(seed):
    tower = open_clip_state(seed, text=False)
    state = {
        name.replace("visual.", "backbone."): value for name, value in tower.items() if name[7:] != "proj"
    }
    draw = torch.Generator().manual_seed(seed)
    return {
        **state,
        **{f"last_layer_{kind}": torch.randn(32, 16, generator=draw) for kind in ("style", "content")},
    }


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


def csd_formula(state, pixels, liked, disliked):
    def style(shown):
        named = {name.replace("backbone.", "visual."): value for name, value in state.items()}
        rows = open_clip_image(shown, named, quick_gelu) @ state["last_layer_style"]
        return rows / rows.norm(dim=-1, keepdim=True)

    seen = style(pixels)
    return (seen @ style(liked).T).mean(1) - (seen @ style(disliked).T).mean(1)


# --- ImageReward: timm's ViT, med.py's BERT, a head


def image_reward_state(seed):
    draw = torch.Generator().manual_seed(seed)

    def random(*shape, scale=0.15):
        return torch.randn(*shape, generator=draw) * scale

    def both(name, *shape):
        return {f"{name}.weight": random(*shape), f"{name}.bias": random(shape[0])}

    def scaled(name, width):
        return {f"{name}.weight": 1 + random(width), f"{name}.bias": random(width)}

    see, read = "blip.visual_encoder", "blip.text_encoder"
    state = {
        f"{see}.cls_token": random(1, 1, 128, scale=1), f"{see}.pos_embed": random(1, 17, 128, scale=1),
        **both(f"{see}.patch_embed.proj", 128, 3, 8, 8), **scaled(f"{see}.norm", 128),
        f"{read}.embeddings.word_embeddings.weight": random(WORDS_OF_BERT, 64, scale=1),
        f"{read}.embeddings.position_embeddings.weight": random(40, 64, scale=1),
        f"{read}.embeddings.position_ids": torch.arange(40)[None],
        **scaled(f"{read}.embeddings.LayerNorm", 64),
        **both("blip.vision_proj", 16, 128), **both("blip.text_proj", 16, 64),
    }  # fmt: skip
    for n in range(2):
        block, layer = f"{see}.blocks.{n}", f"{read}.encoder.layer.{n}"
        state |= scaled(f"{block}.norm1", 128) | scaled(f"{block}.norm2", 128)
        state |= both(f"{block}.attn.qkv", 384, 128) | both(f"{block}.attn.proj", 128, 128)
        state |= both(f"{block}.mlp.fc1", 160, 128) | both(f"{block}.mlp.fc2", 128, 160)
        for kind, width in (("attention", 64), ("crossattention", 128)):
            state |= both(f"{layer}.{kind}.self.query", 64, 64)
            state |= both(f"{layer}.{kind}.self.key", 64, width) | both(
                f"{layer}.{kind}.self.value", 64, width
            )
            state |= both(f"{layer}.{kind}.output.dense", 64, 64) | scaled(
                f"{layer}.{kind}.output.LayerNorm", 64
            )
        state |= both(f"{layer}.intermediate.dense", 96, 64) | both(f"{layer}.output.dense", 64, 96)
        state |= scaled(f"{layer}.output.LayerNorm", 64)
    for number, (inner, outer) in zip(
        (0, 2, 4, 6, 7), ((64, 1024), (1024, 128), (128, 64), (64, 16), (16, 1)), strict=True
    ):
        state |= both(f"mlp.layers.{number}", outer, inner)
    return state


BERT_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
WORDS_OF_BERT = len(BERT_WORDS) + 2


def tiny_bert(folder):
    BertTokenizer(vocab={word: n for n, word in enumerate(BERT_WORDS)}).save_pretrained(folder)


def image_reward_formula(state, pixels, prompts):
    return torch.cat([_image_reward(state, pixels[n : n + 1], prompt) for n, prompt in enumerate(prompts)])


def _image_reward(state, pixels, prompt):
    see, read = "blip.visual_encoder", "blip.text_encoder"
    x = conv2d(
        pixels, state[f"{see}.patch_embed.proj.weight"], state[f"{see}.patch_embed.proj.bias"], stride=8
    )
    x = torch.cat([state[f"{see}.cls_token"], x.flatten(2).mT], dim=1) + state[f"{see}.pos_embed"]
    for n in range(2):
        block = f"{see}.blocks.{n}"
        weights = (state[f"{block}.attn.qkv.{kind}"] for kind in ("weight", "bias"))
        x = x + apply(
            attend(norm(x, state, f"{block}.norm1", 1e-6), *weights, 2), state, f"{block}.attn.proj"
        )
        x = x + apply(
            gelu(apply(norm(x, state, f"{block}.norm2", 1e-6), state, f"{block}.mlp.fc1")),
            state,
            f"{block}.mlp.fc2",
        )
    seen = norm(x, state, f"{see}.norm", 1e-6)
    ids = [
        2,
        *(BERT_WORDS.index(word) for word in prompt.lower().split()),
        3,
    ]  # no pads: they would be masked
    t = (
        state[f"{read}.embeddings.word_embeddings.weight"][ids]
        + state[f"{read}.embeddings.position_embeddings.weight"][: len(ids)]
    )
    t = norm(t[None], state, f"{read}.embeddings.LayerNorm", 1e-12)
    for n in range(2):
        layer = f"{read}.encoder.layer.{n}"
        for kind, other in (("attention", None), ("crossattention", seen)):
            q = apply(t, state, f"{layer}.{kind}.self.query")
            k, v = (
                apply(t if other is None else other, state, f"{layer}.{kind}.self.{part}")
                for part in ("key", "value")
            )
            looked = (q @ k.mT / 8).softmax(-1) @ v  # one head of 64
            t = norm(
                apply(looked, state, f"{layer}.{kind}.output.dense") + t,
                state,
                f"{layer}.{kind}.output.LayerNorm",
                1e-12,
            )
        inner = gelu(apply(t, state, f"{layer}.intermediate.dense"))
        t = norm(apply(inner, state, f"{layer}.output.dense") + t, state, f"{layer}.output.LayerNorm", 1e-12)
    row = t[:, 0]
    for number in (0, 2, 4, 6, 7):
        row = apply(row, state, f"mlp.layers.{number}")
    return (row[:, 0] - 0.16717362830052426) / 1.0333394966054072  # fmt: skip


# --- MPS: a CLIP and cross_modeling.py


def mps_state(clip, seed):
    """A CLIP's weights below `mps.model.`, random ones of the cross-attention: width 64, one head."""
    draw = torch.Generator().manual_seed(seed)

    def random(*shape, scale=0.1):
        return torch.randn(*shape, generator=draw) * scale

    state = {f"mps.model.{name}": value for name, value in clip.state_dict().items()}
    for n in range(4):
        cross, own = (f"mps.cross_model.layers.{n}.{part}.fn" for part in (0, 1))
        state |= {
            f"{cross}.norm.weight": 1 + random(64), f"{cross}.norm.bias": torch.zeros(64),
            f"{cross}.to_q.weight": random(64, 64), f"{cross}.to_kv.weight": random(128, 64),
            f"{cross}.to_out.weight": random(64, 64), f"{cross}.ff.0.weight": random(512, 64),
            f"{cross}.ff.2.weight": random(64, 256),
            f"{own}.norm.weight": 1 + random(64), f"{own}.norm.bias": torch.zeros(64),
            f"{own}.rotary_emb.inv_freq": 1 / 10000 ** (torch.arange(0, 64, 2).float() / 64),
            f"{own}.fused_attn_ff_proj.weight": random(64 + 64 + 64 + 512, 64),
            f"{own}.attn_out.weight": random(64, 64), f"{own}.ff_out.1.weight": random(64, 256),
        }  # fmt: skip
    return state


def mps_formula(state, clip, tokenizer, pixels, prompts, condition, threshold=0.01):
    """The README's `infer_example`, one image at a time."""

    def read(text):
        ids = tokenizer(
            text, max_length=77, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        hidden = clip.text_model(ids).last_hidden_state
        end = int((ids[0] == WORDS - 1).nonzero()[0])
        return clip.text_projection(hidden), clip.text_projection(hidden[:, end])

    scores = []
    for n, prompt in enumerate(prompts):
        tokens, text = read(prompt)
        near = (tokens @ read(condition)[0].mT).amax(dim=2)
        mask = torch.where(near / near.max() > threshold, 0, float("-inf"))
        image = clip.visual_projection(clip.vision_model(pixels[n : n + 1]).last_hidden_state)
        row = _mps_cross(state, image, tokens, mask)[0, 0]
        cosine = (row / row.norm()) @ (text[0] / text[0].norm())
        scores.append(clip.logit_scale.exp() * cosine)
    return torch.stack(scores)


def _mps_cross(state, x, context, mask):
    def swiglu(rows):
        first, gate = rows.chunk(2, dim=-1)
        return silu(gate) * first

    for n in range(4):
        at = {name.removeprefix(f"mps.cross_model.layers.{n}."): value for name, value in state.items()}
        y = layer_norm(x, (64,), at["0.fn.norm.weight"], at["0.fn.norm.bias"])
        q = linear(y, at["0.fn.to_q.weight"]) * 64**-0.5
        k, v = linear(context, at["0.fn.to_kv.weight"]).chunk(2, dim=-1)
        out = (torch.einsum("bid,bjd->bij", q, k) + mask[:, None]).softmax(-1) @ v
        fed = linear(swiglu(linear(y, at["0.fn.ff.0.weight"])), at["0.fn.ff.2.weight"])
        x = x + linear(out, at["0.fn.to_out.weight"]) + fed
        y = layer_norm(x, (64,), at["1.fn.norm.weight"], at["1.fn.norm.bias"])
        q, k, v, fed = linear(y, at["1.fn.fused_attn_ff_proj.weight"]).split((64, 64, 64, 512), dim=-1)
        turns = torch.arange(x.shape[1]).float()[:, None] * at["1.fn.rotary_emb.inv_freq"]
        turns = torch.cat([turns, turns], dim=-1)
        q, k = (r * turns.cos() + torch.cat([-r[..., 32:], r[..., :32]], -1) * turns.sin() for r in (q, k))
        out = (torch.einsum("bid,bjd->bij", q * 64**-0.5, k)).softmax(-1) @ v
        x = x + linear(out, at["1.fn.attn_out.weight"]) + linear(swiglu(fed), at["1.fn.ff_out.1.weight"])
    return x


# --- CLIP, LAION Aesthetic


def head_state(seed):
    draw = torch.Generator().manual_seed(seed)
    sizes = {0: (1024, 16), 2: (128, 1024), 4: (64, 128), 6: (16, 64), 7: (1, 16)}
    state = {}
    for layer, (outer, inner) in sizes.items():
        state[f"layers.{layer}.weight"] = torch.randn(outer, inner, generator=draw) / inner**0.5
        state[f"layers.{layer}.bias"] = torch.randn(outer, generator=draw) * 0.1
    return state


def clip_formula(clip, tokenizer, pixels, prompts):
    """CLIP's logits_per_image, and PickScore's README; the text at its end token."""
    rows = clip.visual_projection(clip.vision_model(pixels).pooler_output)
    scores = []
    for row, prompt in zip(rows, prompts, strict=True):
        ids = tokenizer(prompt, truncation=True, max_length=77, return_tensors="pt").input_ids
        text = clip.text_projection(clip.text_model(ids).last_hidden_state[0, -1])
        scores.append(clip.logit_scale.exp() * ((row / row.norm()) @ (text / text.norm())))
    return torch.stack(scores)


def aesthetic_formula(clip, state, pixels):
    """improved-aesthetic-predictor, simple_inference.py; between the layers only dropout."""
    row = clip.visual_projection(clip.vision_model(pixels).pooler_output)
    row = row / row.norm(dim=-1, keepdim=True)
    for layer in (0, 2, 4, 6, 7):
        row = row @ state[f"layers.{layer}.weight"].T + state[f"layers.{layer}.bias"]
    return row[:, 0]


# --- HPSv3: Qwen2-VL, its processor's arithmetic, a head

QWEN_SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
]


def tiny_qwen(folder, instruction, seed):
    """Qwen2-VL's configuration and tokenizer as a repository has them; gives the network, grown by one word."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=ByteLevel.alphabet(), show_progress=False,
        special_tokens=[AddedToken(word, special=True, normalized=False) for word in QWEN_SPECIALS],
    )  # fmt: skip
    tokenizer.train_from_iterator([instruction] * 3, trainer)
    wrapped = TokenizersBackend(
        tokenizer_object=tokenizer, pad_token=QWEN_SPECIALS[0], eos_token=QWEN_SPECIALS[2],
        additional_special_tokens=QWEN_SPECIALS[3:],
    )  # fmt: skip
    wrapped.save_pretrained(folder)
    torch.manual_seed(seed)
    ids = {
        name: wrapped.convert_tokens_to_ids(f"<|{name}|>")
        for name in ("image_pad", "vision_start", "vision_end")
    }
    config = Qwen2VLConfig(
        text_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 1, "vocab_size": len(wrapped), "bos_token_id": 0, "eos_token_id": 2,
            "initializer_range": 0.2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14,
            "initializer_range": 0.2,
        },
        image_token_id=ids["image_pad"], vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"], tie_word_embeddings=False,
    )  # fmt: skip
    config.save_pretrained(folder)
    config.text_config.vocab_size += 1
    return Qwen2VLForConditionalGeneration(config).eval(), wrapped


def hpsv3_state(network, seed):
    """As transformers 4.45 named them, with the head."""
    draw = torch.Generator().manual_seed(seed)
    state = {
        name.replace("model.visual.", "visual.").replace("model.language_model.", "model."): value
        for name, value in network.state_dict().items()
    }
    for number, shape in ((0, (24, 32)), (3, (16, 24)), (5, (2, 16))):
        state[f"rm_head.{number}.weight"] = torch.randn(*shape, generator=draw) * 0.5
        state[f"rm_head.{number}.bias"] = torch.randn(shape[0], generator=draw) * 0.5
    return state


def hpsv3_formula(network, tokenizer, state, text_of, pictures, prompts):
    """hpsv3's `prepare_batch` and `reward`: the whole chat, to its end, with Qwen2-VL's own processor of pictures."""
    tokenizer.add_tokens(["<|Reward|>"], special_tokens=True)
    reward = tokenizer.convert_tokens_to_ids("<|Reward|>")
    scores = []
    for picture, prompt in zip(pictures, prompts, strict=True):
        shown = picture.resize(qwen_size(*picture.size), Image.Resampling.BICUBIC)
        seen = Qwen2VLImageProcessorPil()(images=[shown], return_tensors="pt")
        count = int(seen["image_grid_thw"].prod()) // 4
        chat = (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
            f"{'<|image_pad|>' * count}<|vision_end|>{text_of(prompt)}\n\nEND\n<|im_end|>\n<|im_start|>assistant\n"
        )
        ids = tokenizer(chat, return_tensors="pt").input_ids
        places = torch.arange(ids.shape[1])[None, None].expand(3, 1, -1)
        hidden = network.model(input_ids=ids, position_ids=places, **seen).last_hidden_state
        row = hidden[ids == reward]
        for number in (0, 3, 5):
            row = apply(row if number == 0 else row.relu(), state, f"rm_head.{number}")
        scores.append(row[0, 0])
    return torch.stack(scores)


def qwen_size(width, height, factor=28, area=256 * 28 * 28):
    """qwen-vl-utils' `smart_resize` with min_pixels = max_pixels; (width, height)."""
    rounded = [max(factor, round(side / factor) * factor) for side in (width, height)]
    beta = (width * height / area) ** 0.5
    if rounded[0] * rounded[1] > area:
        return [int(side / beta // factor) * factor for side in (width, height)]
    if rounded[0] * rounded[1] < area:
        return [int(-(-side / beta // factor)) * factor for side in (width, height)]
    return rounded


def save_tensors(state, path):
    save_file({name: value.contiguous().clone() for name, value in state.items()}, path, {"format": "pt"})
