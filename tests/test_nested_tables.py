"""Nested rows by paths: JSON in every form and Parquet, lists that become several rows, images of a few at a time."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import picture
from tasteprint.data.logs import find_log
from tasteprint.data.tables.paths import ABSENT, leaves, unroll
from written_tables import as_read

SHOWN = ["user_id", "label_0", "rank"]
OBJECTS = '{"user_id": "001", "label_0": 1.50, "rank": 9007199254740993}', '{"label_0": true, "user_id": 7}'
CELLS = [["001", "1.50", "9007199254740993"], ["7", "true", None]]
FORMS = {
    "a line each": ("\n".join(OBJECTS) + "\n", [1, 2]),
    "blank lines": ("\n\n" + "\n\n".join(OBJECTS), [3, 5]),
    "an array": (f"[{', '.join(OBJECTS)}]", [1, 1]),
    "an array, a line each": ("[\n" + ",\n".join(OBJECTS) + "\n]\n", [2, 3]),
    "many lines each": ("\n".join(OBJECTS).replace(", ", ",\n  "), [1, 4]),
    "one behind the other": ("".join(OBJECTS), [1, 1]),
    "a mark": ("\ufeff" + "\n".join(OBJECTS), [1, 2]),
}


def write(folder: Path, text: str, name: str = "log.jsonl", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    return path


def fault(source: Path, columns: list[str]) -> str:
    with pytest.raises(ValueError) as error:
        as_read(find_log(source), columns)
    assert "; expected" in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_each_form_of_json_is_read_as_it_is_written(
    form: str, block: int, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tasteprint.data.tables.elements.BLOCK", block)
    text, lines = FORMS[form]
    for encoding in ("utf-8", "utf-16"):
        assert as_read(find_log(write(tmp_path, text, encoding=encoding)), SHOWN) == (CELLS, lines)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=1),
    st.integers(0, 9),
    st.sampled_from([None, 1]),
)
def test_any_objects_are_read_as_they_were_written(tmp_path_factory, rows, seed, indent):
    rng = random.Random(seed)
    written = [json.dumps(row, ensure_ascii=rng.random() < 0.5, indent=indent) for row in rows]
    text = rng.choice(["\n", "\r\n", " ", ""]).join(written) if seed % 2 else "[" + ",".join(written) + "]"
    path = write(tmp_path_factory.getbasetemp(), text)
    table = find_log(path).tables[0]
    read = [row for batch in table.batches(["a"], ()) for row in batch["a"].to_pylist()]
    for row, cell in zip(rows, read, strict=True):
        value = row.get("a")
        assert cell == value if value is None or isinstance(value, str) else json.loads(cell) == value


BAD = {
    '{"a": 1}\n{"a": "x\n': "line 2 of 'log.jsonl' is no JSON",
    '{"a": 1}\n\n{]\n{"a": 1}': "line 3 of 'log.jsonl' is no JSON",
    '{"a": 1}\n[1]': "line 2 of 'log.jsonl' is no object; expected one a row",
    '{"a": 1}\n{"a": 1, "b": {"c": 1, "c": 2}}': "line 2 of 'log.jsonl' has the key 'c' twice; expected it once",
    '{"a": "\\ud83d fish"}': "line 1 of 'log.jsonl' holds half a letter",
    '[{"a": 1},\n{"a": 1}': "line 2 of 'log.jsonl' ends before its array does",
    '[{"a": 1}] 3': "line 1 of 'log.jsonl' goes on behind its array",
    '{"a": ' + "[" * 200_000: "is nested too deeply",
    '{"b": 1}': "log 'log.jsonl' has no column 'a'; expected it beside b",
}


@pytest.mark.parametrize("text", BAD, ids=[*map(str, range(len(BAD)))])
def test_bad_json_is_named_by_its_line(text: str, tmp_path: Path) -> None:
    assert BAD[text] in fault(write(tmp_path, text), ["a"])


def test_a_key_that_comes_late_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": 1}\n' * 3000 + '{"a": 2, "Late Key": "x"}')
    rows, _ = as_read(find_log(path), ["a", "late key"])
    assert rows == [["1", None]] * 3000 + [["2", "x"]]


TASK: dict[str, Any] = {
    "id": 4,
    "data": {"left": "a.png", "right": "b.png"},
    "annotations": [
        {"completed_by": 1, "result": [{"value": {"selected": "left"}}]},
        {"completed_by": 2, "result": [{"value": {"selected": "right"}}, {"value": {"selected": "left"}}]},
        {"completed_by": 3, "result": []},
    ],
}
TASK_COLUMNS = ["data.left", "annotations[].completed_by", "annotations[].result[].value.selected"]
TASK_ROWS = [["a.png", "1", "left"], ["a.png", "2", "right"], ["a.png", "2", "left"], ["a.png", "3", None]]


def test_lists_become_several_people_s_rows(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([TASK, {**TASK, "annotations": []}, {"id": 5}]), "export.json")
    log = find_log(path)
    assert log.columns == ("id", "data.left", "data.right", *TASK_COLUMNS[1:])
    rows, lines = as_read(log, TASK_COLUMNS)
    assert rows == [*TASK_ROWS, ["a.png", None, None], [None, None, None]] and set(lines) == {1}
    pq.write_table(pa.Table.from_pylist([TASK, {**TASK, "annotations": []}]), tmp_path / "export.parquet")
    rows, lines = as_read(find_log(tmp_path / "export.parquet"), TASK_COLUMNS)
    assert rows == [*TASK_ROWS, ["a.png", None, None]] and lines == [1, 1, 1, 1, 2]


def test_lists_go_together_below_one_bracket_and_side_by_side_otherwise() -> None:
    row = {"a": [{"x": 1, "y": [1, 2]}, {"x": 2, "y": [3]}], "b": ["p", "q"], "c": 0, "d": None}
    assert unroll(row, ["a[].x", "a[].y[]", "b[]", "c"]) == [[1, 1, "p", 0], [1, 2, "p", 0], [2, 3, "q", 0]]
    assert unroll(row, ["a[1].x", "b[0]", "a[9].x", "e", "d[]", "c.x"]) == [[2, "p", *[ABSENT] * 4]]
    dotted = {"p.r": ["yes", "no"], "p.r.users": ["u", "v"], "p": {"r": "wrong"}}
    assert unroll(dotted, ["p.r.users[]", "p.r[]"]) == [["u", "yes"], ["v", "no"]]
    assert leaves({"a": [{"b": 1}, {"c": [2]}], "d": {}, "e.f": None}) == ["a[].b", "a[].c[]", "d", "e.f"]
    with pytest.raises(
        ValueError, match=r"lists of unequal length, 2 at 'a\[\]' and 3 at 'e\[\]'; expected one"
    ):
        unroll({**row, "e": [1, 2, 3]}, ["a[].x", "e[]"])
    with pytest.raises(ValueError, match=r"has no list at 'c'; expected one"):
        unroll(row, ["c[]"])


def test_the_published_form_of_several_people_s_responses(tmp_path: Path) -> None:
    row = {
        "images": {"image_1": {"path": "a.png"}, "prompt": "a fish"},
        "preference.responses": ["image_1", "image_2"],
        "preference.responses.users": ["u", "v"],
    }
    columns = ["images.prompt", "preference.responses.users[]", "preference.responses[]"]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "log.parquet")
    for path in (tmp_path / "log.parquet", write(tmp_path, json.dumps(row))):
        rows, _ = as_read(find_log(path), columns)
        assert rows == [["a fish", "u", "image_1"], ["a fish", "v", "image_2"]]
    fixed = pa.array([["u", "v"]], pa.list_(pa.string(), 2)), pa.array([[1, 2]], pa.large_list(pa.int8()))
    pq.write_table(pa.table(fixed, ["u", "n"]), tmp_path / "log.parquet")
    assert as_read(find_log(tmp_path), ["u[]", "n[1]"])[0] == [["u", "2"], ["v", "2"]]


def test_unequal_lists_are_named_by_their_row(tmp_path: Path) -> None:
    rows = [{"u": ["a"], "r": ["x"]}, {"u": ["a", "b"], "r": ["x"]}]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)))
    assert "line 2 of 'log.jsonl' has lists of unequal length, 2 at 'u[]'" in fault(path, ["u[]", "r[]"])
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    assert "row 2 of 'log.parquet' has lists of unequal length" in fault(
        tmp_path / "log.parquet", ["u[]", "r[]"]
    )


UTC = datetime.UTC
NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPED = {
    "int": (pa.array([2**63 - 1]), "9223372036854775807"),
    "uint": (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    "float": (pa.array([0.1 + 0.2]), "0.30000000000000004"),
    "float32": (pa.array([0.1], pa.float32()), "0.1"),
    "half": (pa.array([0.50000001]), "0.50000001"),
    "nan": (pa.array([float("nan")]), "nan"),
    "decimal": (pa.array([decimal.Decimal("1.50")]), "1.50"),
    "bool": (pa.array([True]), "true"),
    "time": (pa.array([NOON], pa.timestamp("us", "UTC")), "2026-03-01 12:00:00.000000Z"),
    "zone": (pa.array([NOON], pa.timestamp("s", "+09:00")), "2026-03-01 21:00:00.000+0900"),
    "nano": (pa.array([1664582400123456789], pa.timestamp("ns")), "2022-10-01 00:00:00.123456789"),
    "date": (pa.array([NOON.date()]), "2026-03-01"),
    "bytes": (pa.array(["魚".encode()]), "魚"),
    "words": (pa.array(["x"]).dictionary_encode(), "x"),
    "null": (pa.nulls(1), None),
}


def test_typed_columns_become_text_with_all_that_they_say(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({name: array for name, (array, _) in TYPED.items()}), path)
    (row,), lines = as_read(find_log(path), [*TYPED])
    assert dict(zip(TYPED, row, strict=True)) == {
        name: text for name, (_, text) in TYPED.items()
    } and lines == [1]
    pq.write_table(pa.table({"a": [b"\xff\xd8"]}), path)
    assert "column 'a' of 'log.parquet' holds binary, which is no text" in fault(path, ["a"])


def test_images_are_bytes_in_a_column_or_beside_a_path(tmp_path: Path) -> None:
    images = [picture(n) for n in range(40)]
    ids = [f"{n:03d}" for n in range(40)]
    structs = [{"bytes": image, "path": f"{uid}.png"} for image, uid in zip(images, ids, strict=True)]
    structs[1] = {"bytes": None, "path": "/etc/passwd"}
    path = tmp_path / "log.parquet"
    pq.write_table(
        pa.table({"id": ids, "jpg": images, "Image": structs, "number": [*range(40)]}),
        path,
        row_group_size=30,
    )
    log = find_log(path)
    assert log.columns == ("id", "jpg", "Image", "number") and log.has_bytes("jpg") and log.has_bytes("image")
    assert [*log.images("id", "jpg")] == [*zip(ids, images, strict=True)]
    named = [(f"{uid}.png", image) for uid, image in zip(ids, images, strict=True)]
    assert [*log.images("image.path", "image")] == [named[0], *named[2:]]
    assert [uid for uid, _ in log.images("number", "jpg")] == [str(n) for n in range(40)]
    assert as_read(log, ["image.path", "number"])[0][1] == ["/etc/passwd", "1"]
    assert not log.has_bytes("none") and [*log.images("id", "none")] == []


def test_what_is_no_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    for image in ("/etc/passwd", base64.b64encode(picture(1)).decode(), {"path": "a.png"}, 3):
        pq.write_table(pa.table({"id": ["a"], "jpg": [image]}), path)
        with pytest.raises(
            ValueError, match=r"column 'jpg' of 'log.parquet' holds .*; expected the bytes of images"
        ):
            next(find_log(path).images("id", "jpg"))


def test_a_shard_without_the_images_of_the_others_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "jpg": [picture(1)]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": ["b"]}), tmp_path / "b.parquet")
    with pytest.raises(
        ValueError, match=r"log 'b.parquet' has no column 'jpg', and others have; expected images"
    ):
        find_log(tmp_path).has_bytes("jpg")
