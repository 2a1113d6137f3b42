"""A person's votes, read once: every later score costs its own image only.

Enters: a frozen network and a history. Leaves: a `Print` that holds the keys and values of [P_v ; history].
Does not know: training, logs of votes. Nothing here changes a print once it is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from tasteprint.data.decode import open_image as open_file
from tasteprint.files import write_bytes
from tasteprint.incontext.frozen import FrozenNetwork, Past
from tasteprint.incontext.print_files import print_as_bytes, read_print_file
from tasteprint.incontext.scoring import PixelsOf, request_margins
from tasteprint.reopening import reopened
from tasteprint.types import History, Opinion, Vote
from tasteprint.vision.pixels import checked_images, checked_pictures, require_pairs

if TYPE_CHECKING:
    from tasteprint.types import OpenImage, Pictures


class InContextPrint:
    """One person as the in-context model sees them. `score` is the margin M+ - M-; its sigmoid is Q of P Eq. 6."""

    guidance_loss = "q"
    """The loss that guidance takes unless another is named: 1 - Q (P)."""

    def __init__(self, model: FrozenNetwork, history: History, past: Past) -> None:
        """Hold what the model has read of a history; `read_votes` makes one."""
        self.model = model
        self.history = history
        self.past = past

    @property
    def user_id(self) -> str:
        """Whose votes were read."""
        return self.history.user_id

    @property
    def fingerprint(self) -> str:
        """Name of the model's weights."""
        return self.model.fingerprint

    @property
    def nbytes(self) -> int:
        """Bytes that the person's own keys and values take in memory."""
        return self.past.own.nbytes

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score images in [0, 1], higher is better, with gradients to the pixels; one prompt an image."""
        images = checked_images(images)
        if not len(images):
            return images.new_zeros(0, dtype=torch.float32)
        twin = self.model.network.vision_part.twin
        self.model.range.pictures([(images.shape[3], images.shape[2])])
        return self._margins(len(images), prompts, lambda chosen: twin(images[chosen]))

    @torch.no_grad()
    def score_pictures(
        self, pictures: Sequence[Image.Image], prompts: Sequence[str], *, names: Sequence[str] = ()
    ) -> Float[Tensor, " b"]:
        """Score PIL pictures through the backbone's own processor, without gradients; one prompt an image.

        `names` are not read: this model knows no picture by its name.
        """
        pictures = list(checked_pictures(pictures))
        if not pictures:
            return torch.zeros(0, dtype=torch.float32)
        pixels = self.model.network.pixels
        self.model.range.pictures(picture.size for picture in pictures if isinstance(picture, Image.Image))
        return self._margins(len(pictures), prompts, lambda chosen: pixels([pictures[n] for n in chosen]))

    def prefers(
        self, a: Pictures, b: Pictures, prompts: Sequence[str] = (), *, names: Sequence[tuple[str, str]] = ()
    ) -> Float[Tensor, " b"]:
        """Probability that the person prefers each of `a` to the one of `b` at its place: σ(margin a - margin b).

        How well it is calibrated is measured (docs/results.md, `calibration.ece`). Without prompts every pair has an
        empty one. ValueError where the counts differ.
        """
        require_pairs(a, b)
        prompts = list(prompts) or [""] * len(a)
        return (self._score_any(a, prompts) - self._score_any(b, prompts)).sigmoid()

    @torch.no_grad()
    def extended(self, opinions: Iterable[Opinion], open_image: OpenImage = open_file) -> InContextPrint:
        """Give the print of the longer history, reading only the new votes; this one stays as it is.

        Equal to reading all from scratch. Where the longer history and a target would not fit in the model's
        window, the newest votes that fit are read from scratch, with a UserWarning. ValueError for ratings.
        """
        history = replace(self.history, votes=(*self.history.votes, *map(_as_vote, opinions)))
        fitting = _fitting(self.model, history)
        if len(fitting) == len(history):
            return _read_on(self, history, open_image)
        warnings.warn(
            f"{len(history)} votes of user {history.user_id!r} are more than the model's window of "
            f"{self.model.network.backbone.window} tokens holds; the newest {len(fitting)} are read.",
            stacklevel=2,
        )
        return read_votes(self.model, fitting, open_image)

    def quantized(self) -> InContextPrint:
        """Give the same print in eight bits a number: a quarter of float32, half of bfloat16 (see `Int8Keys`)."""
        return InContextPrint(self.model, self.history, self.past.quantized())

    def save(self, path: str | Path, int8: bool = False) -> None:
        """Write a safetensors file; what all people share stays with the model and is not in it."""
        write_bytes(Path(path), (self.quantized() if int8 else self).as_bytes())

    @staticmethod
    def load(path: str | Path, model: FrozenNetwork) -> InContextPrint:
        """Read a file that `save` wrote. ValueError where it is damaged, no print, or not of this model."""
        return InContextPrint(model, *read_print_file(Path(path), model))

    def as_bytes(self) -> bytes:
        """Give the bytes of the file that `save` writes."""
        return print_as_bytes(self.model, self.history, self.past)

    @staticmethod
    def from_bytes(data: bytes, model: FrozenNetwork) -> InContextPrint:
        """Read what `as_bytes` gave; errors as for `load`."""
        return InContextPrint(model, *read_print_file(data, model))

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process without the model, which is found there by its fingerprint, or opened by its name."""
        model = self.model
        return reopened, (type(self), type(model), model.source, self.fingerprint, self.as_bytes())

    def _score_any(self, pictures: Pictures, prompts: Sequence[str]) -> Float[Tensor, " b"]:
        if isinstance(pictures, Tensor):
            return self.score(pictures, prompts)
        return self.score_pictures(pictures, prompts)

    def _margins(self, count: int, prompts: Sequence[str], pixels_of: PixelsOf) -> Float[Tensor, " b"]:
        margins = request_margins(self.model, [self.past] * count, prompts, pixels_of, count)
        self.model.range.prompts(prompts)
        return margins


def score_requests(
    prints: Sequence[InContextPrint], images: Float[Tensor, "n 3 h w"], prompts: Sequence[str]
) -> Float[Tensor, " n"]:
    """Score image n for person n: margins `M+ - M-`, higher is better, with gradients to the pixels.

    Images in [0, 1]. Each request gets the score that `prints[n].score` gives it alone, whatever else is in the
    call. ValueError where the counts differ, or the prints are of several models.
    """
    images = checked_images(images)
    if not prints:
        return images.new_zeros(0, dtype=torch.float32)
    model = prints[0].model
    if any(person.model is not model for person in prints):
        raise ValueError("the prints are of several models; expected one: score each model's people apart.")
    twin = model.network.vision_part.twin
    pasts = [person.past for person in prints]
    return request_margins(model, pasts, prompts, lambda chosen: twin(images[chosen]), len(images))


@torch.no_grad()
def read_votes(model: FrozenNetwork, history: History, open_image: OpenImage) -> InContextPrint:
    """Read a history once: the print of nobody, which is the same for all, and every vote after it."""
    for opinion in history.opinions:
        _as_vote(opinion)
    nobody = InContextPrint(model, History(history.user_id), model.nobody())
    return nobody.extended(history.votes, open_image) if history.votes else nobody


def rounding_loss(taste: InContextPrint, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> float:
    """Measure by how much, at most, the margins of these pictures change when the print is rounded to int8."""
    exact = taste.score_pictures(pictures, prompts)
    return (taste.quantized().score_pictures(pictures, prompts) - exact).abs().max().item()


def _as_vote(opinion: Opinion) -> Vote:
    if isinstance(opinion, Vote):
        return opinion
    raise ValueError(
        f"an opinion of user {opinion.user_id!r} is about one image; expected votes between two, which the "
        "in-context model reads: take a taste posterior, or pair the ratings by `tasteprint data build`."
    )


def _read_on(person: InContextPrint, longer: History, open_image: OpenImage) -> InContextPrint:
    """Read on from a print to a longer history that begins as the print's own does."""
    person.model.range.votes(len(longer))
    person.model.range.prompts(vote.prompt for vote in longer.votes)
    past = person.model.read_history(person.past, len(person.history), longer, open_image)
    return InContextPrint(person.model, longer, past)


def _fitting(model: FrozenNetwork, history: History) -> History:
    """Keep the newest votes that leave room for a target with the longest prompt."""
    encoder = model.network.encoder
    room = model.network.backbone.window - model.beginning.shape[-2]
    room -= len(encoder.target("", first=False)) + encoder.prompt_limit
    kept: list[Vote] = []
    for vote in reversed(history.votes):
        turns = (encoder.context(vote.prompt, image == vote.liked, first=False) for image in vote.images)
        room -= sum(map(len, turns))
        if room < 0:
            break
        kept.insert(0, vote)
    return replace(history, votes=tuple(kept))
