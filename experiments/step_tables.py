"""The table of what a step of guidance costs, for `runs/tables.py`.

Enters: the figures of docs/results/bench-guidance.json. Leaves: Markdown. Does not know: files, how anything was timed.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasteprint.evaluate.results import Figure

BATCHES = {"one noise at a time": "batch1", "eight noises at once, each": "batch8"}
ROWS = {
    "no taste: the mean of the pixels": "none.{}",
    "`mini`, nobody's print": "mini.nobody.{}",
    "**`mini`, a print of eight votes**": "mini.own.{}",
    "the same, checkpointing": "mini.own.{}.checkpointed",
    "`mini-posterior`, nobody's print": "mini-posterior.nobody.{}",
    "**`mini-posterior`, a print of eight votes**": "mini-posterior.own.{}",
    "the same, checkpointing ": "mini-posterior.own.{}.checkpointed",
}
PARTS = ("seconds", "generator.forward", "reward.forward", "reward.backward", "generator.backward")
HEADS = ("a step, ms", "generator forward", "reward forward", "reward backward", "generator backward")
RATIOS = {"a print of eight votes over nobody's": ("{}.own.{}", "nobody"),
          "checkpointing over none": ("{}.own.{}.checkpointed", "plain")}  # fmt: skip


def steps(figures: Sequence[Figure]) -> str:
    """A table for each number of noises: milliseconds by part, the share beside the generator, memory; then ratios."""
    named = {figure.name: figure for figure in figures}
    lines: list[str] = []
    for title, batch in BATCHES.items():
        lines += [
            f"| {title} | {' | '.join(HEADS)} | not the generator | over no taste | peak of all, MiB |",
            f"| --- |{' ---: |' * len(HEADS)} --- | --- | ---: |",
        ]
        lines += [_row(said, named, name.format(batch)) for said, name in ROWS.items()]
        lines.append("")
    for said, (name, other) in RATIOS.items():
        pairs = [(m, b) for m in ("mini", "mini-posterior") for b in BATCHES.values()]
        found = [f"`{m}` {_spread(named.get(f'{name.format(m, b)}.over.{other}'))} ({b})" for m, b in pairs]
        lines.append(f"- A step with {said}: {', '.join(found)}.")
    return "\n".join(lines).replace("batch1)", "one)").replace("batch8)", "eight)") + "\n"


def _row(said: str, named: dict[str, Figure], name: str) -> str:
    parts = [f"{1000 * named[f'{name}.{part}'].value:.1f}" for part in PARTS]
    share = named[f"{name}.not_generator"]
    beside = f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"
    over = _spread(named.get(f"{name}.over.none"))
    return f"| {said} | {' | '.join(parts)} | {beside} | {over} | {named[f'{name}.mib'].value:.1f} |"


def _spread(ratio: Figure | None) -> str:
    return "" if ratio is None else f"{ratio.value:.2f}× ({ratio.low:.2f} to {ratio.high:.2f})"


TABLES = {"steps": steps}
