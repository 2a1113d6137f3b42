"""The ablation's tables, for `runs/tables.py`.

Enters: the figures of docs/results/ablation.json. Leaves: Markdown. Does not know: files, how anything was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasteprint.evaluate.results import Figure

TITLES = {
    "paper": "the paper's parts, going on from stage 1",
    "ours": "ours on top of those with ten tokens, going on from stage 1; each row adds to the one before",
    "nothing": "from nothing; each row adds to the one before",
}
ROWS = {
    "base": "base loss",
    "cp": "+ contrastive loss",
    "tokens_5": "+ 5 preference tokens",
    "tokens_10": "+ 10 preference tokens",
    "tokens_20": "+ 20 preference tokens",
    "labels": "+ history labels",
    "course": "+ course",
    "soft": "+ soft labels",
    "belief": "+ utilities and beliefs",
    "belief_no_course": "the same without the course",
}
COLUMNS = ("own_minus_other.8", "clusters.silhouette", "clusters.davies_bouldin", "clusters.ari")
HEAD = "| | seeds | accuracy, 8 votes | over seeds | own − another's | silhouette | Davies-Bouldin | adjusted Rand |"


def parts(figures: Sequence[Figure]) -> str:
    """One block a table, one row a variant; intervals of accuracy are over people."""
    named = {figure.name: figure for figure in figures}
    lines = [HEAD, "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: |"]
    for table, title in TITLES.items():
        rows = [_row(named, f"{table}.{name}.", said) for name, said in ROWS.items()]
        if any(rows):
            lines += [f"| **{title}** |{' |' * 7}", *filter(None, rows)]
    return "\n".join(lines) + "\n"


def _row(named: dict[str, Figure], prefix: str, said: str) -> str:
    if f"{prefix}accuracy.8" not in named:
        return ""
    right, seeds = named[f"{prefix}accuracy.8"], named[f"{prefix}accuracy.seeds"]
    over = "" if seeds.n == 1 else f"{seeds.low:.3f} to {seeds.high:.3f}"
    rest = " | ".join(f"{named[prefix + name].value:.3f}" for name in COLUMNS)
    return (
        f"| {said} | {seeds.n} | {right.value:.3f} ({right.low:.3f} to {right.high:.3f}) | {over} | {rest} |"
    )
