"""How a log's columns become votes: a small table of names, read from TOML, never code.

Enters: the name of a bundled mapping or the path of a TOML file, and `role=column` overrides.
Leaves: a frozen `Mapping`. Does not know: how logs are read, what is done with the images.
"""

from __future__ import annotations

import tomllib
from dataclasses import field, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tasteprint.checked import Amount, Number, checked

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


BYTES = ("bytes_0", "bytes_1", "bytes")
"""The roles whose columns are no text."""


def _lowered(value: Any) -> Any:
    return str(value).lower() if isinstance(value, str | int | float) else value


def _named(columns: dict[str, str]) -> dict[str, str]:
    return {role: column for role, column in columns.items() if column}


def _lowered_keys(labels: dict[str, float]) -> dict[str, float]:
    return {word.lower(): value for word, value in labels.items()}


@checked("filter")
class Filter:
    """Rows are kept whose `column`, as text, is one of `keep` (case ignored); others count under `reason`."""

    column: str
    keep: tuple[Annotated[str, BeforeValidator(_lowered)], ...]
    reason: str


@checked("images")
class Images:
    """Where the images are: nowhere (ids only), in columns of the log, at the paths that the ids are, or in a table.

    A table has a column of ids and one of paths beside it.
    """

    place: Literal["none", "bytes", "paths", "table"] = "none"
    table: str = "images.csv"
    id: str = "image_id"
    file: str = "file"


@checked("mapping")
class Mapping:
    """One kind of log in words.

    `columns` gives each role its column, an empty name none; those in `optional` may be absent from the log. `prompt`
    is the constant used where no column gives one. `labels` turns text into label_0 (1 first preferred, 0 second,
    0.5 tie), or into ratings; empty means that the column holds the numbers. `min_gap` is the smallest difference of
    two ratings that makes a vote.
    """

    kind: Literal["votes", "ratings"]
    columns: Annotated[dict[str, str], AfterValidator(_named)]
    optional: tuple[str, ...] = ()
    prompt: str = ""
    labels: Annotated[dict[str, Number], AfterValidator(_lowered_keys)] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    images: Images = Images()
    min_gap: Annotated[Amount, Field(gt=0)] = 1.0

    def __post_init__(self) -> None:
        """Refuse roles that this kind of log has not, and columns that name no votes."""
        known = REQUIRED[self.kind] + OPTIONAL[self.kind]
        unknown = [role for role in self.columns if role not in known]
        if unknown:
            raise ValueError(
                f"the mapping has a column of {unknown[0]!r}; expected one of {', '.join(known)}: correct it."
            )
        missing = [role for role in REQUIRED[self.kind] if role not in self.columns]
        if missing:
            raise ValueError(
                f"the mapping names no column for {missing[0]!r}; expected one for each of "
                f"{', '.join(REQUIRED[self.kind])}: add it, or --column {missing[0]}=COLUMN."
            )

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
        return replace(self, columns=columns, optional=tuple(sorted(optional)))

    def with_images(self, place: Path | None) -> Mapping:
        """Take the images from a folder of files named by the ids, or from a CSV table of ids and files."""
        if place is None:
            return self
        if not place.exists():
            raise ValueError(
                f"images {str(place)!r} are not there; expected a folder, or a CSV of ids and files."
            )
        found = Images("paths" if place.is_dir() else "table", str(place.absolute()))
        return replace(self, images=replace(found, id=self.images.id, file=self.images.file))


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
