"""The tables and the picture of real people's figures (`experiments/photos.py`).

Enters: figures. Leaves: markdown; a drawing. Does not know: how anything was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure as Drawing

from experiments.prediction_tables import Named, by_name
from tasteprint.evaluate.results import Figure

VOTES = (0, 1, 2, 4, 8, 16, 32, 64)

ALONE = {
    "one person alone, choices": "alone.unrated",
    "alone, stars": "alone.stars",
    "alone, likes and nothing else": "alone.likes",
    "alone, colour statistics for an eye": "statistics",
    "logistic regression a person": "logistic",
    "with other raters, pictures that nobody rated": "raters.unrated",
    "the same, another person's choices": "other",
    "with other raters, pictures that they rated": "raters.rated",
}
"""Words and the name of a row's figures; none without a number."""

SHARED = {
    "alone, the taste of the other log's raters to share": "shared.foreign",
    "alone, that of this log's other raters to share": "shared.raters",
}
"""Of `experiments/photos_shared.py`."""

FEWEST = 20
"""People without whom a figure is not shown; it is in the file."""

FRONT = {
    "`photos`: nobody else's opinions": "alone.unrated",
    "likes and nothing else": "alone.likes",
    "with other raters of other pictures": "raters.unrated",
    "with other raters of these pictures": "raters.rated",
}
"""What the README shows."""

EYES = {
    "eye.whole": "the whole eye",
    "eye.head_alone": "its last depth alone",
    "eye.without.block_2": "without block 2",
    "eye.without.block_4": "without block 4",
    "eye.without.block_10": "without block 10",
    "eye.without.block_15": "without block 15",
    "eye.without.head": "without the head",
    "eye.without.layout": "without the layout of colours",
    "eye.pixels.128": "pictures of 128 pixels",
    "eye.half": "embeddings in half precision",
}

COLOURS = ("#1c5d9f", "#2a9d8f", "#a34a12", "#8a8f98", "#c9a227", "#6d597a", "#b56576", "#355070")


def by_answers(
    log: str, title: str, kinds: Mapping[str, str] = ALONE, counts: Sequence[int] = VOTES
) -> Callable[[Sequence[Figure]], str]:
    """Accuracy of a log by the number of answers, a row a way to know a person; intervals are in the file."""

    def table(figures: Sequence[Figure]) -> str:
        named = by_name(figures)
        votes = [n for n in counts if any(f"{log}.{name}.{n}" in named for name in kinds.values())]
        lines = [f"| {title} | {' | '.join(map(str, votes))} |", f"| --- |{' ---: |' * len(votes)}"]
        for words, name in kinds.items():
            cells = [_cell(named, f"{log}.{name}.{n}") for n in votes]
            if any(cells):
                lines.append(f"| {words} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    return table


def calibration(figures: Sequence[Figure]) -> str:
    """Expected calibration errors of both logs, a row a way to know a person."""
    named = by_name(figures)
    lines = [f"| calibration error | {' | '.join(map(str, VOTES))} |", f"| --- |{' ---: |' * len(VOTES)}"]
    for log in ("avt", "calista"):
        for words, name in ALONE.items():
            cells = [_cell(named, f"{log}.ece.{name}.{n}") for n in VOTES]
            if any(cells):
                lines.append(f"| {log}: {words} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def eyes(figures: Sequence[Figure]) -> str:
    """Alone, 32 choices, avt: what each part of the eye brings."""
    named = by_name(figures)
    rows = [f"| {words} | {_interval(named[f'{name}.32'])} |" for name, words in EYES.items()]
    return "\n".join(["| eye | right pairs |", "| --- | ---: |", *rows]) + "\n"


def gains(figures: Sequence[Figure]) -> str:
    """Differences on the same pairs of the same people."""
    rows = [f"| `{f.name}` | {_interval(f)} |" for f in figures if ".minus." in f.name]
    return "\n".join(["| difference | points of accuracy |", "| --- | ---: |", *rows]) + "\n"


def once(figures: Sequence[Figure]) -> str:
    """Numbers that were measured once."""
    rows = [f"| `{figure.name}` | {figure.value:,.1f} |" for figure in figures]
    return "\n".join(["| figure | value |", "| --- | ---: |", *rows]) + "\n"


def curves(named: Named) -> Drawing:
    """Accuracy against the number of answers, a panel a log."""
    drawing = Drawing(figsize=(9.5, 4.2), layout="constrained")
    for axes, log in zip(drawing.subplots(1, 2, sharey=True), ("avt", "calista"), strict=True):
        for (words, name), colour in zip(ALONE.items(), COLOURS, strict=True):
            votes = [n for n in VOTES if _cell(named, f"{log}.{name}.{n}")]
            points = [named[f"{log}.{name}.{n}"] for n in votes]
            axes.plot(votes, [f.value for f in points], "-o", markersize=3, color=colour, label=words)
            axes.fill_between(
                votes, [f.low for f in points], [f.high for f in points], color=colour, alpha=0.1, linewidth=0
            )
        axes.set(title=log, xlabel="answers", xscale="symlog", xticks=VOTES)
        axes.set_xticklabels([str(n) for n in VOTES])
        axes.axhline(0.5, color="black", linewidth=0.6)
        axes.grid(axis="y", alpha=0.3)
    drawing.axes[0].set_ylabel("pairs foretold right, unseen people")
    drawing.axes[0].legend(frameon=False, fontsize=7, loc="upper left")
    return drawing


def _cell(named: Named, name: str) -> str:
    """A value, where enough people gave so many answers."""
    return f"{named[name].value:.3f}" if name in named and named[name].n >= FEWEST else ""


def _interval(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


TABLES = {
    "avt": by_answers("avt", "avt, answers"),
    "calista": by_answers("calista", "calista, answers"),
    "shared-avt": by_answers("avt", "avt, answers", SHARED),
    "shared-calista": by_answers("calista", "calista, answers", SHARED),
    "front": by_answers("avt", "answers", FRONT, (4, 8, 16, 32, 64)),
    "ece": calibration,
    "eyes": eyes,
    "gains": gains,
    "once": once,
}
