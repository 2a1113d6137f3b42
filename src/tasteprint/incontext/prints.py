"""A tasteprint: a person's votes, read once. Every later score costs its own image only.

Enters: a model and a history. Leaves: a `Scorer` that holds the keys and values of [P_v ; history].
Does not know: training, files of votes. Nothing here changes a print once it is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from tasteprint.data.decode import open_image as open_picture
from tasteprint.incontext.packing import Row, pack
from tasteprint.incontext.print_files import Int8, read_print, write_print
from tasteprint.incontext.reading import read_on
from tasteprint.incontext.scoring import Cost, margins, score_requests
from tasteprint.incontext.states import identity, state_of
from tasteprint.types import History, Vote

if TYPE_CHECKING:
    from tasteprint.incontext.network import InContextModel


OpenImage = Callable[[str], Image.Image]


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a print belongs to; it scores with this model and template only. A vote's id is a hash of all it says."""

    fingerprint: str
    template: str
    votes: tuple[str, ...]
    dtype: str


class InContextPrint:
    """One person as the model sees them. `score` is the margin M+ - M-; its sigmoid is Q of P Eq. 6."""

    def __init__(
        self,
        model: InContextModel,
        history: History,
        own: Float[Tensor, "layers 2 heads places width"] | Int8,
    ) -> None:
        """Hold the keys and values of a history that the model, as it is now, has read after [P_v ; bos].

        Those of [P_v ; bos] are the same for all people: every print refers to the one copy of the model's state.
        """
        self.model = model
        self.history = history
        self.own = own
        self.shared = state_of(model).shared
        ids = tuple(vote_id(vote) for vote in history.votes)
        self.made_from = MadeFrom(*identity(model), ids, str(self.shared.dtype).removeprefix("torch."))

    @property
    def keys(self) -> Float[Tensor, "layers 2 heads length width"]:
        """Keys (0) and values (1) of all that was read, layer by layer, in the model's type and on its device."""
        own = self.own if isinstance(self.own, Tensor) else self.own.dense().to(self.shared.dtype)
        return torch.cat([self.shared, own], dim=-2).to(self.model.device)

    @property
    def length(self) -> int:
        """Number of places that were read, those of [P_v ; bos] included."""
        return self.shared.shape[-2] + self.own.shape[-2]

    @property
    def nbytes(self) -> int:
        """Bytes that the person's own keys and values take in memory."""
        return self.own.nbytes

    def check(self, needed: tuple[str, str]) -> None:
        """ValueError where a model's `identity` is not, or no longer, the one that the print was made with."""
        fingerprint, template = needed
        if fingerprint != self.made_from.fingerprint:
            raise ValueError(
                f"the print of user {self.history.user_id!r} was made by other weights than the model now has; "
                "expected the same: make it again with `print_of`."
            )
        if template != self.made_from.template:
            raise ValueError(
                f"the print of user {self.history.user_id!r} was made with template {self.made_from.template!r}; "
                f"expected {template!r}, which the model speaks: make it again with `print_of`."
            )

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score images in [0, 1], higher is better, with gradients to the pixels; one prompt an image."""
        return score_requests([self] * len(images), images, prompts)

    @torch.no_grad()
    def score_pictures(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score PIL pictures through the backbone's own processor, without gradients; one prompt an image."""
        if not pictures:
            return torch.zeros(0)
        people = [self] * len(pictures)
        return margins(
            people, prompts, lambda chosen: self.model.pixels([pictures[n] for n in chosen]), len(people)
        )

    @torch.no_grad()
    def extended(self, votes: Sequence[Vote], open_image: OpenImage = open_picture) -> InContextPrint:
        """Give the print of the longer history, reading only the new votes; this one stays as it is.

        Equal to reading all from scratch. Where the longer history and a target would not fit in the model's
        window, the newest votes that fit are read from scratch, with a UserWarning.
        """
        self.check(identity(self.model))
        history = replace(self.history, votes=(*self.history.votes, *votes))
        fitting = _fitting(self.model, history)
        if len(fitting) < len(history):
            warnings.warn(
                f"{len(history)} votes of user {history.user_id!r} are more than the model's window of "
                f"{self.model.backbone.window} tokens holds; the newest {len(fitting)} are read.",
                stacklevel=2,
            )
            return _read(_nobody(self.model, history.user_id), fitting, open_image)
        return _read(self, history, open_image)

    def quantized(self) -> InContextPrint:
        """Give the same print in eight bits a number: a quarter of float32, half of bfloat16 (see `int8.py`)."""
        return (
            self
            if isinstance(self.own, Int8)
            else InContextPrint(self.model, self.history, Int8.of(self.own))
        )

    def save(self, path: str | Path, int8: bool = False) -> None:
        """Write a safetensors file; what all people share stays with the model and is not in it."""
        self.check(identity(self.model))
        about = {
            "fingerprint": self.made_from.fingerprint,
            "template": self.made_from.template,
            "dtype": self.made_from.dtype,
        }
        write_print(Path(path), about, self.history, self.quantized().own if int8 else self.own)

    @staticmethod
    def load(path: str | Path, model: InContextModel) -> InContextPrint:
        """Read a file that `save` wrote. ValueError where it is damaged, no print, or not of this model."""
        model.eval()
        return InContextPrint(model, *read_print(Path(path), model))


def encode(model: InContextModel, history: History, open_image: OpenImage) -> InContextPrint:
    """Read a history once: the print of nobody, which is the same for all, extended by every vote."""
    nobody = _nobody(model, history.user_id)
    return nobody.extended(history.votes, open_image) if history.votes else nobody


def vote_id(vote: Vote) -> str:
    """Name a vote by a hash of all it says."""
    return sha256(repr(vote).encode()).hexdigest()[:16]


def _nobody(model: InContextModel, user_id: str) -> InContextPrint:
    return InContextPrint(model, History(user_id), state_of(model).shared[..., :0, :])


def _read(taste: InContextPrint, longer: History, open_image: OpenImage) -> InContextPrint:
    """Read on from a print to a longer history that begins as the print's own does."""
    model = taste.model
    whole = pack(longer, [], model.encoder, len(model.tokens))
    row = Row(whole.ids[taste.length :], whole.segments[taste.length :], whole.positions[taste.length :])
    row.images = whole.images[2 * len(taste.history) :]
    features = _features(model, list(dict.fromkeys(row.images)), open_image)
    reading = read_on(model, taste.keys[:, :, None], [taste.length], [row], features)
    return InContextPrint(model, longer, reading.keys_after(taste.shared.shape[-2])[:, :, 0])


def _features(model: InContextModel, names: Sequence[str], open_image: OpenImage) -> Float[Tensor, "u k d"]:
    at_once = Cost(model.backbone).images_at_once
    chunks = (names[start : start + at_once] for start in range(0, len(names), at_once))
    pixels = (model.pixels([open_image(name) for name in chunk]).to(model.device) for chunk in chunks)
    return torch.cat([model.backbone.image_features(some) for some in pixels])


def _fitting(model: InContextModel, history: History) -> History:
    """Keep the newest votes that leave room for a target with the longest prompt."""
    encoder = model.encoder
    room = model.backbone.window - state_of(model).shared.shape[-2]
    room -= len(encoder.asked("", first=False)) + encoder.prompt_limit
    kept: list[Vote] = []
    for vote in reversed(history.votes):
        room -= sum(len(encoder.told(vote.prompt, image == vote.liked, first=False)) for image in vote.images)
        if room < 0:
            break
        kept.insert(0, vote)
    return replace(history, votes=tuple(kept))
