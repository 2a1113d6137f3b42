"""The tables of docs/results.md and README.md, made from docs/results/*.json: `python runs/tables.py`.

Enters: results files. Leaves: the text between `<!-- name -->` and `<!-- /name -->` of the documents, written anew.
Does not know: how anything was measured. No figure in these documents is typed by hand.
"""

import json
import re
from pathlib import Path

from tasteprint.evaluate.report import markdown
from tasteprint.evaluate.results import read_results

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "results.md")
SHORT = ("own", "no_history", "other_history", "population", "tastes", "logistic", "own_only")


def table(name: str) -> str:
    """Give a results file as a table, with where it comes from above it; `name:short` only the accuracies."""
    file, _, short = name.partition(":")
    path = ROOT / "docs" / "results" / f"{file}.json"
    record, figures = json.loads(path.read_text("utf-8")), read_results(path)
    if short:
        wanted = [f"accuracy.{part}" for part in SHORT] + [
            "own_minus_other.8",
            "bound.bayes.8",
            "bound.oracle",
        ]
        figures = [figure for name in wanted for figure in figures if figure.name == name]
    seeds = ", ".join(map(str, record["seeds"]))
    source = f"`{record['command']}`, seed {seeds}, commit {record['commit']}, {record['date']}, {record['hardware']}"
    return f"{source}\n\n{markdown(figures)}"


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
