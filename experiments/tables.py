"""The tables of docs/results.md and README.md, made from docs/results/*.json: `python runs/tables.py`.

Enters: results files. Leaves: the text between `<!-- name -->` and `<!-- /name -->` of the documents, written anew.
Does not know: how anything was measured. No figure in these documents is typed by hand.
"""

import json
import re
from pathlib import Path

from experiments.ablation_tables import parts
from experiments.guidance_tables import TABLES as GUIDANCE
from experiments.step_tables import TABLES as STEPS
from experiments.world_tables import TABLES

from tasteprint.evaluate.results import Figure, markdown, read_results

ROOT = Path(__file__).parents[1]
LEARNING_TIME = ROOT / "docs" / "results" / "posterior-time.json"
DOCUMENTS = (ROOT / "README.md", *(ROOT / "docs" / name for name in ("results.md", "performance.md")))
SHORT = (
    "own",
    "posterior",
    "no_history",
    "other_history",
    "population",
    "tastes",
    "logistic",
    "own_only",
    "here.own",
    "here.posterior",
)
BRIEF = ("own_minus_other.8", "bound.bayes.8", "bound.oracle")
WORKS = {
    "train.pairs1": "training, one target pair a person",
    "train.cached_features": "the same, vision frozen, features from disk",
    "train.pairs8": "training, eight target pairs a person",
    "score.candidates1.cold": "one candidate, the history still to be read",
    "score.candidates1.warm": "one candidate, the print at hand",
    "score.candidates2.cold": "2 candidates, cold",
    "score.candidates2.warm": "2 candidates, warm",
    "score.candidates8.cold": "8 candidates, cold",
    "score.candidates8.warm": "8 candidates, warm",
    "score.candidates32.cold": "32 candidates, cold",
    "score.candidates32.warm": "32 candidates, warm",
    "score.candidates128.cold": "128 candidates, cold",
    "score.candidates128.warm": "128 candidates, warm",
    "guidance.step.warm": "a guidance step: forward and backward to pixels",
    "append.vote": "one more vote to eight",
}
"""What was timed the published way and ours, in words."""


def table(name: str) -> str:
    """Give a results file as a table, with where it comes from above it; `name:kind` as another kind of table."""
    file, _, kind = name.partition(":")
    path = ROOT / "docs" / "results" / f"{file}.json"
    record, figures = json.loads(path.read_text("utf-8")), read_results(path)
    if kind == "words":
        return words({figure.name: figure for figure in figures})
    seeds = ", ".join(map(str, record["seeds"]))
    source = f"`{record['command']}`, seed {seeds}, commit {record['commit']}, {record['date']}, {record['hardware']}"
    return f"{source}\n\n{KINDS[kind](figures)}"


def short(figures: list[Figure]) -> str:
    """Only the accuracies and the bounds."""
    wanted = [f"accuracy.{part}" for part in SHORT] + list(BRIEF)
    return markdown([figure for name in wanted for figure in figures if figure.name == name])


def works(figures: list[Figure]) -> str:
    """Both ways of every work of a benchmark: ratio, spread, what counting operations predicts, seconds, memory."""
    named = {figure.name: figure for figure in figures}
    lines = [
        "| work | ratio | spread of 5 | predicted | published, s | ours, s | published, MiB | ours, MiB |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, said in WORKS.items():
        if name not in named:
            continue
        of = {key: named[f"{name}.{key}"].value for key in PARTS}
        lines.append(
            f"| {said} | **{named[name].value:.2f}×** | {named[name].low:.2f} to {named[name].high:.2f} "
            f"| {of['predicted']:.2f} | {of['published.seconds']:.3f} | {of['seconds']:.3f} "
            f"| {of['published.mib']:,.0f} | {of['mib']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def rates(figures: list[Figure]) -> str:
    """What the taste posterior does a second, and what it costs beside the in-context print."""
    lines = ["| figure | value | lowest to highest |", "| --- | ---: | --- |"]
    for f in figures:
        if f.name.split(".")[0] in ("posterior", "agreement", "print", "model"):
            lines.append(f"| {f.name} | {f.value:,.4g} | {f.low:,.4g} to {f.high:,.4g} |")
    return "\n".join(lines) + "\n"


def by_votes(figures: list[Figure]) -> str:
    """Accuracies against votes of history, both worlds, and the figures that have no votes."""
    named = {figure.name: figure for figure in figures}
    counts = (0, 1, 2, 4, 8, 16, 32)
    lines = [f"| | {' | '.join(map(str, counts))} |", f"| --- |{' ---: |' * len(counts)}"]
    for world, title in WORLDS.items():
        lines.append(f"| **{title}** |{' |' * len(counts)}")
        for said, name in ROWS.items():
            found = [named.get(f"{_full(world, name)}.{count}") for count in counts]
            lines.append(f"| {said} | {' | '.join('' if f is None else f'{f.value:.3f}' for f in found)} |")
    lines += ["", "| figure | groups | no groups |", "| --- | --- | --- |"]
    for said, name in SINGLE.items():
        cells = [_cell(named.get(_full(world, name))) for world in WORLDS]
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return "\n".join([*lines, *_learning_time()]) + "\n"


def _learning_time() -> list[str]:
    """The time of the measurement made for it: in the others the worlds share the machine."""
    if not LEARNING_TIME.is_file():
        return []
    (taken,) = read_results(LEARNING_TIME)
    return [
        f"| seconds to learn the prior, one quiet core, pixels (`{LEARNING_TIME.name}`) | {taken.value:.0f} |  |"
    ]


def _full(world: str, name: str) -> str:
    """In the world without groups, figures of pixels say so."""
    return world + (name if not world or name.startswith(("bound.", "attributes.")) else f"pixels.{name}")


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def words(named: dict[str, Figure]) -> str:
    """The benchmark in two lines."""
    said = {name: f"{figure.value:.1f}" for name, figure in named.items()}
    return (
        f"Read once, a person's history costs nothing more: 32 candidates are scored {said['score.candidates32.cold']} "
        f"times as fast as by\nre-reading it, {said['score.candidates32.warm']} times with the print at hand; a "
        f"guidance step {said['guidance.step.warm']} times, training on eight pairs a person {said['train.pairs8']} "
        "times.\n"
    )


WORLDS = {"": "eight groups, 15 % own variation", "factors.": "no groups: six factors, 15 % own"}
ROWS = {
    "Bayes bound: the best possible": "bound.bayes",
    "posterior, true attributes": "attributes.accuracy",
    "share of the headroom": "attributes.headroom",
    "posterior, pixels": "accuracy",
    "share of the headroom ": "headroom",
    "liked minus disliked, true attributes": "bound.centroid",
    "mixture of 8 rewards (LoRe-like), pixels": "accuracy.lore",
    "logistic regression a person, pixels": "accuracy.logistic",
}
SINGLE = {
    "oracle: the true taste": "bound.oracle",
    "average person: the best without votes": "bound.average",
    "another's history, 8 votes": "accuracy.other_history",
    "own minus another's, 8 votes": "own_minus_other.8",
    "calibration error, pixels": "calibration.ece",
    "calibration error, true attributes": "attributes.calibration.ece",
    "answers that flip when the history is told backwards": "order.flips",
    "likeliest taste after 32 votes against the true group (adjusted Rand; 1 is best), pixels": "groups.ari",
    "votes asked for to match 8 random ones, pixels": "ask.votes_to_match_8",
    "the same, true attributes": "attributes.ask.votes_to_match_8",
}
PARTS = ("predicted", "published.seconds", "seconds", "published.mib", "mib")
KINDS = {
    "": markdown,
    "short": short,
    "works": works,
    "rates": rates,
    "votes": by_votes,
    "parts": parts,
    **TABLES,
    **GUIDANCE,
    **STEPS,
}


def filled(text: str) -> str:
    """Write every marked part anew; a part whose file is not there stays as it is."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        if not (ROOT / "docs" / "results" / f"{name.partition(':')[0]}.json").is_file():
            return match[0]
        return f"<!-- {name} -->\n\n{table(name)}\n<!-- /{name} -->"

    return re.sub(r"<!-- ([\w:-]+) -->.*?<!-- /\1 -->", part, text, flags=re.DOTALL)


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text("utf-8")), "utf-8")
