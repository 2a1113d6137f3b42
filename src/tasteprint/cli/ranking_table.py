"""A ranking as a table on the terminal: the best and the worst, and how sure each is.

Enters: a `Ranking`. Leaves: text on standard output. Does not know: how anything was ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasteprint.library.names import plain

if TYPE_CHECKING:
    from rich.table import Table

    from tasteprint.library.ranking import RankedPicture, Ranking

WORST = 5
BAR = 12
"""Letters of a bar at 100 %."""

WIDE = 10_000
"""Columns where nobody looks at a terminal: no name is cut or broken."""


def print_ranking(ranking: Ranking, best: int) -> None:
    """Print the best pictures and the worst five, of near-duplicates one; or all, where there are hardly more."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=WIDE)
    console.print(ranking_table(ranking, best))
    console.print(_summary(ranking), style="dim")


def ranking_table(ranking: Ranking, best: int) -> Table:
    """Make the table; between the best and the worst it says how many are left out."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rank", justify="right", no_wrap=True)
    for name in ("how sure", "", "picture"):
        table.add_column(name, no_wrap=name != "picture", overflow="fold")
    places = {one.path: place for place, one in enumerate(ranking.pictures, 1)}
    leaders = ranking.leaders
    between = max(0, len(leaders) - best - WORST)
    for one in leaders[:best] if between else leaders:
        table.add_row(*_row(ranking, one, places[one.path]))
    if between:
        table.add_row("…", "", "", f"{between:,} more between")
        for one in leaders[-WORST:]:
            table.add_row(*_row(ranking, one, places[one.path]))
    return table


def _row(ranking: Ranking, one: RankedPicture, place: int) -> tuple[str, str, str, str]:
    alike = len(ranking.groups[one.group]) - 1
    notes = [f"{alike} more like it"] if alike else []
    notes += [f"you: {one.said}"] if one.said else []
    picture = plain(one.path) + (f"   ({'; '.join(notes)})" if notes else "")
    return f"{place:,}", _bar(one.standing), f"{100 * one.standing:.0f} %", picture


def _bar(share: float) -> str:
    eighths = round(8 * BAR * share)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]


def _summary(ranking: Ranking) -> str:
    alike = len(ranking) - len(ranking.leaders)
    doubles = f", {alike:,} of them near-duplicates of a better one" if alike else ""
    if ranking.unit:
        return (
            f"{len(ranking):,} pictures ranked by {ranking.model}: {ranking.unit}. How sure: the share of the other "
            "pictures that score lower."
        )
    said = "1 opinion" if ranking.opinions == 1 else f"{ranking.opinions:,} opinions"
    return (
        f"{len(ranking):,} pictures ranked by {said}{doubles}. How sure: the probability that you prefer a picture to "
        "one of these at random."
    )
