"""Ground floor: what a vote, a history and an example are, and the protocols that hold the house together.

Enters: nothing. Leaves: plain frozen dataclasses; what every way to know a person keeps (`TasteModel`, `Print`).
Does not know: files, tensors at run time, any model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from PIL import Image
    from torch import Tensor

    OpenImage = Callable[[str], Image.Image]
    """An image's name to its RGB picture; what opens files is `data.decode.open_image`."""

    Pictures = Sequence[Image.Image] | Float[Tensor, "n 3 h w"]
    """PIL pictures, prepared by a model's own processor, or images in [0, 1] with gradients to their pixels."""


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
        _expect_words(self.user_id, self.prompt, self.image_0, self.image_1)
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
        _expect_words(self.user_id, self.prompt, self.image)
        if not 2 <= self.out_of <= MOST_STARS or not 1 <= self.stars <= self.out_of:
            raise ValueError(
                f"a rating of user {self.user_id!r} is {self.stars} of {self.out_of}; expected 1 to n stars on a "
                f"scale of n = 2 to {MOST_STARS}: map the log's scale onto one of these."
            )


@dataclass(frozen=True, slots=True)
class Passed:
    """An image that was there to be liked, and that the person did not like: perhaps they never saw it."""

    user_id: str
    image: str

    def __post_init__(self) -> None:
        """Refuse what is no name."""
        _expect_words(self.user_id, self.image)


def _expect_words(*words: object) -> None:
    """Refuse numbers, paths and missing values where names and prompts stand, before they fail somewhere far away."""
    for word in words:
        if not isinstance(word, str):
            raise ValueError(
                f"a user, a prompt or an image is {word!r}; expected a string: give str(...) of it, '' for no prompt."
            )


Opinion = Vote | Rating | Passed
"""What a person said, or left unsaid, of one image or of two."""


@dataclass(frozen=True, slots=True)
class History:
    """`S_u` of the paper: earlier decided votes of one person, oldest first unless shuffled on purpose.

    `ratings` are opinions of single images, `passed` those that were there and not liked; not every model reads them.
    """

    user_id: str
    votes: tuple[Vote, ...] = ()
    ratings: tuple[Rating, ...] = ()
    passed: tuple[Passed, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a user who is no string."""
        _expect_words(self.user_id)

    def __len__(self) -> int:
        """Number of votes (`N_ref`)."""
        return len(self.votes)

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        """Votes, ratings, then what was passed."""
        return (*self.votes, *self.ratings, *self.passed)

    @property
    def images(self) -> frozenset[str]:
        """Every image that the history shows."""
        voted = {image for vote in self.votes for image in vote.images}
        alone = {rating.image for rating in self.ratings} | {passed.image for passed in self.passed}
        return frozenset(voted | alone)


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


Candidate = tuple[str, str]
"""An image's name and the prompt that it is shown for."""


@runtime_checkable
class Scorer(Protocol):
    """Says how good images are. A person's print is one, and so is a general reward model."""

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score images in [0, 1]; higher is better; differentiable where the model allows."""
        ...


@runtime_checkable
class Print(Scorer, Protocol):
    """One person as one model sees them; nothing changes it once it is made, and it scores with that model alone.

    `fingerprint` is that of the model. A print is kept as a file, which only its model opens again.
    """

    @property
    def user_id(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...

    def score_pictures(
        self, pictures: Sequence[Image.Image], prompts: Sequence[str], *, names: Sequence[str] = ()
    ) -> Float[Tensor, " b"]:
        """Score PIL pictures through the model's own processor, without gradients; one prompt a picture.

        `names`, one a picture or none at all, serve models that were told of the very pictures.
        """
        ...

    def prefers(
        self, a: Pictures, b: Pictures, prompts: Sequence[str] = (), *, names: Sequence[tuple[str, str]] = ()
    ) -> Float[Tensor, " b"]:
        """Probability that the person prefers each of `a` to the one of `b` at its place; no prompts are empty ones.

        `names` are both pictures', a pair each; see `score_pictures`.
        """
        ...

    def extended(self, opinions: Iterable[Opinion], open_image: OpenImage) -> Print:
        """Give the print of all that was said before and this; this one stays as it is."""
        ...

    def save(self, path: str | Path) -> None:
        """Write one file, in one step."""
        ...

    @staticmethod
    def load(path: str | Path, model: Any) -> Print:
        """Read a file that `save` wrote. ValueError where it is damaged, no print, or another model's."""
        ...


@runtime_checkable
class TasteModel(Protocol):
    """A way to know a person. Its weights are frozen and it names itself once; what trains is something else."""

    @property
    def fingerprint(self) -> str: ...

    def print_of(self, history: History, open_image: OpenImage) -> Print:
        """Read what a person said; `open_image` opens the names in it."""
        ...

    def prints_of(self, histories: Sequence[History], open_image: OpenImage) -> Sequence[Print]:
        """Read many people, each as they would be alone."""
        ...

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that `from_pretrained` of the same class opens."""
        ...


@runtime_checkable
class Predictor(Protocol):
    """Reads people whose images are known by name: what a model is measured through."""

    def __call__(
        self, histories: Sequence[History], candidates: Sequence[Sequence[Candidate]]
    ) -> list[np.ndarray]:
        """Histories, one a person, and each person's candidates give each person's margins, one a candidate.

        Higher is better; `sigmoid(margin of a - margin of b)` is read as the probability that the person prefers a
        to b. A person's margins do not depend on who else is in the call. A predictor whose probability of a pair is
        no difference of two scores has a method `pairs` of the same form, for candidates that come as pairs.
        """
        ...


@runtime_checkable
class Generator(Protocol):
    """Makes an image from noise and a prompt."""

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 h w"]:
        """Give images in [0, 1], differentiable with respect to the noise."""
        ...
