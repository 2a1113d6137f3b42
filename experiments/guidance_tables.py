"""Tables of guided generation, for `tables.py`.

Enters: the figures of docs/results/guidance.json and generator.json. Leaves: Markdown. Does not know: files, how
anything was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.prediction_tables import Named, by_name, interval
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
    "Aesthetic": "aesthetic", "CLIP": "clip", "ImageReward": "imagereward", "PickScore": "pickscore", "HPS": "hpsv2.1",
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
    named = by_name(figures)
    lines = [
        "| | truly preferred to unguided | gain of true utility | subject still right | seconds | pictures made |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        f"| unguided | | | {named['subject.unguided'].value:.3f} | | 1 |",
    ]
    for label, name in ROWS.items():
        if f"wins.{name}" in named:
            wins, gain = (interval(named[f"{part}.{name}"]) for part in ("wins", "gain"))
            rest = f"{named[f'subject.{name}'].value:.3f} | {named[f'seconds.{name}'].value:.2f}"
            rest += f" | {named[f'looks.{name}'].value:.0f}"
            lines.append(f"| {label} | {wins} | {gain} | {rest} |")
    if "gain_share_of_oracle" in named:
        lines += ["", f"Share of the oracle's gain: {interval(named['gain_share_of_oracle'])}."]
    return "\n".join(lines) + "\n"


def generator(figures: Sequence[Figure]) -> str:
    """The subject's share, and of each dimension which values appear and how often the rarest does."""
    named = by_name(figures)
    lines = [
        f"Subject right: {interval(named['subject'])} of {named['subject'].n} pictures.",
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


STEP_BATCHES = {"one noise at a time": "batch1", "eight noises at once, each": "batch8"}
STEP_ROWS = {
    "no taste: the mean of the pixels": "none.{}",
    "`mini`, nobody's print": "mini.nobody.{}",
    "**`mini`, a print of eight votes**": "mini.own.{}",
    "the same, checkpointing": "mini.own.{}.checkpointed",
    "`mini-posterior`, nobody's print": "mini-posterior.nobody.{}",
    "**`mini-posterior`, a print of eight votes**": "mini-posterior.own.{}",
    "the same, checkpointing ": "mini-posterior.own.{}.checkpointed",
}
STEP_PARTS = ("seconds", "generator.forward", "reward.forward", "reward.backward", "generator.backward")
STEP_HEADS = ("a step, ms", "generator forward", "reward forward", "reward backward", "generator backward")
STEP_RATIOS = {"a print of eight votes over nobody's": ("{}.own.{}", "nobody"),
               "checkpointing over none": ("{}.own.{}.checkpointed", "plain")}  # fmt: skip


def steps(figures: Sequence[Figure]) -> str:
    """What a step of guidance costs, a table for each number of noises: milliseconds by part, memory; then ratios."""
    named = by_name(figures)
    lines: list[str] = []
    for title, batch in STEP_BATCHES.items():
        lines += [
            f"| {title} | {' | '.join(STEP_HEADS)} | not the generator | over no taste | peak of all, MiB |",
            f"| --- |{' ---: |' * len(STEP_HEADS)} --- | --- | ---: |",
        ]
        lines += [_step(words, named, name.format(batch)) for words, name in STEP_ROWS.items()]
        lines.append("")
    for words, (name, other) in STEP_RATIOS.items():
        pairs = [(m, b) for m in ("mini", "mini-posterior") for b in STEP_BATCHES.values()]
        found = [f"`{m}` {_ratio(named.get(f'{name.format(m, b)}.over.{other}'))} ({b})" for m, b in pairs]
        lines.append(f"- A step with {words}: {', '.join(found)}.")
    return "\n".join(lines).replace("batch1)", "one)").replace("batch8)", "eight)") + "\n"


def _step(words: str, named: Named, name: str) -> str:
    parts = [f"{1000 * named[f'{name}.{part}'].value:.1f}" for part in STEP_PARTS]
    share = named[f"{name}.not_generator"]
    beside = f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"
    over = _ratio(named.get(f"{name}.over.none"))
    return f"| {words} | {' | '.join(parts)} | {beside} | {over} | {named[f'{name}.mib'].value:.1f} |"


def _ratio(ratio: Figure | None) -> str:
    return "" if ratio is None else f"{ratio.value:.2f}× ({ratio.low:.2f} to {ratio.high:.2f})"


TABLES = {"guidance": guidance, "generator": generator, "table5": table5, "steps": steps}
