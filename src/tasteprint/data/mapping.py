"""How a log's columns become votes: a small table of names, read from TOML, never code.

Enters: the name of a bundled mapping or the path of a TOML file, and `role=column` overrides.
Leaves: a frozen `Mapping`. Does not know: how logs are read, what is done with the images.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

REQUIRED = {
    "votes": ("user", "image_0", "image_1", "label"),
    "ratings": ("user", "image", "rating"),
}
"""The roles that columns must fill, by kind of log."""

OPTIONAL = {
    "votes": ("prompt", "created_at", "ranking_id", "bytes_0", "bytes_1"),
    "ratings": ("prompt", "created_at", "bytes"),
}
"""The roles that columns may fill; `bytes…` hold the encoded images themselves."""

PLACES = ("none", "bytes", "paths", "table")
"""Where images are: nowhere (ids only), in columns of the log, at the paths that the ids are, in a table."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows are kept whose `column`, as text, is one of `keep` (case ignored); others count under `reason`."""

    column: str
    keep: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Images:
    """Where the images are, one of PLACES; a table has a column of ids and one of paths beside it."""

    place: str = "none"
    table: str = "images.csv"
    id: str = "image_id"
    file: str = "file"


@dataclass(frozen=True, slots=True)
class Mapping:
    """One kind of log in words.

    `columns` gives each role its column; those in `optional` may be absent from the log. `prompt` is the
    constant used where no column gives one. `labels` turns text into label_0 (1 first preferred, 0 second,
    0.5 tie), or into ratings; empty means that the column holds the numbers. `min_gap` is the smallest
    difference of two ratings that makes a vote.
    """

    kind: str
    columns: dict[str, str]
    optional: tuple[str, ...] = ()
    prompt: str = ""
    labels: dict[str, float] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    images: Images = Images()
    min_gap: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what names no votes."""
        _expect("kind", [self.kind], REQUIRED)
        _expect("images.place", [self.images.place], PLACES)
        _expect("column of", self.columns, REQUIRED[self.kind] + OPTIONAL[self.kind])
        missing = [role for role in REQUIRED[self.kind] if role not in self.columns]
        if missing:
            raise ValueError(
                f"the mapping names no column for {missing[0]!r}; expected one for each of "
                f"{', '.join(REQUIRED[self.kind])}: add it, or --column {missing[0]}=COLUMN."
            )
        if not self.min_gap > 0:
            raise ValueError(f"min_gap is {self.min_gap}; expected more than 0: equal ratings are no vote.")

    def with_columns(self, overrides: tuple[str, ...]) -> Mapping:
        """Apply `role=column` overrides; a column that is asked for must be there."""
        columns, optional = dict(self.columns), set(self.optional)
        for override in overrides:
            role, equals, column = override.partition("=")
            if not (equals and column):
                raise ValueError(
                    f"column {override!r} is incomplete; expected role=column, as in user=rater_id."
                )
            columns[role.strip()] = column.strip()
            optional.discard(role.strip())
        return dataclasses.replace(self, columns=columns, optional=tuple(sorted(optional)))

    def with_images(self, place: Path | None) -> Mapping:
        """Take the images from a folder of files named by the ids, or from a CSV table of ids and files."""
        if place is None:
            return self
        if not place.exists():
            raise ValueError(
                f"images {str(place)!r} are not there; expected a folder, or a CSV of ids and files."
            )
        kind = "paths" if place.is_dir() else "table"
        return dataclasses.replace(
            self, images=dataclasses.replace(self.images, place=kind, table=str(place.absolute()))
        )


def load_mapping(name: str | Path) -> Mapping:
    """Read a bundled mapping by name or a TOML file by path. ValueError for an unknown name, key or role."""
    try:
        table = tomllib.loads(_text(name))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"mapping {str(name)!r} is not TOML ({error}); expected a table like votes.toml."
        ) from error
    _expect("key", table, [item.name for item in dataclasses.fields(Mapping)])
    for key in ("kind", "columns"):
        if key not in table:
            raise ValueError(f"mapping {str(name)!r} has no {key!r}; expected kind and columns: add it.")
    try:
        return _built(table)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"mapping {str(name)!r} has something missing or of the wrong kind ({error}); "
            "expected the form of votes.toml: compare them."
        ) from error


def bundled_mappings() -> list[str]:
    """Names of the mappings that come with the package."""
    return sorted(
        item.name.removesuffix(".toml") for item in _bundle().iterdir() if item.name.endswith(".toml")
    )


def _built(table: dict[str, Any]) -> Mapping:
    columns = {role: column for role, column in table["columns"].items() if column}
    _expect("key of images:", table.get("images", {}), [item.name for item in dataclasses.fields(Images)])
    filters = table.get("filters", [])
    for row in filters:
        _expect("key of filters:", row, ("column", "keep", "reason"))
    return Mapping(
        kind=table["kind"],
        columns=columns,
        optional=tuple(table.get("optional", ())),
        prompt=table.get("prompt", ""),
        labels={str(text).lower(): float(value) for text, value in table.get("labels", {}).items()},
        filters=tuple(
            Filter(f["column"], tuple(str(v).lower() for v in f["keep"]), f["reason"]) for f in filters
        ),
        images=Images(**table.get("images", {})),
        min_gap=float(table.get("min_gap", 1.0)),
    )


def _expect(what: str, got: Any, known: Any) -> None:
    unknown = [item for item in got if item not in known]
    if unknown:
        raise ValueError(f"the mapping has {what} {unknown[0]!r}; expected one of {', '.join(known)}.")


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
