"""A mapping guessed for a log of any kind, each column with the reason for which it was taken.

Enters: the first cells of each column. Leaves: a `Guess`. Does not know: files, what the mapping will give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Literal

from tasteprint.data.look.cell_words import (
    are_likes,
    are_pictures,
    are_ratings,
    are_times,
    said_of_labels,
    sides,
    words_of,
)
from tasteprint.data.look.column_names import better_and_worse, image_pairs, named_as
from tasteprint.data.look.first_cells import Cells
from tasteprint.data.mapping import SPLIT_WORDS, Filter, Mapping

ALONE = "you"
"""The person of a log that names nobody."""

LIKES = {"like": 1.0, "dislike": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


@dataclass
class Guess:
    """What was guessed: the mapping, or what is lacking for one; `why` a column or a constant stands for its role."""

    mapping: Mapping | None = None
    why: dict[str, str] = field(default_factory=dict)
    lacking: str = ""


def guess_mapping(cells: Cells) -> Guess:
    """Guess what the columns of a log mean, by their names and by what stands in them."""
    guessing = _Guessing(cells)
    for find in (guessing.pairs_of_better_and_worse, guessing.choices, guessing.likes, guessing.ratings):
        if found := find():
            return Guess(found, guessing.why)
    return Guess(None, {}, guessing.lacking())


@dataclass
class _Guessing:
    cells: Cells
    why: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    def pairs_of_better_and_worse(self) -> Mapping | None:
        """Two columns of images, the better and the worse."""
        pair = better_and_worse(list(self.cells))
        if pair is None or are_likes(self.cells[pair[0]]):
            return None
        self._start({"image_0": pair[0], "image_1": pair[1]}, "by their names the better and the worse image")
        return self._mapping("votes", constants={"label": "1"})

    def choices(self) -> Mapping | None:
        """Two columns of images, and one that says which was preferred."""
        pair, label = self._images(), self._label()
        if pair is None or label is None:
            return None
        labels = sides(self.cells[label]) or {}
        self._start(
            {"image_0": pair[0], "image_1": pair[1]}, "by its name, or by the files in it, one of two images"
        )
        self._take("label", label, said_of_labels(labels))
        return self._mapping("votes", labels=labels)

    def likes(self) -> Mapping | None:
        """A column of images, and one of yes and no."""
        image = self._image()
        liked = _first(named_as("liked", list(self.cells)), lambda column: are_likes(self.cells[column]))
        if image is None or liked is None:
            return None
        self._start({"image": image}, "by its name, or by the files in it, the image")
        self._take("rating", liked, "says yes and no")
        return self._mapping("ratings", labels=LIKES)

    def ratings(self) -> Mapping | None:
        """A column of images, and one of numbers."""
        image = self._image()
        rating = _first(named_as("rating", list(self.cells)), lambda column: are_ratings(self.cells[column]))
        if image is None or rating is None:
            return None
        self._start({"image": image}, "by its name, or by the files in it, the image")
        words = words_of(self.cells[rating])
        zero = "; if 0 means not rated, add unrated = [0]" if {"0", "0.0"} & {*words} else ""
        self._take("rating", rating, f"holds numbers; min_gap is the least difference that counts{zero}")
        return self._mapping("ratings")

    def lacking(self) -> str:
        """What was looked for in vain."""
        if not self._images():
            return (
                "images were found, and no column that rates them" if self._image() else "no column of images"
            )
        named = named_as("label", list(self.cells))
        if not named:
            return "two columns of images were found, and none that says which was preferred"
        return (
            f"column {named[0]!r} does not say in words or numbers which side was preferred; where it names the "
            "preferred image itself, make of it two columns, chosen and rejected"
        )

    def _images(self) -> tuple[str, str] | None:
        files = [column for column, cells in self.cells.items() if are_pictures(cells)]
        pairs = image_pairs(list(self.cells), files)
        if pairs or len(files) != 2:
            return pairs[0] if pairs else None
        return files[0], files[1]

    def _image(self) -> str | None:
        files = [column for column, cells in self.cells.items() if are_pictures(cells)]
        named = named_as("image", list(self.cells))
        return _first([*[column for column in named if column in files], *files, *named])

    def _label(self) -> str | None:
        named = named_as("label", list(self.cells))
        telling = [
            column for column, cells in self.cells.items() if sides(cells) and len(words_of(cells)) > 1
        ]
        return _first([*named, *telling], lambda column: sides(self.cells[column]) is not None)

    def _start(self, images: Table[str, str], why: str) -> None:
        for role, column in images.items():
            self._take(role, column, why)
        self._take_first("user", lambda cells: True, "by its name the person")
        self._take_first("prompt", lambda cells: not are_ratings(cells), "by its name the prompt")
        self._take_first("created_at", are_times, "by its name and its cells the time")
        self._take_first("split", lambda cells: {*words_of(cells)} <= {*SPLIT_WORDS}, "names the splits")

    def _take(self, role: str, column: str, why: str) -> None:
        self.columns[role], self.why[role] = column, why

    def _take_first(self, role: str, fits: Callable[[Sequence[str | None]], bool], why: str) -> None:
        free = [column for column in self.cells if column not in self.columns.values()]
        column = _first(
            named_as(role, free), lambda one: bool(words_of(self.cells[one])) and fits(self.cells[one])
        )
        if column is not None:
            self._take(role, column, why)

    def _mapping(
        self,
        kind: Literal["votes", "ratings"],
        labels: dict[str, float] | None = None,
        constants: dict[str, str] | None = None,
    ) -> Mapping:
        alone = {} if "user" in self.columns else {"user": ALONE}
        if alone:
            self.why["user"] = "no column is called like one of people: all rows are taken for one person's"
        if constants:
            self.why["label"] = "the first of the two is always the better one"
        given = alone | (constants or {})
        return Mapping(kind, self.columns, labels=labels or {}, constants=given, filters=self._filters())

    def _filters(self) -> tuple[Filter, ...]:
        """Rows that someone took back."""
        named = named_as("cancelled", list(self.cells))
        telling = [column for column in named if are_likes(self.cells[column])]
        return tuple(Filter(column, ("false", "0", "no"), "cancelled or skipped", True) for column in telling)


def _first(columns: Iterable[str], fits: Callable[[str], bool] = lambda column: True) -> str | None:
    return next(filter(fits, columns), None)
