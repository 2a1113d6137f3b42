"""Ground floor: what a vote, a history and an example are, and the two protocols that hold the house together.

Enters: nothing. Leaves: plain frozen dataclasses. Does not know: files, tensors at run time, any model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


MOST_STARS = 10
"""The longest scale of ratings."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's choice between two images shown for one prompt (method.md section 1).

    `label_0` is 1 when `image_0` was preferred, 0 when `image_1` was, 0.5 for a tie. Images are named by
    their id in an `ImageStore` or by a path.
    """

    user_id: str
    prompt: str
    image_0: str
    image_1: str
    label_0: float
    created_at: datetime | None = None
    ranking_id: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a choice between two images."""
        if self.label_0 not in (0, 0.5, 1):
            raise ValueError(
                f"label_0 is {self.label_0!r}; expected 1 (first preferred), 0 (second) or 0.5 (tie): "
                "map the log's labels onto these three."
            )
        if self.image_0 == self.image_1:
            raise ValueError(
                f"image {self.image_0!r} stands on both sides of a vote of user {self.user_id!r}; "
                "expected two different images: leave this row out."
            )

    @property
    def is_tie(self) -> bool:
        """Whether neither image was preferred; a tie has no liked and no disliked image."""
        return self.label_0 == 0.5

    @property
    def images(self) -> tuple[str, str]:
        """Both images, as shown."""
        return self.image_0, self.image_1

    @property
    def liked(self) -> str:
        """The preferred image. ValueError for a tie."""
        self._refuse_tie()
        return self.image_0 if self.label_0 == 1 else self.image_1

    @property
    def disliked(self) -> str:
        """The image that was not preferred. ValueError for a tie."""
        self._refuse_tie()
        return self.image_1 if self.label_0 == 1 else self.image_0

    def swapped(self) -> Vote:
        """Give the same choice with the two images shown the other way round."""
        return replace(self, image_0=self.image_1, image_1=self.image_0, label_0=1 - self.label_0)

    def _refuse_tie(self) -> None:
        if self.is_tie:
            raise ValueError(
                f"a tie of user {self.user_id!r} has no liked image; expected a decided vote: filter ties."
            )


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's opinion of one image: `stars` of `out_of`, more is better; a dislike is 1 of 2, a like 2 of 2."""

    user_id: str
    prompt: str
    image: str
    stars: int
    out_of: int = 2

    def __post_init__(self) -> None:
        """Refuse stars that the scale does not have."""
        if not 2 <= self.out_of <= MOST_STARS or not 1 <= self.stars <= self.out_of:
            raise ValueError(
                f"a rating of user {self.user_id!r} is {self.stars} of {self.out_of}; expected 1 to n stars on a "
                f"scale of n = 2 to {MOST_STARS}: map the log's scale onto one of these."
            )


@dataclass(frozen=True, slots=True)
class History:
    """`S_u` of the paper: earlier decided votes of one person, oldest first unless shuffled on purpose."""

    user_id: str
    votes: tuple[Vote, ...] = ()

    def __len__(self) -> int:
        """Number of votes (`N_ref`)."""
        return len(self.votes)

    @property
    def images(self) -> frozenset[str]:
        """Every image that the history shows."""
        return frozenset(image for vote in self.votes for image in vote.images)


@dataclass(frozen=True, slots=True)
class Example:
    """A history and later votes of the same person; no image of a target stands in the history."""

    history: History
    targets: tuple[Vote, ...]

    def __post_init__(self) -> None:
        """Refuse an answer that the history gives away."""
        shared = self.history.images & {image for vote in self.targets for image in vote.images}
        if shared:
            raise ValueError(
                f"image {min(shared)!r} is a target of user {self.history.user_id!r} and stands in the history; "
                "expected targets that the history does not show: draw the example with `draw_example`."
            )


@runtime_checkable
class Scorer(Protocol):
    """Says how good images are. A person's tasteprint is one, and so is a general reward model."""

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, "b"]:
        """Score images in [0, 1]; higher is better; differentiable where the model allows."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Makes an image from noise and a prompt."""

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 h w"]:
        """Give images in [0, 1], differentiable with respect to the noise."""
        ...
