"""Rankings as tables: CSV, JSON lines and Parquet, which hold any file name and run no formula.

Enters: a `Ranking`. Leaves: a file, whole or not at all. Does not know: models, pages.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasteprint.data.duck import name, plain_errors, text
from tasteprint.data.history_files import file_cell
from tasteprint.files import json_text, write_bytes
from tasteprint.library.ranking import Ranking

COLUMNS = ("rank", "path", "score", "standing", "group", "leads", "said", "because")
"""`path` is as given; "./" stands before one that a spreadsheet could take for a formula, and a name that is not UTF-8
is written as a file:// address. `because` is a list of paths, in CSV as JSON. What a spreadsheet saves of this is read
back by `data.history_files.named_file`."""

TYPES = ("BIGINT", "VARCHAR", "DOUBLE", "DOUBLE", "BIGINT", "BOOLEAN", "VARCHAR", "VARCHAR[]")


def write_csv(ranking: Ranking, path: Path, progress: object = None) -> None:
    """Write UTF-8 without a mark, separated by commas, lines ended by a newline; see `COLUMNS`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in records(ranking):
        as_text = {
            "leads": str(row["leads"]).lower(),
            "because": json.dumps(row["because"], ensure_ascii=False, allow_nan=False),
        }
        writer.writerow((row | as_text).values())
    write_bytes(path, out.getvalue().encode())


def write_jsonl(ranking: Ranking, path: Path, progress: object = None) -> None:
    """Write an object a line, in ASCII; see `COLUMNS`."""
    lines = (json_text(record, None) + "\n" for record in records(ranking))
    write_bytes(path, "".join(lines).encode())


def write_parquet(ranking: Ranking, path: Path, progress: object = None) -> None:
    """Write one row group a hundred thousand pictures; see `COLUMNS`."""
    import duckdb

    columns = list(zip(*_rows(ranking), strict=True)) or [()] * len(COLUMNS)
    with TemporaryDirectory() as folder, plain_errors("writing the ranking", "expected room: free some"):
        part = Path(folder) / "ranking.parquet"
        with duckdb.connect() as connection:
            unnested = ", ".join(f"unnest(${place}) AS c{place}" for place in range(1, len(COLUMNS) + 1))
            table = ", ".join(f"{name(column)} {kind}" for column, kind in zip(COLUMNS, TYPES, strict=True))
            connection.execute(f"CREATE TABLE ranking ({table})")
            connection.execute(f"INSERT INTO ranking SELECT {unnested}", [list(column) for column in columns])
            connection.execute(f"COPY ranking TO {text(str(part))} (FORMAT parquet)")
        write_bytes(path, part.read_bytes())


def records(ranking: Ranking) -> Iterator[dict[str, Any]]:
    """Each picture as an object of `COLUMNS`, the best first."""
    return (dict(zip(COLUMNS, row, strict=True)) for row in _rows(ranking))


def _rows(ranking: Ranking) -> Iterator[tuple[Any, ...]]:
    for place, one in enumerate(ranking.pictures, 1):
        because = [file_cell(evidence.path) for evidence in one.because]
        yield place, file_cell(one.path), one.score, one.standing, one.group, one.leads, one.said, because
