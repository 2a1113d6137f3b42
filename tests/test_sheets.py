"""Votes and stars as spreadsheets save them: each program's way is read, and a bad row is named by its line."""

import gzip
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasteprint.data.history_files import file_cell, named_file, read_history, read_stars
from tasteprint.data.sheets import read_sheet
from written_tables import zstd

VOTES = "liked,disliked\na.png,b.png\nc.png,d.png\n"


def written(folder, text, encoding="utf-8"):
    path = folder / "votes.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def pairs(path):
    return [(Path(vote.liked).name, Path(vote.disliked).name) for vote in read_history(path)]


AS_SAVED = {
    "plain": (VOTES, "utf-8"),
    "a mark at the beginning": (VOTES, "utf-8-sig"),
    "UTF-16": (VOTES, "utf-16"),
    "UTF-16, the other end first": ("\ufeff" + VOTES, "utf-16-be"),
    "semicolons": (VOTES.replace(",", ";"), "utf-8"),
    "tabs": (VOTES.replace(",", "\t"), "utf-8"),
    "CRLF": (VOTES.replace("\n", "\r\n"), "utf-8"),
    "CR": (VOTES.replace("\n", "\r"), "utf-8"),
    "spaces in the header": (VOTES.replace("liked,dis", " liked , dis"), "utf-8"),
    "spaces in cells": (VOTES.replace(",b.png", ", b.png ").replace(",d", ", d"), "utf-8"),
    "capitals": (VOTES.replace("liked,disliked", "LIKED,Disliked"), "utf-8"),
    "quotes": ('"liked","disliked"\n"a.png","b.png"\n"c.png","d.png"', "utf-8"),
    "empty columns": (VOTES.replace("\n", ",,\n"), "utf-8"),
    "blank lines": ("\n" + VOTES.replace("\n", "\n\n , \n"), "utf-8"),
    "more columns": ("n,liked,disliked\n1,a.png,b.png\n2,c.png,d.png\n", "utf-8"),
}


@pytest.mark.parametrize("case", AS_SAVED)
def test_each_program_s_way_is_read(case, tmp_path):
    found = [(one.strip(), other.strip()) for one, other in pairs(written(tmp_path, *AS_SAVED[case]))]
    assert found == [("a.png", "b.png"), ("c.png", "d.png")]


def test_latin_letters_of_old_programs(tmp_path):
    path = written(tmp_path, "liked,disliked\ncaf\xe9.png,b.png\n", "latin-1")
    assert pairs(path) == [("caf\xe9.png", "b.png")]


def test_a_prompt_of_any_length_and_names_of_any_letters(tmp_path):
    long = "x" * 200_000
    path = written(tmp_path, f'liked,disliked,prompt\n"a,""b"".png","c\nd.png",{long}\n')
    (vote,) = read_history(path)
    assert (vote.liked, vote.disliked) == (str(tmp_path / 'a,"b".png'), str(tmp_path / "c\nd.png"))
    assert vote.prompt == long


def test_answered_pairs_and_those_not_answered_yet(tmp_path):
    rows = "first,second,preferred\na,b,first\nc,d, Second\ne,f,tie\ng,h,\ni,j\n"
    votes = read_history(written(tmp_path, rows))
    assert [vote.label_0 for vote in votes] == [1.0, 0.0, 0.5]
    assert Path(votes[1].liked).name == "d"


BAD = {
    "line 3 of history": ("liked,disliked\na,b\nc\n", "names no picture under disliked; expected a file"),
    "line 4 of history": ("liked,disliked\na,b\n\nc,c\n", "names 'c' on both sides; expected two different"),
    "line 5 of history": ('liked,disliked\n"a\n\nb",c\nd,\0\n', "names no picture under disliked"),
    "line 2 of history": ("first,second,preferred\na,b,left\n", "has 'left' under preferred; expected first, second"),
    "quote a cell that holds a comma": ("liked,disliked\na,b,c\n", "has 3 cells; expected 2"),
    "has no row; expected at least one under liked": ("liked,disliked\n\n", "fill it in"),
    "has no row; expected the columns": ("", "liked and disliked, or chosen and rejected, or first, second"),
    "has liked; expected the columns liked and disliked": ("liked\na\n", "rename them"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_row_is_named_by_its_line(sentence, tmp_path):
    text, why = BAD[sentence]
    with pytest.raises(ValueError) as fault:
        read_history(written(tmp_path, text))
    assert sentence in str(fault.value) and why in str(fault.value)
    assert "; expected" in str(fault.value) and "\n" not in str(fault.value)


def test_what_is_no_table(tmp_path):
    (tmp_path / "votes.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"is a workbook; expected a table as text: save it as CSV"):
        read_history(tmp_path / "votes.xlsx")
    with pytest.raises(ValueError, match="is a pickle"):
        read_history(written(tmp_path, b"\x80\x04cposix\nsystem\n"))
    with pytest.raises(
        ValueError, match=r"^stars .* is not there; expected a table with columns image and stars, or "
    ):
        read_stars(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "form", ["liked,disliked", "chosen,rejected", "first,second,preferred", "image_0,image_1,label_0"]
)
@pytest.mark.parametrize(
    "name", ["v.jsonl", "v.json", "v.parquet", "v.csv.gz", "v.csv.zst", "v.db", "v", "user_id=eve.csv"]
)
def test_a_person_s_votes_may_be_any_table(form, name, tmp_path):
    columns = form.split(",")
    answers = dict(zip(columns[2:], [{"preferred": "second", "label_0": "0"}.get(columns[-1])], strict=False))
    sides = ["b.png", "a.png"] if answers else ["a.png", "b.png"]
    row = dict(zip(columns, sides, strict=False)) | answers | {"prompt": "a fish"}
    path = tmp_path / name
    text = f"{','.join(row)}\n{','.join(row.values())}\n".encode()
    if name.endswith("db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                f"CREATE TABLE votes AS SELECT {', '.join(f'{v!r} AS {k}' for k, v in row.items())}"
            )
            connection.commit()
    elif name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        packed = {".gz": gzip.compress(text), ".zst": zstd(text), "": text, ".csv": text}
        path.write_bytes(packed.get(path.suffix, json.dumps(row).encode()))
    (vote,) = read_history(path)
    assert (vote.liked, vote.disliked, vote.prompt) == (
        str(tmp_path / "a.png"),
        str(tmp_path / "b.png"),
        "a fish",
    )


def test_votes_of_the_log_s_own_form(tmp_path):
    rows = "user_id,prompt,image_0,image_1,label_0\nme,,a,b,1\nme,,c,d,0.5\nme,,e,f,\n"
    assert [vote.label_0 for vote in read_history(written(tmp_path, rows))] == [1.0, 0.5]
    with pytest.raises(
        ValueError, match=r"holds votes of 2 people; expected one person's: keep the rows of one"
    ):
        read_history(written(tmp_path, rows.replace("me,,c", "you,,c")))
    with pytest.raises(
        ValueError, match=r"line 3 of history .* has '0.7' under label_0; expected 1, 0, 0.5 or nothing"
    ):
        read_history(written(tmp_path, rows.replace("0.5", "0.7")))


def test_likes_as_words_and_stars_under_other_names(tmp_path):
    rows = "image,liked\na,yes\nb,No\nc,1\nd,FALSE\ne,\n"
    assert [(Path(one.image).name, one.stars, one.out_of) for one in read_stars(written(tmp_path, rows))] == [
        ("a", 2, 2), ("b", 1, 2), ("c", 2, 2), ("d", 1, 2),
    ]  # fmt: skip
    with pytest.raises(
        ValueError, match=r"line 2 of stars .* has 'maybe' under liked; expected yes, no or nothing"
    ):
        read_stars(written(tmp_path, "image,liked\na,maybe\n"))
    for name in ("rating", "score"):
        (one,) = read_stars(written(tmp_path, f"image,{name}\na,4\n"))
        assert (one.stars, one.out_of) == (4, 5)


def test_stars_with_and_without_a_scale(tmp_path):
    path = written(tmp_path, "Image;Stars;Out_of\na.png;4;\nb.png;7;10\nc.png;;\nd.png; 1 ;2\n")
    rated = [(Path(one.image).name, one.stars, one.out_of) for one in read_stars(path)]
    assert rated == [("a.png", 4, 5), ("b.png", 7, 10), ("d.png", 1, 2)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,0,", "has 0 of 5 stars; expected 1 to n on a scale of n = 2 to 10"),
        ("a,-1,", "has -1 of 5 stars"),
        ("a,6,", "has 6 of 5 stars"),
        ("a,4,100", "has 4 of 100 stars"),
        ('a,"4,5",', "has '4,5' under stars; expected a whole number"),
        ("a,★★★,", "has '★★★' under stars"),
        (",4,", "names no picture under image"),
    ],
)
def test_bad_stars(row, why, tmp_path):
    with pytest.raises(ValueError, match=r"^line 2 of stars ") as fault:
        read_stars(written(tmp_path, f"image,stars,out_of\n{row}\n"))
    assert why in str(fault.value)


NAMES = ("a b.png", " a.png", "a.png ", "=1+1.png", "+a", "-a", "@a", "~a", "file:a", "'a\".png", "🦄.png", "a\nb",
         "ä.png", "＝a", "a,b;c\td", "#%41?.png", os.fsdecode(b"caf\xe9 \n.png"))  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_found_again_whatever_it_is(name, tmp_path, monkeypatch):
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    for path in (Path(name), tmp_path / name):
        cell = file_cell(path)
        assert not cell.startswith(("=", "+", "-", "@", "＝", "\t", "\r", "\n", " "))
        cell.encode("utf-8")
        assert named_file(cell, tmp_path).samefile(path)


def test_homes_and_addresses(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert named_file("~/a.png", tmp_path) == tmp_path / "home" / "a.png"
    assert named_file("file:///x/a%20b.png", tmp_path) == Path("/x/a b.png")
    assert named_file("sub/a.png", tmp_path) == tmp_path / "sub" / "a.png"


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    rows = read_sheet(written(tmp_path, '\n"a"\n"x\ny"\n\nz\n'), "table", [("a",), ("a", "b")])
    assert [(row.line, row.cells["a"]) for row in rows] == [(3, "x\ny"), (6, "z")]
