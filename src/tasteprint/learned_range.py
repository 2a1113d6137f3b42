"""Ground floor: what a model learned from, kept with its weights, and a word where it is left: then it guesses.

Enters: a model's record; the votes, prompts and pictures that it is asked about. Leaves: one warning a model and kind.
Does not know: models, how they learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tasteprint.checked import Count, Nested, checked

if TYPE_CHECKING:
    from PIL import Image

    from tasteprint.types import OpenImage

MANY = 256
"""With more prompts than these a model learned to read prompts, and not these ones by heart."""


class OutOfRange(UserWarning):
    """A model is asked about what it did not learn from."""


@checked("range")
class LearnedRange:
    """What a model learned from. `votes` is the longest history, 0 where any length is read alike.

    `prompts` are those that it met, empty where they were more than `MANY`, None where it reads none; `pictures` says
    what kind of them in words, and `side` how long their longest side was at most, 0 where nothing is known of it.
    """

    votes: Count = 0
    prompts: Nested[tuple[str, ...]] | None = None
    pictures: str = ""
    side: Count = 0

    @classmethod
    def of(cls, votes: int, prompts: Sequence[str]) -> LearnedRange:
        """That of an in-context model which learned from histories of so many votes with these prompts."""
        return cls(votes, tuple(sorted(prompts)) if len(prompts) <= MANY else ())

    @classmethod
    def from_record(cls, said: Any) -> LearnedRange:
        """Read what `as_record` wrote; nothing is known of a model that says nothing. ValueError for anything else."""
        if said is not None and not isinstance(said, dict):
            raise ValueError(
                f"a model's range is {said!r}; expected votes, prompts, pictures, side: save it again."
            )
        return cls(**(said or {}))

    def as_record(self) -> dict[str, Any]:
        """What a model's folder says of it."""
        record: dict[str, Any] = asdict(self)
        return record

    def knows_prompts(self, prompts: Iterable[str | None]) -> bool:
        """Whether the model learned to read each of these prompts, or reads none at all."""
        return self.strange_prompt(prompts) is None

    def strange_prompt(self, prompts: Iterable[str | None]) -> str | None:
        """The first prompt, perhaps the empty one, that the model did not learn to read; None where there is none."""
        if self.prompts is None:
            return None
        known = frozenset(self.prompts)
        return next((p or "" for p in prompts if ((p or "") not in known if known else not p)), None)


class RangeWatch:
    """Says once of each kind that a model is asked about what it did not learn from."""

    def __init__(self, learned: LearnedRange | None = None, name: str = "") -> None:
        """Watch a model, `name` as it was opened."""
        self.learned, self.name = learned or LearnedRange(), name
        self._said: set[str] = set()

    def votes(self, count: int) -> None:
        """A history of so many votes is read."""
        most = self.learned.votes
        if 0 < most < count:
            self._say(
                "votes",
                f"it learned from histories of at most {most} votes and reads {count}: it may do no better than "
                "chance. Give it fewer, or take a taste posterior",
            )

    def prompts(self, prompts: Iterable[str | None]) -> None:
        """Prompts are read, of votes or of pictures to score."""
        strange = self.learned.strange_prompt(prompts)
        if strange is not None:
            met = (
                ", ".join(map(repr, (self.learned.prompts or ())[:3])) + ", ..."
                if self.learned.prompts
                else ""
            )
            what = (
                f"the prompt {strange[:60]!r}, which it never met" if strange else "pictures without a prompt"
            )
            self._say(
                "prompts",
                f"it reads {what}; it learned with {f'prompts such as {met}' if met else 'a prompt at each'}: its "
                "scores may say nothing. Give the prompts, or take a model that reads none, such as photos",
            )

    def pictures(self, sizes: Iterable[tuple[int, int]]) -> None:
        """Pictures of so many pixels are seen, or tensors of them."""
        most = self.learned.side
        large = next((size for size in sizes if most and max(size) > 4 * most), None)
        if large is not None:
            self._say(
                "pictures",
                f"it learned from {self.learned.pictures or 'pictures'} of {most} pixels and sees one of "
                f"{large[0]} x {large[1]}: pictures of another kind are guessed at. Take photos, or one that learned "
                "from pictures like these",
            )

    def watched(self, open_image: OpenImage) -> OpenImage:
        """Give what opens images, and sees how large they are."""

        def look(name: str) -> Image.Image:
            picture = open_image(name)
            self.pictures([picture.size])
            return picture

        return look

    def _say(self, kind: str, what: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            warnings.warn(f"model {self.name or 'of your own'}: {what}.", OutOfRange, stacklevel=4)
