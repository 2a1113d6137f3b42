"""Any log to the vote table: formats, mappings, conversions by hand, and each bad input as one sentence."""

from __future__ import annotations

import dataclasses
import gzip
import json
import pickle
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import CALISTA, needs_calista, picture, rows_of, staged, write_csv, write_parquet
from tasteprint.data.mapping import (
    OPTIONAL,
    REQUIRED,
    Filter,
    Images,
    Mapping,
    load_mapping,
)
from tasteprint.types import Vote

PLAIN = load_mapping("votes")
ROWS = rows_of(users=2, votes=5)
EXPECTED = sorted(
    (
        Vote(
            row["user_id"],
            row["prompt"],
            row["image_0"],
            row["image_1"],
            float(row["label_0"]),
            datetime.fromisoformat(row["created_at"]),
            row["ranking_id"],
        )
        for row in ROWS
    ),
    key=lambda vote: (vote.user_id, vote.prompt, vote.image_0, vote.image_1),
)


def jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def refused(tmp_path: Path, source: Path, mapping: Mapping, match: str) -> None:
    with pytest.raises(ValueError, match=match) as error:
        staged(tmp_path, source, mapping)
    assert "expected" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "parquet", "folder", "glob", "odd [name]*.csv"])
def test_every_format_gives_the_same_votes(form: str, tmp_path: Path) -> None:
    plain = write_csv(tmp_path / "log.csv", ROWS)
    source: Path = plain
    if form == "csv.gz":
        source = tmp_path / "packed.csv.gz"
        source.write_bytes(gzip.compress(plain.read_bytes()))
    elif form == "jsonl":
        source = jsonl(tmp_path / "log.jsonl", ROWS)
    elif form == "parquet":
        source = write_parquet(tmp_path / "log.parquet", f"SELECT * FROM '{plain}'")
    elif form == "odd [name]*.csv":
        source = write_csv(tmp_path / form, ROWS)
    elif form in ("folder", "glob"):
        shards = tmp_path / "shards"
        shards.mkdir()
        write_csv(shards / "a.csv", ROWS[:4])
        write_csv(shards / "b.csv", ROWS[4:])
        source = shards if form == "folder" else shards / "*.csv"
    votes, dropped = staged(tmp_path, source, PLAIN)
    assert votes == EXPECTED and not dropped


def test_awkward_prompts_ids_and_columns_survive(tmp_path: Path) -> None:
    prompts = [
        "",
        "x" * 10_000,
        "שלום עולם",
        "🌸 <image> <end_of_utterance>",
        'a "b",\nc; d|e\tf',
        "'; DROP TABLE",
    ]
    odd = 'who "is" it; --'
    rows = [
        {odd: f"00{n}", "p": text, "image_0": "a", "image_1": "b", "label_0": 1}
        for n, text in enumerate(prompts)
    ]
    mapping = PLAIN.with_columns((f"user={odd}", "prompt=p"))
    for source in (write_csv(tmp_path / "log.csv", rows), jsonl(tmp_path / "log.jsonl", rows)):
        (tmp_path / source.suffix).mkdir()
        votes, _ = staged(tmp_path / source.suffix, source, mapping)
        assert [(vote.user_id, vote.prompt) for vote in votes] == [
            (f"00{n}", text) for n, text in enumerate(prompts)
        ]


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "log.csv", [{"who": "a", "image_0": "x", "image_1": "y", "label_0": 1}])
    refused(
        tmp_path, source, PLAIN, "'log.csv' has no column 'user_id'.*who, image_0, image_1, label_0.*--column"
    )


def test_an_image_table_beside_the_log_is_passed_over(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write_csv(logs / "a.csv", ROWS)
    write_csv(logs / "images.csv", [{"image_id": "x", "file": "y"}])
    votes, dropped = staged(tmp_path, logs, PLAIN)
    assert votes == EXPECTED and not dropped


def test_an_optional_column_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("user_id", "image_0", "image_1", "label_0")} for row in ROWS]
    source = write_csv(tmp_path / "log.csv", rows)
    refused(tmp_path, source, PLAIN.with_columns(("prompt=caption",)), "no column 'caption'")


@pytest.mark.parametrize("label", ["2", "0.7", "left", "-1", "1_0"])
def test_a_label_outside_the_three_is_shown_with_its_rows(label: str, tmp_path: Path) -> None:
    rows = [{**row, "label_0": label if n in (1, 3) else 1} for n, row in enumerate(ROWS)]
    source = write_csv(tmp_path / "log.csv", rows)
    refused(tmp_path, source, PLAIN, f"label is '{label}' in 2 rows of column 'label_0'; expected 1 .first")


def test_times_of_every_kind_are_utc_and_bad_ones_are_shown(tmp_path: Path) -> None:
    times = ["2023-05-01 10:00:00", "2023-05-01T12:00:00+02:00", "2023-05-01T10:00:00Z", "1682935200", ""]
    rows = [{**ROWS[0], "created_at": time, "ranking_id": n} for n, time in enumerate(times)]
    votes, _ = staged(tmp_path, write_csv(tmp_path / "log.csv", rows), PLAIN)
    assert Counter(vote.created_at for vote in votes) == {datetime(2023, 5, 1, 10): 4, None: 1}
    (tmp_path / "bad").mkdir()
    source = write_csv(tmp_path / "bad.csv", [{**ROWS[0], "created_at": "yesterday"}])
    refused(tmp_path / "bad", source, PLAIN, "created_at is 'yesterday' in 1 rows")


def test_a_ranking_id_must_be_whole(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "log.csv", [{**ROWS[0], "ranking_id": "abc"}])
    refused(tmp_path, source, PLAIN, "ranking_id is 'abc'")


def test_rows_without_user_image_or_label_are_counted(tmp_path: Path) -> None:
    rows = [{**ROWS[0], key: ""} for key in ("user_id", "image_0", "image_1", "label_0")]
    votes, dropped = staged(tmp_path, write_csv(tmp_path / "log.csv", [ROWS[1], *rows]), PLAIN)
    assert len(votes) == 1 and dropped == {"no user": 1, "no image": 2, "no label": 1}


class Bomb:
    """Loading its pickle makes a folder: proof of whether anyone loaded it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("name", ["votes.pkl", "votes.csv", "votes.parquet", "votes.pt"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_a_pickle_is_refused_unopened(name: str, protocol: int, tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    source = tmp_path / name
    source.write_bytes(pickle.dumps(Bomb(loaded), protocol))
    refused(tmp_path, source, PLAIN, "is a pickle, which can run code when opened, so it was not")
    assert not loaded.exists()
    pickle.loads(source.read_bytes())
    assert loaded.exists(), "the trap was armed"


def test_what_is_no_log_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing")
    (tmp_path / "binary.csv").write_bytes(bytes(range(128, 256)) * 9)
    (tmp_path / "broken.jsonl").write_text('{"user_id": "a"\n{]')
    for name, match in {
        "none.csv": "is not there",
        "notes.docx": "of no known kind",
        "broken.parquet": "reading 'broken.parquet' as Parquet could not be done",
        "binary.csv": "'binary.csv'",
        "broken.jsonl": "'broken.jsonl'",
    }.items():
        (tmp_path / f"{name}.work").mkdir()
        refused(tmp_path / f"{name}.work", tmp_path / name, PLAIN, match)


def test_a_folder_of_two_kinds_is_refused(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write_csv(logs / "a.csv", ROWS)
    jsonl(logs / "b.jsonl", ROWS)
    refused(tmp_path, logs, PLAIN, "mixes CSV and JSON")


def ratings(user: str, *pairs: tuple[str, float]) -> list[dict]:
    return [
        {"user_id": user, "image": image, "rating": rating, "created_at": f"2023-01-01 00:00:0{n}"}
        for n, (image, rating) in enumerate(pairs)
    ]


def test_star_ratings_pair_best_with_worst_by_hand(tmp_path: Path) -> None:
    # Ann ranked: d 5, a 4, e 4 (later), c 3, b 1. So d beats b (gap 4); a over c has gap 1; e is left over.
    # Bob's g and h differ by 2: one vote. Cy rated i twice: only the later 1 counts, and j beats it.
    rows = ratings("ann", ("a", 4), ("b", 1), ("c", 3), ("d", 5), ("e", 4))
    rows += ratings("bob", ("g", 2), ("h", 4)) + ratings("cy", ("i", 5), ("j", 3), ("i", 1))
    votes, dropped = staged(tmp_path, write_csv(tmp_path / "log.csv", rows), load_mapping("ratings"))
    assert [(v.user_id, v.liked, v.disliked) for v in votes] == [
        ("ann", "d", "b"),
        ("bob", "h", "g"),
        ("cy", "j", "i"),
    ]
    assert votes[0].created_at == datetime(2023, 1, 1, 0, 0, 3)
    assert dropped == {"rating without a partner": 3, "image rated again later": 1}


def test_ties_in_rating_go_by_time_then_image(tmp_path: Path) -> None:
    rows = ratings("ann", ("z", 5), ("a", 5), ("y", 1), ("b", 1))
    votes, _ = staged(tmp_path, write_csv(tmp_path / "log.csv", rows), load_mapping("ratings"))
    assert {(v.liked, v.disliked) for v in votes} == {("z", "b"), ("a", "y")}


def test_likes_become_votes_and_the_position_says_nothing(tmp_path: Path) -> None:
    def rows(like: str, dislike: str) -> list[dict]:
        return [
            {"user_id": f"u{n}", "image": f"{kind}{n}", "liked": word}
            for n in range(400)
            for kind, word in (("x", like), ("y", dislike))
        ]

    sides = []
    for words in (("like", "dislike"), ("False", "True")):
        (tmp_path / words[0]).mkdir()
        source = write_csv(tmp_path / f"{words[0]}.csv", rows(*words))
        votes, dropped = staged(tmp_path / words[0], source, load_mapping("likes"))
        assert len(votes) == 400 and not dropped
        sides.append({vote.user_id: vote.image_0 for vote in votes})
        assert 150 < sum(vote.label_0 for vote in votes) < 250
    assert sides[0] == sides[1], "who stands first depends on the two images, not on which was liked"


def test_a_rating_that_is_no_number_is_shown(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "log.csv", ratings("ann", ("a", 4)) + ratings("bo", ("b", "good")))
    refused(tmp_path, source, load_mapping("ratings"), "rating is 'good' in 1 rows")


PICKAPIC = """SELECT i % 3 <> 0 AS are_different, 'x' AS best_image_uid, 'caption ' || i AS caption,
  make_timestamp_ns(1664582400123456789 + i * 1000000000) AS created_at, i <> 4 AS has_label,
  'uid' || i AS image_0_uid, 'https://example.org/a' AS image_0_url, 'uid' || (i + 100) AS image_1_uid,
  'https://example.org/b' AS image_1_url, $jpg::BLOB AS jpg_0, $jpg::BLOB AS jpg_1,
  [0.0, 0.5, 1.0][1 + (i % 3)::INT]::DOUBLE AS label_0, 1 - label_0 AS label_1,
  'm' AS model_0, 'n' AS model_1,
  i AS ranking_id, 7::BIGINT AS user_id, 4::BIGINT AS num_example_per_prompt, i AS __index_level_0__
  FROM range(6) t(i)"""


@pytest.mark.parametrize("edition", ["with images", "without"])
def test_the_exact_columns_of_pickapic_v2(edition: str, tmp_path: Path) -> None:
    select = PICKAPIC if edition == "with images" else f"SELECT * EXCLUDE (jpg_0, jpg_1) FROM ({PICKAPIC})"
    source = write_parquet(tmp_path / "train-00000.parquet", select, jpg=picture(1, "JPEG"))
    votes, dropped = staged(tmp_path, source, load_mapping("pickapic"))
    assert dropped == {"no label": 1}
    assert [vote.label_0 for vote in votes] == [0, 0.5, 1, 0, 1]
    assert votes[1] == Vote(
        "7", "caption 1", "uid1", "uid101", 0.5, datetime(2022, 10, 1, 0, 0, 1, 123456), 1
    )


def test_a_mapping_is_checked_when_it_is_read(tmp_path: Path) -> None:
    good = 'kind = "votes"\n[columns]\nuser = "u"\nimage_0 = "a"\nimage_1 = "b"\nlabel = "l"\n'
    stars = 'kind = "ratings"\n[columns]\nuser = "u"\nimage = "a"\nrating = "r"\n'
    own = tmp_path / "own.toml"
    for text, match in {
        good: "",
        good.replace("votes", "stars"): "kind is 'stars'",
        good.replace('label = "l"', ""): "no column for 'label'",
        good + 'size = "s"\n': "column of 'size'",
        "colour = 1\n" + good: "has no setting 'colour'",
        good + "[images]\nplace = 'moon'\n": "images.place is 'moon'",
        good + "[[filters]]\ncolumn = 'x'\nkeep = ['1']\n": "reason",
        good + "[[filters]]\nwhere = 'x'\n": r"filters\.0 has no setting 'where'",
        "kind = ": "is not TOML",
        "kind = 'votes'": "no 'columns'",
        good + "[images]\ntable = 3\n": "images.table is 3",
        "prompt = 3\n" + good: "prompt is 3",
        "optional = 'label'\n" + good: "optional is 'label'; expected a list",
        "min_gap = 0\n" + good: "min_gap is 0; expected a number above 0",
        good + "[labels]\nyes = 'one'\n": "labels.yes is 'one'; expected a number",
        good + "[labels]\nyes = 2\n": r"labels.yes is 2; expected 1 \(first preferred\)",
        good + "[[filters]]\ncolumn = 'x'\nkeep = ['1']\nreason = 3\n": r"filters\.0\.reason is 3",
        good + "[constants]\nlabel = 1\n": "a column and a constant of 'label'; expected one of them",
        good + "[constants]\nsize = 1\n": "a constant of 'size'; expected one of user",
        good + "[constants]\nsplit = ['test']\n": r"constants\.split is \['test'\]",
        good
        + "[splits]\nholdout = 'moon'\n": "splits.holdout is 'moon'; expected one of train, validation, test",
        good + "[source]\ndelimiter = ';;'\n": "delimiter is ';;'; expected one character",
        "scale = [1, 5]\n" + good: "expected these of ratings only",
        "scale = [5, 1]\n" + stars: r"scale is \[5.0, 1.0\]; expected the least and the most",
        "scale = ['a', 'b']\n" + stars: r"mapping\.scale\.0 is 'a'; expected a number",
        "rejected = [-1]\n" + stars: "rejected and no scale; expected both",
    }.items():
        own.write_text(text)
        if not match:
            assert load_mapping(own).columns["user"] == "u"
            continue
        with pytest.raises(ValueError, match=match) as error:
            load_mapping(own)
        assert "expected" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"expected one of calista, .*, or the path"):
        load_mapping("nope")
    with pytest.raises(ValueError, match="expected role=column"):
        PLAIN.with_columns(("user",))
    with pytest.raises(ValueError, match="column of 'usr'"):
        PLAIN.with_columns(("usr=x",))


def test_filters_count_under_the_first_reason_that_holds(tmp_path: Path) -> None:
    filters = (
        Filter("prompt", ("prompt 0", "prompt 1"), "third"),
        Filter("user_id", ("user000",), "not the first"),
    )
    mapping = Mapping(kind="votes", columns=PLAIN.columns, filters=filters)
    votes, dropped = staged(tmp_path, write_csv(tmp_path / "log.csv", ROWS), mapping)
    assert len(votes) == 4 and dropped == {"third": 2, "not the first": 4}


@needs_calista
def test_the_real_log_counts_as_by_hand(tmp_path: Path) -> None:
    # awk -F, 'NR>1 && $7==1 && $6==0 && $5!="none"' choices.csv | wc -l gives 5094;
    # with $5=="left" in place of the last condition, 2568.
    votes, dropped = staged(tmp_path, CALISTA / "choices.csv", load_mapping("calista"))
    assert len(votes) == 5094 and sum(vote.label_0 for vote in votes) == 2568
    assert len({vote.user_id for vote in votes}) == 174
    assert dropped == {
        "rater failed the authors' consistency check": 75 * 32,
        "repeated pair": 348,
        "undecided": 126,
    }
    first = min((v for v in votes if v.user_id == "web001"), key=lambda v: v.ranking_id or 0)
    assert first == Vote("web001", "a web page", "web_064", "web_096", 1.0, None, 1)


NAMES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=8
)
LABELS = st.dictionaries(NAMES, st.sampled_from([0.0, 0.5, 1.0]), max_size=3)
FILTERS = st.lists(st.builds(Filter, NAMES, st.lists(NAMES, max_size=2).map(tuple), NAMES), max_size=2).map(
    tuple
)
IMAGES = st.builds(Images, st.sampled_from(["none", "bytes", "paths", "table"]), NAMES, NAMES, NAMES)


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    kind = draw(st.sampled_from(sorted(REQUIRED)))
    roles = (*REQUIRED[kind], *draw(st.lists(st.sampled_from(OPTIONAL[kind]), unique=True)))
    columns = {role: draw(NAMES) for role in roles}
    optional = tuple(draw(st.lists(st.sampled_from(roles), unique=True)))
    gap = draw(st.floats(0.125, 4))
    more = {}
    if kind == "ratings":
        words = draw(st.lists(NAMES, max_size=2))
        more = {"scale": (1.0, 5.0), "unrated": tuple(words), "rejected": tuple(words)}
    if draw(st.booleans()):
        more["constants"] = {"user": draw(NAMES)}
        columns = {role: column for role, column in columns.items() if role != "user"}
    return Mapping(
        kind, columns, optional, draw(NAMES), draw(LABELS), draw(FILTERS), draw(IMAGES), gap, **more
    )


def inline(value: Any) -> str:
    """A value as TOML has it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def reread(table: dict[str, Any], folder: Path) -> Mapping:
    path = folder / "mapping.toml"
    path.write_text(
        "".join(f"{json.dumps(key)} = {inline(value)}\n" for key, value in table.items()), "utf-8"
    )
    return load_mapping(path)


@given(mapping=mappings())
def test_any_mapping_is_the_same_after_toml(
    mapping: Mapping, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert reread(dataclasses.asdict(mapping), tmp_path_factory.getbasetemp()) == mapping


@given(mapping=mappings(), place=st.sampled_from(["", "images", "filters"]), key=NAMES, value=NAMES)
def test_an_unknown_key_is_always_refused(
    mapping: Mapping, place: str, key: str, value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = dataclasses.asdict(mapping)
    table["filters"] = [*table["filters"], {"column": "x", "keep": [], "reason": "y"}]
    section = {"": table, "images": table["images"], "filters": table["filters"][-1]}[place]
    section["no " + key] = value
    with pytest.raises(
        ValueError, match=r"^mapping.* has no setting 'no .*; expected one of .*: correct it\.$"
    ) as fault:
        reread(table, tmp_path_factory.getbasetemp())
    assert "\n" not in str(fault.value)
