"""The tables of docs/*.md and README.md, made from docs/results/*.json: `python -m experiments.tables`.

Enters: results files. Leaves: the text between `<!-- name -->` and `<!-- /name -->` of the documents, written anew.
Does not know: how anything was measured. No figure in these documents is typed by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from experiments.figures import DOCS, RESULTS
from experiments.guidance_tables import TABLES as GUIDANCE
from experiments.photo_tables import TABLES as PHOTOS
from experiments.prediction_tables import TABLES as PREDICTION
from experiments.prediction_tables import Named, by_name, value
from tasteprint.evaluate.results import Figure, markdown, read_results

DOCUMENTS = (DOCS.parent / "README.md", DOCS / "results.md", DOCS / "performance.md")

SHORT = (
    "own", "posterior", "no_history", "other_history", "population", "tastes", "logistic", "own_only", "here.own",
    "here.posterior",
)  # fmt: skip
BRIEF = ("own_minus_other.8", "bound.bayes.8", "bound.oracle")

WORKS = {
    "train.pairs1": "training, one target pair a person",
    "train.cached_features": "the same, vision frozen, features from disk",
    "train.pairs8": "training, eight target pairs a person",
    "score.candidates1.cold": "one candidate, the history still to be read",
    "score.candidates1.warm": "one candidate, the print at hand",
    **{
        f"score.candidates{n}.{state}": f"{n} candidates, {state}"
        for n in (2, 8, 32, 128)
        for state in ("cold", "warm")
    },
    "guidance.step.warm": "a guidance step: forward and backward to pixels",
    "append.vote": "one more vote to eight",
}
"""What was timed the published way and ours, in words."""

PARTS = ("predicted", "published.seconds", "seconds", "published.mib", "mib")

SUMMARY_VOTES = (0, 2, 8, 16, 32)
SUMMARY = {
    "best possible (Bayes bound)": ("world", "bound.bayes.{}"),
    "taste posterior": ("world", "accuracy.posterior.{}"),
    "in-context model": ("world", "accuracy.{}"),
    "the same, another person's votes": ("world", "accuracy.other_history"),
    "logistic regression per person": ("world", "accuracy.logistic"),
}
"""Words, the results file and the name of its figures; a name without a number is of 8 votes."""


def table_of(name: str) -> str:
    """Give a results file as a table, with where it comes from above it; `name:kind` as another kind of table."""
    file, _, kind = name.partition(":")
    path = RESULTS / f"{file}.json"
    if kind == "summary":
        return summary()
    record = json.loads(path.read_text("utf-8"))
    seeds = ", ".join(map(str, record["seeds"]))
    source = f"`{record['command']}`, seed {seeds}, commit {record['commit']}, {record['date']}, {record['hardware']}"
    return f"{source}\n\n{KINDS[kind](read_results(path))}"


def summary() -> str:
    """Accuracy by votes in the simulated world, for the README."""
    lines = [f"| votes | {' | '.join(map(str, SUMMARY_VOTES))} |", f"| --- |{' ---: |' * len(SUMMARY_VOTES)}"]
    for words, (file, name) in SUMMARY.items():
        named = by_name(read_results(RESULTS / f"{file}.json"))
        cells = [
            value(named, name.format(votes)) if "{}" in name or votes == 8 else "" for votes in SUMMARY_VOTES
        ]
        lines.append(f"| {words.strip()} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def short(figures: Sequence[Figure]) -> str:
    """Only the accuracies and the bounds."""
    wanted = [f"accuracy.{part}" for part in SHORT] + list(BRIEF)
    return markdown([figure for name in wanted for figure in figures if figure.name == name])


def works(figures: Sequence[Figure]) -> str:
    """Both ways of every work of a benchmark: ratio, spread, what counting operations predicts, seconds, memory."""
    named = by_name(figures)
    lines = [
        "| work | ratio | spread of 5 | predicted | published, s | ours, s | published, MiB | ours, MiB |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, words in WORKS.items():
        if name not in named:
            continue
        of = {key: named[f"{name}.{key}"].value for key in PARTS}
        lines.append(
            f"| {words} | **{named[name].value:.2f}×** | {named[name].low:.2f} to {named[name].high:.2f} "
            f"| {of['predicted']:.2f} | {of['published.seconds']:.3f} | {of['seconds']:.3f} "
            f"| {of['published.mib']:,.0f} | {of['mib']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def rates(figures: Sequence[Figure]) -> str:
    """What the taste posterior does a second, and what it costs beside the in-context print."""
    lines = ["| figure | value | lowest to highest |", "| --- | ---: | --- |"]
    for f in figures:
        if f.name.split(".")[0] in ("posterior", "agreement", "print", "model"):
            lines.append(f"| {f.name} | {f.value:,.4g} | {f.low:,.4g} to {f.high:,.4g} |")
    return "\n".join(lines) + "\n"


ABLATION_TITLES = {
    "paper": "the paper's parts, going on from stage 1",
    "ours": "ours on top of those with ten tokens, going on from stage 1; each row adds to the one before",
    "nothing": "from nothing; each row adds to the one before",
}
ABLATION_ROWS = {
    "base": "base loss",
    "cp": "+ contrastive loss",
    "tokens_5": "+ 5 preference tokens",
    "tokens_10": "+ 10 preference tokens",
    "tokens_20": "+ 20 preference tokens",
    "labels": "+ history labels",
    "course": "+ curriculum",
    "soft": "+ soft labels",
    "belief": "+ distillation of utilities and posterior",
    "belief_no_course": "the same without the curriculum",
}
ABLATION_COLUMNS = ("own_minus_other.8", "clusters.silhouette", "clusters.davies_bouldin", "clusters.ari")
ABLATION_HEAD = (
    "| | seeds | accuracy, 8 votes | over seeds | own − another's "
    "| silhouette | Davies-Bouldin | adjusted Rand |"
)


def ablation(figures: Sequence[Figure]) -> str:
    """One block a table, one row a variant; intervals of accuracy are over people."""
    named = by_name(figures)
    lines = [ABLATION_HEAD, "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: |"]
    for table, title in ABLATION_TITLES.items():
        rows = [_ablation_row(named, f"{table}.{name}.", label) for name, label in ABLATION_ROWS.items()]
        if any(rows):
            lines += [f"| **{title}** |{' |' * 7}", *filter(None, rows)]
    return "\n".join(lines) + "\n"


def _ablation_row(named: Named, prefix: str, label: str) -> str:
    if f"{prefix}accuracy.8" not in named:
        return ""
    right, seeds = named[f"{prefix}accuracy.8"], named[f"{prefix}accuracy.seeds"]
    over = "" if seeds.n == 1 else f"{seeds.low:.3f} to {seeds.high:.3f}"
    rest = " | ".join(f"{named[prefix + name].value:.3f}" for name in ABLATION_COLUMNS)
    return (
        f"| {label} | {seeds.n} | {right.value:.3f} ({right.low:.3f} to {right.high:.3f}) | {over} | {rest} |"
    )


KINDS: dict[str, Callable[[Sequence[Figure]], str]] = {
    "": markdown,
    "short": short,
    "works": works,
    "rates": rates,
    "parts": ablation,
    **PREDICTION,
    **GUIDANCE,
    **PHOTOS,
}


def filled(text: str) -> str:
    """Write every marked part anew; a part whose file is not there stays as it is."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        if not (RESULTS / f"{name.partition(':')[0]}.json").is_file():
            return match[0]
        return f"<!-- {name} -->\n\n{table_of(name)}\n<!-- /{name} -->"

    return re.sub(r"<!-- ([\w:-]+) -->.*?<!-- /\1 -->", part, text, flags=re.DOTALL)


def main() -> None:
    """Write the documents' tables."""
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
