"""HPS v2 and v2.1: a CLIP-H taught what people prefer of the pictures of a prompt (Wu et al., arXiv 2306.09341).

Enters: its weights, in open_clip's names; CLIP-H's configuration and tokenizer. Leaves: a `RewardModel`: the cosine of
image and prompt, unscaled. Does not know: the choices behind it. Source: hpsv2 1.2.0, `img_score.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import CLIPConfig, CLIPModel

from tasteprint.scorers.clip import CLIP, clip_tokenizer, of_clip
from tasteprint.scorers.open_clip_names import as_transformers
from tasteprint.scorers.preparation import CLIP_MEAN, CLIP_STD, LongSide
from tasteprint.scorers.reward import RewardModel
from tasteprint.scorers.weights import filled, kept_with, one_sentence, published_tensors, without

AUTHORS = "xswu/HPSv2"
"""Where both versions lie, as pickles of tensors."""

HPS_21 = "RE-N-Y/hpsv21"
"""A copy of v2.1 in safetensors, every name below `model.`."""

FILES = {
    "2.0": ("HPS_v2_compressed.safetensors", "HPS_v2_compressed.pt"),
    "2.1": ("model.safetensors", "HPS_v2.1_compressed.safetensors", "HPS_v2.1_compressed.pt"),
}
OFFSET = 1.0
"""ReNO's loss is 1 - score, weighed by 5 (method.md section 8)."""


def open_hps(
    version: str = "2.1",
    name: str | Path | None = None,
    prepared_by: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> RewardModel:
    """Load HPS v2.0 or v2.1 from a file, a folder or a repository; the shape and the words are those of
    `prepared_by`: the weights' folder if it has them, else CLIP-H.

    Pictures are not cropped: the long side is brought to 224 pixels, and black fills the square. The authors clean
    prompts of broken Unicode and HTML before; here they are read as they are. ValueError for another version, and for
    what cannot be read.
    """
    if version not in FILES:
        raise ValueError(f"HPS v2 has no version {version!r}; expected one of {', '.join(FILES)}: name one.")
    prepared_by = prepared_by or kept_with(name, CLIP)
    source = name or (HPS_21 if version == "2.1" else AUTHORS)
    with one_sentence(
        source,
        f"weights of HPS v{version} ({' or '.join(FILES[version])}) that fit {prepared_by}",
        prepared_by,
    ):
        state = without("model.", published_tensors(source, FILES[version], inside="state_dict"))
        config: Any = CLIPConfig.from_pretrained(prepared_by)
        model = filled(CLIPModel, config, as_transformers(state))
        tokenizer = clip_tokenizer(prepared_by, config)
    steps = LongSide(config.vision_config.image_size, CLIP_MEAN, CLIP_STD)
    return of_clip(model, tokenizer, steps, OFFSET, device, dtype, scaled=False)
