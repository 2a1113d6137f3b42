"""What a ranking of a person's pictures is, as plain data.

Enters: scores and opinions. Leaves: a `Ranking`; the file that it is kept in, by what writes such files.
Does not know: models, how anything was scored, how a page is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

REFERENCES = 500
"""Pictures to which each is compared where a model has no standings of its own."""

WRITERS = {
    ".csv": "tasteprint.library.ranking_files:write_csv",
    ".jsonl": "tasteprint.library.ranking_files:write_jsonl",
    ".parquet": "tasteprint.library.ranking_files:write_parquet",
    ".html": "tasteprint.report.wall:write_wall",
}
"""By suffix, "module:function" of what writes a ranking whole or not at all; imported when asked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A picture of which the person said something that speaks for another: what, and by how many logits (above 0)."""

    path: Path
    said: str
    logits: float


@dataclass(frozen=True, slots=True)
class RankedPicture:
    """A picture and what the person is expected to think of it.

    `score` is the expected utility in logits, any number, higher is better. `standing` is the probability, 0 to 1, that
    the person prefers it to a picture at random of those at hand. Pictures of the same `group` are near-duplicates,
    `leads` the best of each. `said` is what the person said of it, if anything; `because` are the liked pictures that
    speak most for it, the strongest first (of the best and the worst pictures only).
    """

    path: Path
    score: float
    standing: float
    group: int
    leads: bool = True
    said: str = ""
    because: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """A person's pictures, the best first; equal ones in the order in which they came.

    `unit` is what a score means where it is no utility in logits; a standing then is the share of the other pictures
    that score lower. `failed` are files that could not be looked at, each with the reason; `skipped` counts files that
    were passed over, by reason; `notes` are sentences that the person should read; `opinions` counts what the person
    had said.
    """

    pictures: tuple[RankedPicture, ...]
    failed: tuple[tuple[Path, str], ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model: str = ""
    opinions: int = 0
    unit: str = ""

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.pictures)

    @property
    def leaders(self) -> tuple[RankedPicture, ...]:
        """The best picture of each group of near-duplicates, the best first."""
        return tuple(picture for picture in self.pictures if picture.leads)

    @cached_property
    def groups(self) -> Mapping[int, tuple[RankedPicture, ...]]:
        """The pictures of each group, the best first."""
        found: dict[int, list[RankedPicture]] = {}
        for picture in self.pictures:
            found.setdefault(picture.group, []).append(picture)
        return {group: tuple(pictures) for group, pictures in found.items()}

    def save(
        self, path: str | Path, progress: Callable[[str, int, int], None] = lambda what, done, total: None
    ) -> None:
        """Write a .csv, .jsonl, .parquet or .html file, in one step, replacing what is there.

        A page draws pictures, of which `progress` is told (what, how many are done, of how many). ValueError for
        another suffix, OSError where it cannot be written.
        """
        require_known_suffix(Path(path))
        module, _, function = WRITERS[Path(path).suffix.lower()].partition(":")
        getattr(import_module(module), function)(self, Path(path), progress)


def ranked_pictures(
    paths: Sequence[Path],
    scores: Float[np.ndarray, " n"],
    standings: Float[np.ndarray, " n"] | None = None,
    groups: Int[np.ndarray, " n"] | None = None,
) -> tuple[RankedPicture, ...]:
    """Order pictures by score, the best first, equal ones as they came; groups are numbered by their best.

    Without `standings` they are those that the scores give; without `groups` no picture is like another.
    """
    order = np.argsort(-scores, kind="stable").tolist()
    sure = standings_of(scores) if standings is None else standings
    kinds = (np.arange(len(paths)) if groups is None else groups).tolist()
    seen: dict[int, int] = {}
    rows = []
    for place in order:
        leads = kinds[place] not in seen
        group = seen.setdefault(kinds[place], 1 + len(seen))
        rows.append(RankedPicture(paths[place], float(scores[place]), float(sure[place]), group, leads))
    return tuple(rows)


def standings_of(scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Mean probability, by scores in logits alone, that each is preferred to others; to at most 500 even quantiles."""
    places = np.linspace(0, len(scores) - 1, min(REFERENCES, len(scores))).round().astype(int)
    others = np.sort(scores)[places]
    parts = np.array_split(scores, len(scores) // 2000 + 1)
    return np.concatenate(
        [(0.5 + 0.5 * np.tanh((part[:, None] - others) / 2)).mean(axis=1) for part in parts]
    )


def require_known_suffix(path: Path) -> None:
    """ValueError for a file of a kind that no ranking is written as."""
    if path.suffix.lower() not in WRITERS:
        raise ValueError(
            f"{str(path)!r} ends in {path.suffix or 'no suffix'!r}; expected {', '.join(WRITERS)}: name another file."
        )
