"""Tables of guided generation, for `runs/tables.py`.

Enters: the figures of docs/results/guidance.json and generator.json. Leaves: Markdown. Does not know: files, how
anything was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasteprint.evaluate.results import Figure

ROWS = {
    "guided by the average person": "average",
    "guided by another person's in-context print": "other_context",
    "guided by another person's posterior": "other",
    "best of as many as the own posterior's time allows, by own posterior": "best_of_n",
    "**own in-context print**, 1 − Q": "own_context",
    "own in-context print, margin": "own_context_margin",
    "**own posterior**, margin": "own_posterior",
    "own posterior, mean less one deviation": "own_posterior_cautious",
    "**both**, margin": "both",
    "oracle: the true taste through the judge": "oracle",
}
DIMENSIONS = ("style", "palette", "composition", "detail", "hue", "medium")
PEERS = {
    "Aesthetic": "aesthetic", "CLIP": "clip", "ImageReward": "imagereward", "PickScore": "pickscore", "HPS": "hps",
    "CSD": "csd", "ViPer proxy": "viper",
}  # fmt: skip
"""The columns of P table 5, and the figures that fill them."""
PUBLISHED = {
    "SD1.5-Turbo (P)": (5.81, 35.44, 0.69, 21.92, 28.04, 0.32, 0.21),
    "+ ViPer (P)": (5.37, 34.08, 0.31, 21.55, 27.91, 0.38, 0.62),
    "+ theirs (P)": (5.99, 34.45, 0.60, 22.28, 28.49, 0.42, 0.84),
}


def guidance(figures: Sequence[Figure]) -> str:
    """A row a method: wins over unguided, gain of true utility, subject, seconds a picture."""
    named = {figure.name: figure for figure in figures}
    lines = [
        "| | truly preferred to unguided | gain of true utility | subject still right | seconds | pictures made |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        f"| unguided | | | {named['subject.unguided'].value:.3f} | | 1 |",
    ]
    for said, name in ROWS.items():
        if f"wins.{name}" in named:
            wins, gain = (_interval(named[f"{part}.{name}"]) for part in ("wins", "gain"))
            rest = f"{named[f'subject.{name}'].value:.3f} | {named[f'seconds.{name}'].value:.2f}"
            rest += f" | {named[f'looks.{name}'].value:.0f}"
            lines.append(f"| {said} | {wins} | {gain} | {rest} |")
    if "gain_share_of_oracle" in named:
        lines += ["", f"Share of the oracle's gain: {_interval(named['gain_share_of_oracle'])}."]
    return "\n".join(lines) + "\n"


def generator(figures: Sequence[Figure]) -> str:
    """The subject's share, and of each dimension which values appear and how often the rarest does."""
    named = {figure.name: figure for figure in figures}
    lines = [
        f"Subject right: {_interval(named['subject'])} of {named['subject'].n} pictures.",
        "",
        "| | values that appear | share of the rarest |",
        "| --- | ---: | ---: |",
    ]
    for name in DIMENSIONS:
        lines.append(
            f"| {name} | {named[f'appear.{name}'].value:.0%} | {named[f'rarest.{name}'].value:.3f} |"
        )
    return "\n".join(lines) + "\n"


def table5(figures: Sequence[Figure]) -> str:
    """P table 5, its own rows beneath; then what each print itself thinks of the pictures (Q). Empty: not scored."""
    named = {figure.name: figure.value for figure in figures}
    rows = list(dict.fromkeys(name.split(".")[0] for name in named))
    own = list(dict.fromkeys(name.partition(".")[2] for name in named if ".q." in name))
    heads = [*PEERS, *(f"Q of `{name.removeprefix('q.')}`" for name in own)]
    lines = [f"| | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for row in rows:
        cells = (named.get(f"{row}.{column}") for column in (*PEERS.values(), *own))
        lines.append(f"| {row} | {' | '.join('' if cell is None else f'{cell:.2f}' for cell in cells)} |")
    for row, values in PUBLISHED.items():
        lines.append(f"| {row} | {' | '.join(f'{value:.2f}' for value in values)} |{' |' * len(own)}")
    return "\n".join(lines) + "\n"


def _interval(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


TABLES = {"guidance": guidance, "generator": generator, "table5": table5}
