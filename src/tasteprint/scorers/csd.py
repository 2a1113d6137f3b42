"""CSD: how near a picture's style is to that of pictures that a person liked (Somepalli et al., arXiv 2404.01292).

Enters: its weights, in OpenAI's names; a person's liked and disliked pictures. Leaves: a `PersonalScorer`: cosines of
unit style embeddings. Does not know: prompts, votes as choices. Source: learn2phoenix/CSD, `CSD/model.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPVisionConfig, CLIPVisionModel

from tasteprint.scorers.clip import CLIP_L
from tasteprint.scorers.open_clip_names import as_transformers
from tasteprint.scorers.personal import liked_and_disliked
from tasteprint.scorers.preparation import Preparation, processor_steps
from tasteprint.scorers.reward import BATCH, RewardModel
from tasteprint.scorers.weights import filled, kept_with, one_sentence, published_tensors, without
from tasteprint.vision.pixels import as_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.types import History, OpenImage

CSD = "yuxi-liu-wired/CSD"
"""A copy in safetensors; its authors' file is a pickle of more than tensors, which is not read."""

FILES = ("csd_clip_model_pytorch.safetensors", "model.safetensors")
OFFSET = 1.0
"""Of a cosine, as HPS v2's."""

HEADS = {"style": "last_layer_style", "content": "last_layer_content"}


@dataclass(frozen=True, eq=False)
class StyleModel:
    """A frozen image tower and a projection: pictures to unit embeddings. A `PersonalScorer`.

    `best` says whether the nearest of the person's pictures counts, or the mean of all of them.
    """

    tower: Any
    projection: Float[Tensor, "w e"]
    preparation: Preparation
    best: bool = False

    def of(self, history: History, open_image: OpenImage) -> RewardModel:
        """Know a person by what they liked and disliked: cosine to the liked less cosine to the disliked.

        The score lies in -1 to 1 where nothing was disliked, else in -2 to 2. ValueError where nothing was liked.
        """
        liked, disliked = liked_and_disliked(history)
        if not liked:
            raise ValueError(
                "csd compares with pictures that a person liked, and there are none; expected at least one like or "
                "vote: give some, as --liked FOLDER or --history FILE."
            )
        near = self.references([open_image(name) for name in liked])
        far = self.references([open_image(name) for name in disliked])

        def judge(pixels: Float[Tensor, "n 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " n"]:
            seen = self.embed(pixels)
            return self._nearness(seen, near) - self._nearness(seen, far)

        return RewardModel(self.preparation, judge, self.tower.post_layernorm.weight, OFFSET)

    @torch.no_grad()
    def references(self, pictures: Sequence[Image]) -> Float[Tensor, "n e"]:
        """Embed PIL pictures, prepared as the authors do."""
        weight, rows = (
            self.tower.post_layernorm.weight,
            [self.projection.new_zeros(0, self.projection.shape[1])],
        )
        for start in range(0, len(pictures), BATCH):
            pixels = [self.preparation.picture(as_rgb(one)) for one in pictures[start : start + BATCH]]
            rows.append(self.embed(torch.cat(pixels).to(weight.device, weight.dtype)))
        return torch.cat(rows)

    def embed(self, pixels: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n e"]:
        """Give unit embeddings of prepared pixels, in float32 at least, with gradients."""
        seen = self.tower(pixels).pooler_output.to(self.projection.dtype)
        return normalize(seen @ self.projection, dim=-1)

    def _nearness(self, seen: Tensor, references: Tensor) -> Tensor:
        if not len(references):
            return seen.new_zeros(len(seen))
        cosines = seen @ references.mT
        return cosines.amax(dim=1) if self.best else cosines.mean(dim=1)


def open_csd(
    name: str | Path = CSD,
    prepared_by: str | Path | None = None,
    by: Literal["style", "content"] = "style",
    best: bool = False,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> StyleModel:
    """Load CSD from a file, a folder or a repository, in safetensors; its shape is that of `prepared_by`'s image part.

    `best` compares with the nearest of a person's pictures instead of the mean. ValueError for what cannot be read.
    """
    prepared_by = prepared_by or kept_with(name, CLIP_L)
    with one_sentence(
        name, f"the weights of CSD ({' or '.join(FILES)}) of the shape of {prepared_by}", prepared_by
    ):
        state = without("module.", without("model.", published_tensors(name, FILES)))
        tower = {f"visual.{key}": value for key, value in without("backbone.", state).items()}
        config: Any = CLIPVisionConfig.from_pretrained(prepared_by)
        model = filled(CLIPVisionModel, config, without("vision_model.", as_transformers(tower)))
        projection = state[HEADS[by]].float()
        if projection.shape[0] != config.hidden_size:
            raise ValueError(
                f"its {HEADS[by]} has {projection.shape[0]} rows and the tower {config.hidden_size}"
            )
        steps = processor_steps(prepared_by)
    place, dtype = device or "cpu", dtype or torch.float32
    exact = torch.promote_types(dtype, torch.float32)
    return StyleModel(model.to(place, dtype), projection.to(place, exact), steps, best)
