"""Scorers: other people's models by name, each a `Scorer`, or the maker of one for each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from tasteprint.scorers.personal import PersonalScorer
    from tasteprint.scorers.reward import RewardModel


@dataclass(frozen=True, slots=True)
class Published:
    """A model that others published: what it knows, what its score means, and what opens it.

    `opens` is "module:function", imported when first needed, and `settings` are arguments of it. A `personal` one
    scores for a person whose history it was given; `reads_prompts` says whether a prompt changes its score.
    """

    opens: str
    knows: str
    unit: str
    size: str
    licence: str
    reads_prompts: bool = True
    personal: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


SCORERS = {
    "clip": Published(
        "tasteprint.scorers.clip:open_clip", "whether the picture shows its prompt (CLIP ViT-H/14)",
        "100 x cosine, -100 to 100", "986 M", "MIT",
    ),
    "clip-l": Published(
        "tasteprint.scorers.clip:open_clip", "the same by OpenAI's ViT-L/14",
        "100 x cosine, -100 to 100", "428 M", "MIT",
        settings={"name": "openai/clip-vit-large-patch14"},
    ),
    "aesthetic": Published(
        "tasteprint.scorers.aesthetic:open_aesthetic", "how beautiful people find a picture (LAION Aesthetic v2)",
        "a mark, about 1 to 10", "304 M", "Apache-2.0 (head), MIT (CLIP)", reads_prompts=False,
    ),
    "imagereward": Published(
        "tasteprint.scorers.imagereward:open_imagereward", "which picture of a prompt people rank first",
        "a reward of mean 0 and deviation 1 over its authors' data, about -2 to 2", "447 M", "Apache-2.0",
    ),
    "hpsv2": Published(
        "tasteprint.scorers.hps:open_hps", "which picture of a prompt people prefer (HPS v2.0)",
        "cosine, -1 to 1", "986 M", "Apache-2.0", settings={"version": "2.0"},
    ),
    "hpsv2.1": Published(
        "tasteprint.scorers.hps:open_hps", "the same, on cleaner and newer choices (HPS v2.1)",
        "cosine, -1 to 1", "986 M", "Apache-2.0",
    ),
    "hpsv3": Published(
        "tasteprint.scorers.hpsv3:open_hpsv3", "the same, by a language model that sees (HPS v3)",
        "a mean rating, any number", "8.3 B", "MIT",
    ),
    "pickscore": Published(
        "tasteprint.scorers.pickscore:open_pickscore", "which picture of their own prompt users picked",
        "100 x cosine, -100 to 100", "986 M", "MIT (code)",
    ),
    "mps": Published(
        "tasteprint.scorers.mps:open_mps", "which picture of a prompt people prefer overall (MPS)",
        "100 x cosine, -100 to 100", "1.1 B", "MIT (code)",
    ),
    "csd": Published(
        "tasteprint.scorers.csd:open_csd", "how near a picture's style is to what the person liked (CSD)",
        "mean cosine to liked pictures less that to disliked ones, -2 to 2", "304 M", "MIT (code), CC BY 4.0 (weights)",
        reads_prompts=False, personal=True,
    ),
    "idefics": Published(
        "tasteprint.scorers.idefics:open_idefics", "the paper's conversation, without training (Idefics2-8B)",
        "logits of + less those of -; its sigmoid is a probability", "8.4 B", "Apache-2.0", personal=True,
    ),
    "viper": Published(
        "tasteprint.scorers.viper:open_viper", "what the person likes, by examples (ViPer's proxy metric)",
        "logits of + less those of -; its sigmoid is ViPer's score", "8.4 B", "Apache-2.0 (code, Idefics2)",
        reads_prompts=False, personal=True,
    ),
}  # fmt: skip
"""By the name that `open_scorer`, `--scorer` and `--reward` take."""


def open_scorer(
    name: str,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    weights: str | Path | None = None,
    **settings: Any,
) -> RewardModel | PersonalScorer:
    """Load a published model by its name in `SCORERS`, frozen; for a personal one, `.of(history, open_image)` scores.

    Without a `device` it lies on the CPU, without a `dtype` it computes in float32 (HPSv3 in bfloat16, Idefics2 too
    where there is a GPU); scores are float32 at least. `weights` is a file, folder or repository instead of the
    published one; a folder that has a configuration, tokenizer and processor too needs no network. `settings` are other
    arguments of what opens it. ValueError for another name, or where the weights cannot be read.
    """
    published = published_scorer(name)
    module, _, function = published.opens.partition(":")
    given = {**published.settings, **({} if weights is None else {"name": weights}), **settings}
    opened: RewardModel | PersonalScorer = getattr(import_module(module), function)(
        device=device, dtype=dtype, **given
    )
    return opened


def published_scorer(name: str) -> Published:
    """Look a scorer up. ValueError for a name that is not one."""
    if name not in SCORERS:
        raise ValueError(
            f"there is no scorer {name!r}; expected one of {', '.join(SCORERS)}: name one of them."
        )
    return SCORERS[name]


def require_prompts(name: str, prompts: Sequence[str]) -> None:
    """ValueError where a scorer reads prompts and one of them says nothing."""
    blank = sum(not prompt.strip() for prompt in prompts)
    if published_scorer(name).reads_prompts and blank:
        raise ValueError(
            f"scorer {name!r} judges a picture by its prompt, and {blank} of {len(prompts)} prompts are empty; "
            "expected what each picture was made for: give prompts, or take one that reads none, such as aesthetic."
        )
