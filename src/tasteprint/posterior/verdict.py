"""A scorer's verdict on every picture, beside what an encoder sees: a taste that a person alone may share.

Enters: an encoder, and any `Scorer`: a general reward model, or a print fitted on another log. Leaves: an encoder whose
embeddings end in the verdict; the verdict standardised over the pictures at hand. Does not know: people, priors.

So a verdict travels with its picture through caches, processes and gradients as every other number of an embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from tasteprint.provenance import fingerprint
from tasteprint.types import Scorer
from tasteprint.vision.encoder import BATCH, ImageEncoder
from tasteprint.vision.pixels import as_floats, as_rgb

SIDE = 512
"""Of a picture whose shorter side is longer, a scorer sees a copy that is so long there; none looks at more."""


@runtime_checkable
class ScoresEmbeddings(Protocol):
    """A scorer that can do with embeddings of its model's encoder, as a posterior's print."""

    @property
    def model(self) -> Any: ...

    def score_embeddings(self, embeddings: Float[Tensor, "b e"]) -> Float[Tensor, " b"]:
        """Score images by their embeddings."""
        ...


@dataclass(frozen=True, eq=False)
class ScoringEncoder(ImageEncoder):
    """The encoder `eye` with one number more an image, the verdict of `scorer` for `prompt`; make one by `of`.

    Verdicts are raw and stand last. Where embeddings are kept in half precision so is the verdict: PickScore's, about
    20, to a sixty-fourth, where pictures differ by about 1.
    """

    eye: ImageEncoder = None  # type: ignore[assignment]  # fields after those that have defaults need one
    scorer: Scorer = None  # type: ignore[assignment]
    prompt: str = ""

    @classmethod
    def of(cls, eye: ImageEncoder, scorer: Scorer, prompt: str = "") -> ScoringEncoder:
        """Let a scorer look at every picture that `eye` embeds."""
        weights = torch.ones(eye.width) if eye.column_weights is None else eye.column_weights
        return cls(
            name=eye.name,
            width=eye.width + 1,
            parts=eye.parts,
            prepare=eye.prepare,
            twin=eye.twin,
            features=eye.features,
            preparation=eye.preparation,
            column_weights=torch.cat(
                [weights, weights.new_zeros(1)]
            ),  # pictures are not alike by what they are worth
            eye=eye,
            scorer=scorer,
            prompt=prompt,
        )

    @property
    def side(self) -> int:
        """Pixels that both sides of a picture should have."""
        return max(self.eye.side, SIDE)

    @cached_property
    def fingerprint(self) -> str:
        """Name of the encoder, the scorer's weights and the prompt."""
        parts = (self.eye.fingerprint, scorer_fingerprint(self.scorer), self.prompt)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @torch.no_grad()
    def embed_pictures(self, pictures: Iterable[Image.Image]) -> Float[Tensor, "n e"]:
        """Embed pictures and have them judged, each alone, since their shapes differ."""
        rest, rows = iter(pictures), [torch.zeros(0, self.width)]
        while batch := [as_rgb(picture) for picture in islice(rest, BATCH)]:
            seen = self.eye.embed_pictures(batch)
            rows.append(self._with_verdicts(seen, lambda many=tuple(batch): self._judged(many)))  # type: ignore[misc]
        return torch.cat(rows)

    def embed(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        """Embed images in [0, 1] and have them judged, with gradients to their pixels through both."""
        prompts = [self.prompt] * len(images)
        return self._with_verdicts(self.eye.embed(images), lambda: self.scorer.score(images, prompts))

    def _with_verdicts(self, seen: Tensor, judge: Callable[[], Tensor]) -> Tensor:
        """By the embeddings alone, where the scorer reads those of the very same encoder."""
        scorer = self.scorer
        if isinstance(scorer, ScoresEmbeddings) and scorer.model.encoder.fingerprint == self.eye.fingerprint:
            return torch.cat([seen, scorer.score_embeddings(seen).to(seen)[:, None]], dim=1)
        return torch.cat([seen, judge().to(seen)[:, None]], dim=1)

    def _judged(self, pictures: Iterable[Image.Image]) -> Float[Tensor, " n"]:
        small = (as_floats(_reduced(picture)) for picture in pictures)
        return torch.cat([self.scorer.score(one, [self.prompt]).float().cpu() for one in small])


class Verdict(nn.Module):
    """The last number of an embedding, standardised over the pictures at hand, and that of the landmarks."""

    mean: Tensor
    gain: Tensor
    at_landmarks: Tensor

    def __init__(self, mean: Tensor, gain: Tensor, at_landmarks: Tensor) -> None:
        """Take what `of` finds, or what was kept."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("gain", gain)
        self.register_buffer("at_landmarks", at_landmarks)

    @classmethod
    def of(cls, embeddings: Float[Tensor, "images e"], landmarks: Tensor) -> Verdict:
        """Learn mean and deviation; verdicts that are all alike count nothing."""
        raw = embeddings[:, -1]
        deviation = raw.std()
        gain = torch.where(deviation > 0, 1 / deviation, 0.0)
        return cls(raw.mean(), gain, (raw[landmarks] - raw.mean()) * gain)

    def forward(self, embeddings: Float[Tensor, "*n e"]) -> Float[Tensor, "*n 1"]:
        """Give the verdict, 1 for a standard deviation above the mean."""
        return (embeddings[..., -1:] - self.mean) * self.gain


def scorer_fingerprint(scorer: Scorer) -> str:
    """Name a scorer: as it names itself, or its class and the weights of the modules that it holds."""
    known = getattr(scorer, "fingerprint", None)
    if isinstance(known, str):
        return f"{known} {getattr(scorer, 'user_id', '')}"
    modules = [part for part in vars(scorer).values() if isinstance(part, nn.Module)]
    return f"{type(scorer).__module__}.{type(scorer).__qualname__} {fingerprint(*modules)}"


def _reduced(picture: Image.Image) -> Image.Image:
    shorter = min(picture.size)
    if shorter <= SIDE:
        return picture
    width, height = (round(side * SIDE / shorter) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
