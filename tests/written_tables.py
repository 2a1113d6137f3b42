"""Random tables, written in random dialects, for the tests of reading."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tasteprint.data.logs import Log, find_log


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


LETTERS = [*"ab01,;|\t'\"\n\r .=-_#\\", "007", "0_1", "nan", "NULL", '""', '", "', "it's", "\r\n", "  ", " x"]
WIDE = {
    "utf": ["é", "魚", "🐟", "\u202e", "a\u0301", "ﬁ"],
    "cp1252": ["é", "ü", "“", "”", "€"],
    "latin-1": ["é", "ß"],
}
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1")
UNMARKED = ("utf-16-le", "utf-16-be")
ENDS = (("\n",), ("\r\n",), ("\r",), ("\n", "\r\n"), ("\n", "\r\n", "\r"))
PACKED = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


class Written(NamedTuple):
    """A table: its columns, its rows, the lines that they begin on, and the file's name and bytes."""

    columns: list[str]
    rows: list[list[str]]
    lines: list[int]
    name: str
    data: bytes


def random_table(rng: random.Random) -> Written:
    """A table of anything, as `csv.writer` writes it in some dialect."""
    encoding = rng.choice(ENCODINGS)
    letters = LETTERS + WIDE.get(encoding, [] if encoding in UNMARKED else WIDE["utf"])
    columns = _names(rng, letters)
    rows = [[_cell(rng, letters) for _ in columns] for _ in range(rng.choice((0, 1, 3, 20, 40)))]
    text, lines = _text(rng, [columns, *rows], rng.choice(",;\t|"))
    if not _says_what_it_is(text, encoding):
        encoding = "utf-8"
    suffix = rng.choice([*PACKED])
    return Written(columns, rows, lines[1:], f"log.csv{suffix}", PACKED[suffix](text.encode(encoding)))


def _names(rng: random.Random, letters: list[str]) -> list[str]:
    plain = rng.random() < 0.7
    inside = (lambda: "") if plain else lambda: _cell(rng, letters)
    return [f"column{number}{inside()}{number}" for number in range(rng.randint(1, 6))]


def _cell(rng: random.Random, letters: list[str]) -> str:
    return "".join(rng.choices(letters, k=rng.choice((0, 1, 2, 5, 12))))


def _text(rng: random.Random, rows: list[list[str]], delimiter: str) -> tuple[str, list[int]]:
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC))
    ends, whole, lines, line = rng.choice(ENDS), "", [], 1
    for row in rows:
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=delimiter, quoting=quoting).writerow(row)  # quotes every line end
        written = file.getvalue().removesuffix("\r\n") + rng.choice(ends)
        lines.append(line)
        line += len(re.findall("\r\n|\r|\n", written))
        whole += written
    return whole, lines


def _says_what_it_is(text: str, encoding: str) -> bool:
    """Old letters may happen to be UTF-8, and nobody could know better."""
    try:
        return encoding.startswith("utf") or text.isascii() or not text.encode(encoding).decode()
    except UnicodeDecodeError:
        return True


def as_read(log: Log, columns: list[str]) -> tuple[list[list[str | None]], list[int]]:
    """The rows of a log, and their lines."""
    rows, lines = [], []
    for batch in log.require(columns, "name it").batches(columns):
        read = batch.to_pydict()
        rows += [list(row) for row in zip(*(read[column] for column in columns), strict=True)]
        lines += read["_line"]
    return rows, lines


def altered(table: Written, folder: Path) -> str:
    """What reading a table makes of it that it is not; nothing where all is right."""
    path = folder / table.name
    path.write_bytes(table.data)
    rows, lines = as_read(find_log(path), table.columns)
    if rows != table.rows:
        return f"{table.rows!r} became {rows!r}"
    return "" if lines == table.lines else f"lines {table.lines} became {lines}"
