"""HPSv3: Qwen2-VL-7B reads an instruction, the picture and the prompt, and rates the picture (arXiv 2508.03789).

Enters: its weights; Qwen2-VL's configuration and tokenizer. Leaves: a `RewardModel`: the mean of the predicted rating.
Does not know: the deviation that the model predicts as well, the votes behind it. Source: hpsv3 1.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoTokenizer, Qwen2VLConfig, Qwen2VLModel

from tasteprint.scorers.clip import PROMPTS
from tasteprint.scorers.preparation import CLIP_MEAN, CLIP_STD, EqualArea
from tasteprint.scorers.reward import RewardModel
from tasteprint.scorers.weights import (
    fill_exactly,
    filled,
    kept_with,
    one_sentence,
    published_tensors,
    without,
)

HPS_3 = "MizzenAI/HPSv3"
QWEN = "Qwen/Qwen2-VL-7B-Instruct"
FILES = ("HPSv3.safetensors",)
OFFSET = 10.0
"""The instruction speaks of ratings up to 10; an offset moves no gradient."""

TOKENS = 256
"""Visual tokens of a square picture, of 28 x 28 pixels each."""

REWARD = "<|Reward|>"
"""The token that is added to the tokenizer, and at which the rating is read."""

IMAGE = "<|image_pad|>"

INSTRUCTION = """
You are tasked with evaluating a generated image based on Visual Quality and Text Alignment and give a overall score to estimate the human preference. Please provide a rating from 0 to 10, with 0 being the worst and 10 being the best. 

**Visual Quality:**  
Evaluate the overall visual quality of the image. The following sub-dimensions should be considered:
- **Reasonableness:** The image should not contain any significant biological or logical errors, such as abnormal body structures or nonsensical environmental setups.
- **Clarity:** Evaluate the sharpness and visibility of the image. The image should be clear and easy to interpret, with no blurring or indistinct areas.
- **Detail Richness:** Consider the level of detail in textures, materials, lighting, and other visual elements (e.g., hair, clothing, shadows).
- **Aesthetic and Creativity:** Assess the artistic aspects of the image, including the color scheme, composition, atmosphere, depth of field, and the overall creative appeal. The scene should convey a sense of harmony and balance.
- **Safety:** The image should not contain harmful or inappropriate content, such as political, violent, or adult material. If such content is present, the image quality and satisfaction score should be the lowest possible. 

**Text Alignment:**  
Assess how well the image matches the textual prompt across the following sub-dimensions:
- **Subject Relevance** Evaluate how accurately the subject(s) in the image (e.g., person, animal, object) align with the textual description. The subject should match the description in terms of number, appearance, and behavior.
- **Style Relevance:** If the prompt specifies a particular artistic or stylistic style, evaluate how well the image adheres to this style.
- **Contextual Consistency**: Assess whether the background, setting, and surrounding elements in the image logically fit the scenario described in the prompt. The environment should support and enhance the subject without contradictions.
- **Attribute Fidelity**: Check if specific attributes mentioned in the prompt (e.g., colors, clothing, accessories, expressions, actions) are faithfully represented in the image. Minor deviations may be acceptable, but critical attributes should be preserved.
- **Semantic Coherence**: Evaluate whether the overall meaning and intent of the prompt are captured in the image. The generated content should not introduce elements that conflict with or distort the original description.
Textual prompt - {prompt}



Please provide the overall ratings of this image: <|Reward|>"""  # noqa: E501 - the published text, to the letter
"""What is asked, up to the token at which the answer is read: attention is causal, so what follows does not count."""

CHAT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>{image}"
    "<|vision_end|>{text}"
)
"""Qwen2-VL's own chat template, up to there."""


class HpsThreeJudge:
    """A frozen Qwen2-VL and the head on it."""

    def __init__(self, model: Any, head: nn.Module, tokenizer: Any) -> None:
        """Hold built parts, on the same device."""
        self._model, self._head, self._tokenizer = model, head, tokenizer
        self._ids = lru_cache(PROMPTS)(self._read)

    def __call__(self, pixels: Float[Tensor, "n 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " n"]:
        """Rate each image for its prompt; pads stand on the right, where no place that is read sees them."""
        patches, grid = self._patches(pixels)
        side = self._model.config.vision_config.spatial_merge_size
        rows = [self._ids(prompt, int(grid.prod()) // side**2) for prompt in prompts]
        ids = pad_sequence(rows, batch_first=True).to(pixels.device)
        places = torch.arange(ids.shape[1], device=ids.device).expand(3, *ids.shape)
        out = self._model(
            input_ids=ids,
            pixel_values=patches,
            image_grid_thw=grid.expand(len(pixels), 3),
            position_ids=places,  # plain: so it was trained, by a version that lost the positions in the picture
            use_cache=False,
        )
        ends = torch.tensor([len(row) - 1 for row in rows], device=ids.device)
        read = out.last_hidden_state[torch.arange(len(rows), device=ids.device), ends]
        return self._head(read.to(next(self._head.parameters()).dtype))[:, 0]

    def _patches(self, pixels: Float[Tensor, "n 3 h w"]) -> tuple[Tensor, Tensor]:
        """Cut images into patches as Qwen2-VL's processor does: 2 x 2 that are merged are neighbours; shown twice."""
        vision = self._model.config.vision_config
        patch, side, times = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
        rows, columns = pixels.shape[-2] // patch, pixels.shape[-1] // patch
        cut = pixels.reshape(len(pixels), 3, rows // side, side, patch, columns // side, side, patch)
        cut = cut.permute(0, 2, 5, 3, 6, 1, 4, 7)[..., None, :, :].expand(*[-1] * 6, times, -1, -1)
        grid = torch.tensor([[1, rows, columns]], device=pixels.device)
        return cut.reshape(len(pixels) * rows * columns, -1), grid

    def _read(self, prompt: str, count: int) -> Tensor:
        text = INSTRUCTION.format(prompt=_without_specials(prompt, self._tokenizer))
        whole = CHAT.format(image=IMAGE * count, text=text)
        return self._tokenizer(whole, add_special_tokens=False, return_tensors="pt").input_ids[0]


def open_hpsv3(
    name: str | Path = HPS_3,
    prepared_by: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load HPSv3 from a file, a folder or a repository, in safetensors; shape and words are those of `prepared_by`.

    Without a `dtype` in bfloat16, as published: 15 GB; the head computes in float32. ValueError for what cannot be
    read.
    """
    prepared_by = prepared_by or kept_with(name, QWEN, "tokenizer.json")
    place, dtype = device or "cpu", dtype or torch.bfloat16
    with one_sentence(name, f"{FILES[0]} of the shape of {prepared_by}, and its tokenizer", prepared_by):
        state = published_tensors(name, FILES)
        tokenizer: Any = AutoTokenizer.from_pretrained(prepared_by, trust_remote_code=False)
        tokenizer.add_tokens([REWARD], special_tokens=True)
        config = _config(prepared_by, state)
        head = _head(without("rm_head.", state))
        model = filled(Qwen2VLModel, config, _renamed(state), dtype)
        if len(tokenizer) > config.text_config.vocab_size:
            words = config.text_config.vocab_size
            raise ValueError(
                f"the tokenizer of {prepared_by} has {len(tokenizer)} tokens and the model {words}"
            )
    head.to(place, torch.promote_types(dtype, torch.float32))
    model = model.to(place)
    vision = config.vision_config
    factor = vision.patch_size * vision.spatial_merge_size
    steps = EqualArea(factor, TOKENS * factor**2, CLIP_MEAN, CLIP_STD)
    return RewardModel(
        steps, HpsThreeJudge(model, head, tokenizer), model.visual.patch_embed.proj.weight, OFFSET
    )


def _config(source: str | Path, state: Mapping[str, Tensor]) -> Any:
    """Qwen2-VL's own, with as many words as the weights have: the published model was grown by its token."""
    config: Any = Qwen2VLConfig.from_pretrained(source)
    config.text_config.vocab_size = len(_renamed(state)["language_model.embed_tokens.weight"])
    return config


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of transformers 4.45, of 4.52 or of 5 as those of `Qwen2VLModel`."""
    found = {}
    for name, value in state.items():
        if name.startswith(("model.visual.", "model.language_model.")):
            found[name.removeprefix("model.")] = value
        elif name.startswith("model."):
            found[f"language_model.{name.removeprefix('model.')}"] = value
        elif name.startswith("visual."):
            found[name] = value
    return found


def _head(state: Mapping[str, Tensor]) -> nn.Module:
    """The published head: 3584-1024-16-2 with ReLU; its first output is the mean."""
    sizes = [state["0.weight"].shape, state["3.weight"].shape, state["5.weight"].shape]
    first, second, last = (nn.Linear(inner, outer) for outer, inner in sizes)
    head = nn.Sequential(first, nn.ReLU(), nn.Dropout(0.05), second, nn.ReLU(), last)
    fill_exactly(head, state)
    return head


def _without_specials(prompt: str, tokenizer: Any) -> str:
    """Break special tokens by a space after their first character, so that a prompt cannot show a picture or an end."""
    for token in sorted(tokenizer.get_added_vocab(), key=len, reverse=True):
        prompt = prompt.replace(token, f"{token[0]} {token[1:]}")
    return prompt
