"""How a log's columns become votes: a small table of names, read from TOML, never code.

Enters: the name of a bundled mapping or the path of a TOML file, `role=column` and `role=value` overrides.
Leaves: a frozen `Mapping`. Does not know: how logs are read, what is done with the images.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import field, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from tasteprint.checked import Amount, Number, Switch, checked
from tasteprint.data.tables.source import UNSAID, Source

V = TypeVar("V")

REQUIRED = {
    "votes": ("user", "image_0", "image_1", "label"),
    "ratings": ("user", "image", "rating"),
}
"""The roles that columns must fill, by kind of log."""

OPTIONAL = {
    "votes": ("prompt", "created_at", "ranking_id", "split", "bytes_0", "bytes_1"),
    "ratings": ("prompt", "created_at", "split", "bytes"),
}
"""The roles that columns may fill; `bytes…` hold the encoded images themselves."""

NEVER_CONSTANT = ("prompt", "bytes", "bytes_0", "bytes_1")

Split = Literal["train", "validation", "test"]
SPLIT_WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""What logs that bring their own split call its parts."""


BYTES = ("bytes_0", "bytes_1", "bytes")
"""The roles whose columns are no text."""


def _lowered(value: Any) -> Any:
    return str(value).lower() if isinstance(value, str | int | float) else value


def _named(columns: dict[str, str]) -> dict[str, str]:
    return {role: column for role, column in columns.items() if column}


def _lowered_keys(words: dict[str, V]) -> dict[str, V]:
    return {word.lower(): value for word, value in words.items()}


def _texts(constants: Any) -> Any:
    """Constants as a log would write them: a number, or true or false, may stand for its text."""
    if not isinstance(constants, dict):
        return constants
    return {
        role: str(value).lower() if isinstance(value, bool | int | float) else value
        for role, value in constants.items()
    }


Word = Annotated[str, BeforeValidator(_lowered)]


@checked("filter")
class Filter:
    """Rows are kept whose `column`, as text, is one of `keep` (case ignored); others count under `reason`.

    Where it is `optional`, rows with nothing there are kept too, and the log may lack the column.
    """

    column: str
    keep: tuple[Word, ...]
    reason: str
    optional: Switch = False


@checked("images")
class Images:
    """Where the images are: nowhere (ids only), in columns of the log, at the paths that the ids are, or in a table.

    Paths begin at `folder`, which begins at the log's own. A table has a column of ids and one of paths beside itself.
    """

    place: Literal["none", "bytes", "paths", "table"] = "none"
    folder: str = ""
    table: str = "images.csv"
    id: str = "image_id"
    file: str = "file"


@checked("mapping")
class Mapping:
    """One kind of log in words.

    `columns` gives each role its column, an empty name none; those in `optional` may be absent from the log.
    `source` says how the files are written, where they must not decide.
    `constants` gives a role the same value in every row. `prompt` is the one used where no column gives one. `labels`
    turns text into label_0 (1 first preferred, 0 second, 0.5 tie), or into ratings; empty means that the column holds
    the numbers. `splits` says which words of a split column are which split.

    Of ratings: `min_gap` is the smallest difference of two that makes a vote. `scale` is the least and the most that
    one can be, empty for no limits; what stands in `unrated` is no rating, what stands in `rejected` is worse than the
    least, by one.
    """

    kind: Literal["votes", "ratings"]
    columns: Annotated[dict[str, str], AfterValidator(_named)]
    optional: tuple[str, ...] = ()
    prompt: str = ""
    labels: Annotated[dict[str, Number], AfterValidator(_lowered_keys)] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    images: Images = Images()
    min_gap: Annotated[Amount, Field(gt=0)] = 1.0
    constants: Annotated[dict[str, str], BeforeValidator(_texts)] = field(default_factory=dict)
    source: Source = UNSAID
    splits: Annotated[dict[str, Split], AfterValidator(_lowered_keys)] = field(
        default_factory=SPLIT_WORDS.copy
    )
    scale: tuple[Number, ...] = ()
    unrated: tuple[Word, ...] = ()
    rejected: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        """Refuse roles that this kind of log has not, roles that nothing fills, and values that mean nothing."""
        self._check_roles()
        self._check_values()

    def _check_roles(self) -> None:
        known = REQUIRED[self.kind] + OPTIONAL[self.kind]
        constant = [role for role in known if role not in NEVER_CONSTANT]
        for what, roles, allowed in (
            ("a column", self.columns, known),
            ("a constant", self.constants, constant),
        ):
            unknown = [role for role in roles if role not in allowed]
            if unknown:
                raise ValueError(
                    f"the mapping has {what} of {unknown[0]!r}; expected one of {', '.join(allowed)}: correct it."
                )
        twice = [role for role in self.constants if role in self.columns]
        if twice:
            raise ValueError(
                f"the mapping has a column and a constant of {twice[0]!r}; expected one of them: remove the other."
            )
        missing = [role for role in REQUIRED[self.kind] if role not in {**self.columns, **self.constants}]
        if missing:
            raise ValueError(
                f"the mapping names no column for {missing[0]!r}; expected one for each of "
                f"{', '.join(REQUIRED[self.kind])}: add it, or --column {missing[0]}=COLUMN."
            )

    def _check_values(self) -> None:
        odd = [word for word, value in self.labels.items() if value not in (0, 0.5, 1)]
        if odd and self.kind == "votes":
            raise ValueError(
                f"mapping.labels.{odd[0]} is {self.labels[odd[0]]:g}; expected 1 (first preferred), 0 (second) or "
                "0.5 (tie): correct it."
            )
        if self.kind == "votes" and (self.scale or self.unrated or self.rejected):
            raise ValueError(
                "the mapping has scale, unrated or rejected; expected these of ratings only: remove them, or name the "
                "votes' words under [labels]."
            )
        if self.scale and (len(self.scale) != 2 or self.scale[0] >= self.scale[1]):
            raise ValueError(
                f"mapping.scale is {list(self.scale)}; expected the least and the most of it, as in [1, 5]: correct it."
            )
        if self.rejected and not self.scale:
            raise ValueError(
                "the mapping has rejected and no scale; expected both (rejected is one below the least): add scale."
            )

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of text without which a log cannot be read by this."""
        roles = [role for role in self.columns if role not in (*self.optional, *BYTES)]
        filters = [item.column for item in self.filters if not item.optional]
        return tuple(dict.fromkeys([*(self.columns[role] for role in roles), *filters]))

    def with_columns(self, overrides: tuple[str, ...]) -> Mapping:
        """Apply `role=column` overrides; a column that is asked for must be there, an empty name asks for none."""
        columns, constants, optional = dict(self.columns), dict(self.constants), set(self.optional)
        for role, column in _pairs(overrides, "column", "user=rater_id"):
            columns[role] = column
            constants.pop(role, None)
            optional.discard(role)
        return replace(self, columns=columns, constants=constants, optional=tuple(sorted(optional)))

    def with_constants(self, overrides: tuple[str, ...]) -> Mapping:
        """Apply `role=value` overrides: every row has this value, whatever column the mapping names."""
        given = dict(_pairs(overrides, "constant", "label=1"))
        columns = {role: column for role, column in self.columns.items() if role not in given}
        return replace(self, columns=columns, constants=self.constants | given)

    def with_images(self, place: Path | None) -> Mapping:
        """Take the images from a folder of files named by the ids, or from a CSV table of ids and files."""
        if place is None:
            return self
        if not place.exists():
            raise ValueError(
                f"images {str(place)!r} are not there; expected a folder, or a CSV of ids and files."
            )
        where = str(place.absolute())
        if place.is_dir():
            return replace(self, images=replace(self.images, place="paths", folder=where))
        return replace(self, images=replace(self.images, place="table", table=where))


def _pairs(overrides: tuple[str, ...], what: str, example: str) -> Iterator[tuple[str, str]]:
    for override in overrides:
        role, equals, value = override.partition("=")
        if not equals:
            raise ValueError(f"{what} {override!r} is incomplete; expected role={what}, as in {example}.")
        yield role.strip(), value.strip()


def load_mapping(name: str | Path) -> Mapping:
    """Read a bundled mapping by name or a TOML file by path. ValueError for an unknown name, key or role."""
    try:
        table = tomllib.loads(_text(name))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"mapping {str(name)!r} is not TOML ({error}); expected a table like votes.toml."
        ) from error
    return Mapping(**table)


def bundled_mappings() -> list[str]:
    """Names of the mappings that come with the package."""
    return sorted(
        item.name.removesuffix(".toml") for item in _bundle().iterdir() if item.name.endswith(".toml")
    )


def _bundle() -> Any:
    return resources.files("tasteprint").joinpath("data/mappings")


def _text(name: str | Path) -> str:
    if str(name) in bundled_mappings():
        return _bundle().joinpath(f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix != ".toml" or not path.is_file():
        known = ", ".join(bundled_mappings())
        raise ValueError(
            f"mapping {str(name)!r} is not known; expected one of {known}, or the path of a .toml file."
        )
    return path.read_text("utf-8")
