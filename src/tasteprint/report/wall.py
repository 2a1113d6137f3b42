"""A ranking as a page: the person's pictures as a wall, the best first and largest; drawn in `wall.html.j2`.

Enters: a `Ranking`. Leaves: one HTML file; beyond some hundreds of pictures, a folder of thumbnails beside it.
Does not know: how anything was ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tasteprint.files import write_bytes
from tasteprint.library.names import address, plain
from tasteprint.library.ranking import RankedPicture, Ranking
from tasteprint.report.templates import page_environment
from tasteprint.report.thumbnails import Thumbnail, Wanted, beside, data_uris, thumbnails

FIRST, NEXT = 12, 120
"""Pictures shown largest, and pictures until those that are shown smallest."""

BEST, LEAST = 960, 40
"""Pictures shown at most from the top, and of the other end where there are more. Of near-duplicates one counts."""

ALONE = 240
"""Up to so many pictures the page is one file that holds their thumbnails."""

LARGE, MIDDLE, SMALL, TINY = 560, 360, 280, 96
"""Pixels of a thumbnail's longer side: of the three sizes on the wall, and of reasons and near-duplicates."""

ALIKE = 12
"""Near-duplicates drawn under the best of them; of more, the number is said."""

NARROWEST, WIDEST = 50, 260
"""Width in percent of height between which a picture is shown whole; narrower and wider ones are cut."""

FAILED = 200
"""Files that could not be looked at, of which the names are listed."""


class TinyPicture(NamedTuple):
    """A picture beside another: which of the page's drawings it is (None: none), its address, its words."""

    drawing: int | None
    href: str
    words: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture on the wall. `src` is empty where it cannot be drawn, `ratio` is width in percent of height."""

    place: int
    name: str
    href: str
    src: str
    ratio: int
    sure: float
    said: str
    because: Sequence[TinyPicture]
    alike: Sequence[TinyPicture]
    more_alike: int


def write_wall(
    ranking: Ranking, path: Path, progress: Callable[[str, int, int], None] = lambda what, done, total: None
) -> None:
    """Write the page in one step, replacing what is there; its folder of thumbnails, if any, is `NAME_files`.

    Pictures link to their files, relative where these are below the page's folder. OSError where it cannot be written.
    """
    sections = sections_of(ranking)
    made = thumbnails(_wanted(ranking, sections), progress)
    alone = sum(len(pictures) for pictures, _ in sections.values()) <= ALONE
    with nullcontext(data_uris(made)) if alone else beside(path, made) as sources:
        view = _View(ranking, path.parent, sources, made).variables(sections)
        page = page_environment(about=_about).get_template("wall.html.j2").render(view)
        write_bytes(path, page.encode("utf-8", "replace"))


def sections_of(ranking: Ranking) -> dict[str, tuple[Sequence[RankedPicture], int]]:
    """The parts of the wall by name, each with its pictures and the side of their thumbnails in pixels."""
    leaders = ranking.leaders
    most = len(leaders) if len(leaders) <= BEST + LEAST else BEST
    parts = {
        "first": (leaders[:FIRST], LARGE),
        "next": (leaders[FIRST : min(NEXT, most)], MIDDLE),
        "rest": (leaders[NEXT:most], SMALL),
        "least": (leaders[most:][-LEAST:], SMALL),
    }
    return {name: part for name, part in parts.items() if part[0]}


def _wanted(ranking: Ranking, sections: Mapping[str, tuple[Sequence[RankedPicture], int]]) -> list[Wanted]:
    """All thumbnails, the large ones first."""
    shown = [(one, side) for pictures, side in sections.values() for one in pictures]
    tiny = [path for one, _ in shown for path in [*_reasons(one), *_alike(ranking, one)]]
    return [*(Wanted(one.path, side) for one, side in shown), *(Wanted(path, TINY) for path in tiny)]


def _reasons(one: RankedPicture) -> list[Path]:
    return [evidence.path for evidence in one.because]


def _alike(ranking: Ranking, one: RankedPicture) -> list[Path]:
    return [other.path for other in ranking.groups[one.group] if other is not one][:ALIKE]


@dataclass(frozen=True)
class _View:
    """Fills the template's variables; `drawings` collects tiny pictures, of which each is in the page once."""

    ranking: Ranking
    folder: Path
    sources: Mapping[Wanted, str]
    made: Mapping[Wanted, Thumbnail]
    drawings: dict[Wanted, int] = field(default_factory=dict)

    def variables(self, sections: Mapping[str, tuple[Sequence[RankedPicture], int]]) -> dict[str, Any]:
        """All that the template knows."""
        places = {one.path: place for place, one in enumerate(self.ranking.pictures, 1)}
        tiles = {
            name: [self._tile(one, places, side) for one in pictures]
            for name, (pictures, side) in sections.items()
        }
        shown = sum(map(len, tiles.values()))
        failed = [plain(reason) for _, reason in self.ranking.failed]
        return {
            "sections": tiles,
            "ratios": sorted({tile.ratio for part in tiles.values() for tile in part}),
            "drawings": {number: self.sources[wanted] for wanted, number in self.drawings.items()},
            "pictures": len(self.ranking),
            "folded": len(self.ranking) - len(self.ranking.leaders),
            "unshown": len(self.ranking.leaders) - shown,
            "opinions": self.ranking.opinions,
            "model": self.ranking.model,
            "unit": self.ranking.unit,
            "notes": self.ranking.notes,
            "skipped": self.ranking.skipped,
            "failed": failed[:FAILED],
            "more_failed": len(failed[FAILED:]),
        }

    def _tile(self, one: RankedPicture, places: Mapping[Path, int], side: int) -> Tile:
        wanted = Wanted(one.path, side)
        made = self.made.get(wanted)
        ratio = 100 if made is None else 5 * round(20 * made.width / made.height)
        group = self.ranking.groups[one.group]
        alike = [self._tiny(path, f"rank {places[path]:,}") for path in _alike(self.ranking, one)]
        return Tile(
            place=places[one.path],
            name=plain(one.path),
            href=address(one.path, self.folder),
            src=self.sources.get(wanted, ""),
            ratio=min(WIDEST, max(NARROWEST, ratio)),
            sure=one.standing,
            said=one.said,
            because=[self._tiny(evidence.path, evidence.said) for evidence in one.because],
            alike=alike,
            more_alike=len(group) - 1 - len(alike),
        )

    def _tiny(self, path: Path, words: str) -> TinyPicture:
        wanted = Wanted(path, TINY)
        known = wanted in self.made
        number = self.drawings.setdefault(wanted, len(self.drawings)) if known else None
        return TinyPicture(number, address(path, self.folder), f"{words}: {plain(path.name)}")


def _about(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
