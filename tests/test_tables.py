"""Tables as text: no cell is altered, each row knows its line, what is not understood is said with file and line."""

from __future__ import annotations

import csv
import gzip
import io
import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasteprint.data.logs import Log, find_log
from tasteprint.data.tables.source import Source
from written_tables import altered, as_read, random_table, zstd

HEAD = "user_id,prompt,image_0,image_1,label_0"
COLUMNS = HEAD.split(",")
ROW = "u,a fish,a,b,1"
CELLS = ROW.split(",")


def write(folder: Path, text: str | bytes, name: str = "log.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def rows_of(source: Path, columns: list[str] = COLUMNS, said: Source | None = None) -> list[list[str | None]]:
    return as_read(find_log(source, said or Source()), columns)[0]


def fault(source: Path, columns: list[str] = COLUMNS, said: Source | None = None) -> str:
    with pytest.raises(ValueError) as error:
        rows_of(source, columns, said)
    assert "; expected" in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_any_table_in_any_dialect_is_read_as_it_was_written(tmp_path_factory, seed):
    folder = tmp_path_factory.getbasetemp()
    assert not altered(random_table(random.Random(seed)), folder)


SAVED = {
    "a mark": (f"{HEAD}\n{ROW}\n", "utf-8-sig"),
    "UTF-16": (f"{HEAD}\n{ROW}\n", "utf-16"),
    "UTF-16 without a mark": (f"{HEAD}\n{ROW}\n", "utf-16-be"),
    "UTF-32 without a mark": (f"{HEAD}\n{ROW}\n", "utf-32-le"),
    "semicolons": (f"{HEAD}\n{ROW}\n".replace(",", ";"), "utf-8"),
    "tabs": (f"{HEAD}\n{ROW}\n".replace(",", "\t"), "utf-8"),
    "bars": (f"{HEAD}\n{ROW}\n".replace(",", "|"), "utf-8"),
    "a line for Excel": (f"sep=;\r\n{HEAD}\r\n{ROW}\r\n".replace(",", ";"), "utf-8"),
    "two kinds of line ends": (f"{HEAD}\n{ROW}\r\n", "utf-8"),
    "old line ends": (f"{HEAD}\r{ROW}\r", "utf-8"),
    "no last line end": (f"{HEAD}\n{ROW}", "utf-8"),
    "blank lines": (f"\n\n{HEAD}\n\n{ROW}\n  \n\n", "utf-8"),
    "spaces behind commas": (f"{HEAD}\n{ROW}\n".replace(",", ", "), "utf-8"),
    "a space before a quote": (f'{HEAD}\nu, "a fish", a, "b",1\n', "utf-8"),
    "a space before a quote in the header": (
        f'"user_id", "prompt", image_0,image_1,label_0\n{ROW}\n',
        "utf-8",
    ),
    "capitals and spaces in the header": (f"User_ID, prompt ,image_0,IMAGE_1,label_0\n{ROW}\n", "utf-8"),
    "empty columns": (f"{HEAD},,\n{ROW},,\n", "utf-8"),
    "empty cells beyond the header": (f"{HEAD}\n{ROW},,,\n", "utf-8"),
    "a title": (f"My export\n\n# of 2026-03-01\n{HEAD}\n{ROW}\n", "utf-8"),
    "all quoted": (f"{HEAD}\n{ROW}\n".replace("a fish", '"a fish"'), "utf-8"),
}


@pytest.mark.parametrize("way", SAVED)
def test_each_way_to_save_a_table_is_read(way: str, tmp_path: Path) -> None:
    assert rows_of(write(tmp_path, *SAVED[way][:1], encoding=SAVED[way][1])) == [CELLS]


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    def notes(text: str, encoding: str = "utf-8") -> tuple[str, ...]:
        return find_log(write(tmp_path, text, encoding=encoding)).require(COLUMNS, "").notes

    assert notes(f"{HEAD}\n{ROW}\n") == () == notes(f"sep=,\n{HEAD}\n{ROW}\n")
    assert notes(f"{HEAD}\n{ROW}é\n", "latin-1") == ("log.csv is no UTF-8 and is read as cp1252",)
    assert notes(f"{HEAD}\n{ROW}\x81é\n", "latin-1") == ("log.csv is no UTF-8 and is read as latin-1",)
    assert notes(f"My export\n{HEAD}\n{ROW}\n") == ("1 row above the header of log.csv passed over",)
    spaced = notes(f"{HEAD}\n{ROW}\n".replace(",", ", "))
    assert spaced == ("spaces behind the separators of log.csv are taken for a part of them",)


LATE = [f"u{n % 9},fish,a{n},b{n},{n % 2}" for n in range(25_000)]


@pytest.mark.parametrize("prompt", ["fish, blue", "fish\nblue", 'a "blue" fish', "'fish'", "it's; a|\tfish "])
def test_what_stands_late_is_read_as_what_stands_early(prompt: str, tmp_path: Path) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(["u", prompt, "a", "b", "1"])
    path = write(tmp_path, "\n".join([HEAD, *LATE, file.getvalue(), ROW, ""]))
    rows, lines = as_read(find_log(path), COLUMNS)
    assert rows[: len(LATE)] == [line.split(",") for line in LATE]
    assert rows[len(LATE) :] == [["u", prompt, "a", "b", "1"], CELLS]
    assert lines == [*range(2, len(LATE) + 3), len(LATE) + 4 + prompt.count("\n")]


@pytest.mark.parametrize(
    "row",
    [
        "u,'hi',a,b,1",
        "u,',a,b,1",
        'u,5" fish,a,b,1',
        "u,#1 fish,a,b,1",
        "u, a fish ,a,b,1",
        "001,0_1,nan,NULL,1.0",
    ],
)
def test_no_cell_is_altered(row: str, tmp_path: Path) -> None:
    assert rows_of(write(tmp_path, f"{HEAD}\n{row}\n{ROW}\n")) == [row.split(","), CELLS]


def test_a_folder_s_name_is_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "user_id=eve"
    folder.mkdir()
    write(folder, f"{HEAD}\n{ROW}\n")
    assert rows_of(tmp_path) == [CELLS]


BAD = {
    "u,a fish,a": "line 3 of 'log.csv' has 3 cells; expected 5: complete this row, or delete it.",
    "u,a fish,a,b,1,2": "line 3 of 'log.csv' has 6 cells; expected 5: quote a cell that holds a comma.",
    'u,"a fish,a,b,1': "line 3 of 'log.csv' begins a quoted cell that never ends; expected a second quote",
    'u,"a" ,a,b,1': "line 3 of 'log.csv' has letters behind a closing quote",
    'u,"a" fish,a,b,1': "line 3 of 'log.csv' has letters behind a closing quote; expected quotes inside a cell",
}


@pytest.mark.parametrize("row", BAD)
def test_a_row_that_is_not_understood_is_named_by_its_line(row: str, tmp_path: Path) -> None:
    assert BAD[row] in fault(write(tmp_path, f"{HEAD}\n{ROW}\n{row}\n"))


def test_cells_that_excel_drops_behind_the_last_needed_one_are_empty(tmp_path: Path) -> None:
    log = find_log(write(tmp_path, f"{HEAD},created_at,note\n{ROW}\n{ROW},2026\n")).require(COLUMNS, "")
    (batch,) = log.batches(["created_at", "note", "rank"])
    assert [batch[name].to_pylist() for name in batch.schema.names] == [
        ["", "2026"],
        ["", ""],
        [None, None],
        [2, 3],
        [0, 0],
    ]


def test_a_column_twice_is_refused_where_it_matters(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEAD},note,note,Prompt\n{ROW},x,y,z\n")
    assert rows_of(path) == [CELLS]
    assert "'log.csv' has 2 columns 'note'; expected one: rename the others" in fault(path, ["note"])
    assert "has 2 columns 'PROMPT'" in fault(path, ["PROMPT"])


def test_what_the_mapping_says_of_the_file_counts(tmp_path: Path) -> None:
    text = f"{HEAD}\n{ROW}\n".replace("fish", "魚").replace(",", "=")
    path = write(tmp_path, text, encoding="cp932")
    assert rows_of(path, said=Source(delimiter="=", encoding="cp932")) == [["u", "a 魚", "a", "b", "1"]]
    assert "'log.csv' is not in utf-8, which was named" in fault(path, said=Source("=", "utf-8"))
    for encoding in ("none", "hex"):
        assert f"encoding is '{encoding}'; expected one that Python knows" in fault(
            path, said=Source("=", encoding)
        )
    for said in ({"delimiter": "::"}, {"delimiter": '"'}, {"table": "a", "query": "b"}):
        with pytest.raises(ValueError, match="; expected one"):
            Source(**said)


def test_a_mark_is_believed_and_what_it_says_must_hold(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + f"{HEAD}\nu,\xe9,a,b,1\n".encode("latin-1"))
    assert "'log.csv' is not in utf-8-sig, which its beginning says; expected one encoding" in fault(path)


def test_a_packed_file_is_known_by_its_bytes_and_bounded(tmp_path: Path, monkeypatch) -> None:
    plain = f"{HEAD}\n{ROW}\n"
    assert rows_of(write(tmp_path, plain, "wrong.csv.gz")) == [CELLS]
    two = gzip.compress(plain.encode()) + gzip.compress(f"{ROW}\n".encode())
    assert rows_of(write(tmp_path, two, "two.csv.gz")) == [CELLS, CELLS]
    assert "cannot be unpacked" in fault(write(tmp_path, two[:-9], "cut.csv.gz"))
    assert rows_of(write(tmp_path, zstd(plain.encode()) + zstd(f"{ROW}\n".encode()), "two.csv.zst")) == [
        CELLS,
        CELLS,
    ]
    assert "cannot be unpacked" in fault(write(tmp_path, zstd(plain.encode())[:-1], "cut.csv.zst"))
    monkeypatch.setattr("tasteprint.data.tables.places.BELIEVED", 1 << 20)
    bomb = write(tmp_path, gzip.compress(bytes(4 << 20)), "bomb.csv.gz")
    assert "'bomb.csv.gz' unpacks to more than 500 times its size" in fault(bomb)
    monkeypatch.setattr("tasteprint.data.tables.dialects.LONGEST_LINE", 1 << 20)
    assert "has a line of more than 1,048,576 letters" in fault(write(tmp_path, "x" * (3 << 20)))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE ratings (id INTEGER, Image TEXT, rating REAL, data BLOB)")
        connection.execute(
            "INSERT INTO ratings VALUES (7, '001', 4.5, x'00'), (9007199254740993, NULL, 3, x'01')"
        )
        connection.execute("CREATE TABLE other (name TEXT)")
    connection.close()
    return path


def test_a_database_is_read_by_table_or_query(library: Path) -> None:
    rows = [["7", "001", "4.5"], ["9007199254740993", None, "3.0"]]
    columns = ["id", "image", "rating"]
    assert rows_of(library, columns) == rows == rows_of(library, columns, Source(table="ratings"))
    query = Source(query="WITH r AS (SELECT upper(Image) AS picture FROM ratings) SELECT picture FROM r")
    assert rows_of(library, ["picture"], query) == [["001"], [None]]
    assert "of the tables other, ratings; expected one table or query" in fault(library, ["nothing"])
    assert "holds bytes; expected text" in fault(library, ["data"])


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM ratings",
        "ATTACH 'x.db' AS x",
        "PRAGMA user_version = 3",
        "SELECT load_extension('x')",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS id FROM n",
        "SELECT id FROM nowhere",
        "SELECT id FROM ratings; DROP TABLE ratings",
    ],
)
def test_a_query_only_reads(query: str, library: Path) -> None:
    before = library.read_bytes()
    assert "SQLite database 'library.sqlite3' could not be read" in fault(
        library, ["id"], Source(query=query)
    )
    assert library.read_bytes() == before and [item.name for item in library.parent.iterdir()] == [
        library.name
    ]


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_database_that_a_program_has_open(journal: str, library: Path) -> None:
    writer = sqlite3.connect(library, isolation_level=None)
    writer.execute(f"PRAGMA journal_mode = {journal}")
    writer.execute("INSERT INTO other VALUES ('new')")
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("INSERT INTO other VALUES ('not yet')")
    beside = {item.name for item in library.parent.iterdir()}
    assert rows_of(library, ["name"]) == [["new"]]
    assert {item.name for item in library.parent.iterdir()} == beside
    writer.close()


def test_a_log_counts_its_files(tmp_path: Path) -> None:
    write(tmp_path, f"{HEAD}\n{ROW}\n", "a.csv")
    write(tmp_path, f"{HEAD}\n{ROW}\n{ROW}\n".replace(",", ";"), "b.csv")
    log: Log = find_log(tmp_path)
    assert log.files == ("a.csv", "b.csv") and log.kind == "CSV" and log.columns == tuple(COLUMNS)
    found = [batch.to_pydict() for batch in log.require(COLUMNS, "").batches(["user_id"])]
    assert [(rows["_file"], rows["_line"]) for rows in found] == [([0], [2]), ([1, 1], [2, 3])]
