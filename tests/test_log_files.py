"""Which files a log is: shards with things beside them, archives, and what is no table by its true reason."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasteprint.data.logs import find_log
from written_tables import as_read

PLAIN = "user_id,image\nu,a\n"
ROWS = [["u", "a"]]


def rows_of(source: Path) -> list[list[str | None]]:
    return as_read(find_log(source), ["user_id", "image"])[0]


def fault(source: Path) -> str:
    with pytest.raises(ValueError) as error:
        rows_of(source)
    assert "; expected" in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def shards(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = folder / "log" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "log"


BESIDE = {
    "part-1.csv": ("", "part-1.csv is empty and passed over"),
    "blank.csv": ("\ufeff\r\n\r\n", "blank.csv is empty and passed over"),
    "._part-0.csv": (b"\0\5\26\7\0", "1 hidden file passed over"),
    ".ipynb_checkpoints__part-0-checkpoint.csv": (PLAIN, "1 hidden file passed over"),
    "_SUCCESS": ("", "1 hidden file passed over"),
    ".part-0.csv.crc": ("x", "1 hidden file passed over"),
    "images.csv": (
        "image_id,file,size\na,a.png,3\n",
        "images.csv has no column 'user_id' and is passed over",
    ),
    "README.txt": ('"Made" in March.\n', ""),
    "info.json": ('{"rows": 1}', "info.json has no column 'user_id' and is passed over"),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0", ""),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_lies_beside_shards_is_passed_over_and_said(name: str, tmp_path: Path) -> None:
    content, note = BESIDE[name]
    folder = shards(tmp_path, **{"part-0.csv": PLAIN, name: content})
    assert rows_of(folder) == ROWS
    assert find_log(folder).require(["user_id", "image"], "").notes == tuple(filter(None, [note]))


def test_a_folder_without_tables_is_said_to_be_one(tmp_path: Path) -> None:
    assert "holds no table; expected a CSV" in fault(shards(tmp_path, **{"a.png": "x"}))


def test_shards_in_two_dialects_and_orders(tmp_path: Path) -> None:
    folder = shards(tmp_path, a=PLAIN)
    (folder / "a").rename(folder / "a.csv")
    shards(tmp_path, **{"b.csv": "image;user_id\na;u\n", "c.tsv": "USER_ID\timage\r\nu\ta\r\n"})
    assert rows_of(folder) == ROWS * 3


def test_a_damaged_shard_is_not_passed_over(tmp_path: Path) -> None:
    assert "line 2 of 'b.csv' has 1 cell" in fault(
        shards(tmp_path, **{"a.csv": PLAIN, "b.csv": "user_id,image\nu\n"})
    )
    assert "'c.parquet' as Parquet" in fault(shards(tmp_path, **{"b.csv": PLAIN, "c.parquet": b"PAR1"}))


def test_a_shard_without_a_header_is_not_passed_over(tmp_path: Path) -> None:
    folder = shards(tmp_path, **{"a.csv": PLAIN, "b.csv": "v,b\nw,c\n"})
    assert "log 'b.csv' has as many columns as 'a.csv' and none of the name 'user_id'" in fault(folder)


def test_kinds_of_the_same_table_are_not_mixed(tmp_path: Path) -> None:
    folder = shards(tmp_path, **{"a.csv": PLAIN, "b.jsonl": '{"user_id": "u", "image": "a"}'})
    assert "mixes CSV and JSON; expected files of one kind" in fault(folder)


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


MEMBERS = {
    "../../out.csv": PLAIN,
    "shards/b.csv": PLAIN.replace(",", ";"),
    "__MACOSX/._b.csv": "\0",
    "a.png": "x",
    "images.csv": "id,file,size\n1,a,2\n",
}


def test_archives_of_shards(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    zipped(tmp_path / "in" / "log.zip", MEMBERS)
    for ending in (".tar", ".tar.gz", ".tgz"):
        with tarfile.open(tmp_path / "in" / f"log{ending}", f"w:{'gz' if 'gz' in ending else ''}") as archive:
            for name, text in MEMBERS.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
            link = tarfile.TarInfo("link.csv")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    for path in sorted((tmp_path / "in").iterdir()):
        assert rows_of(path) == ROWS * 2
        log = find_log(path)
        assert log.files == tuple(
            f"{path.name}/{name}" for name in ("../../out.csv", "shards/b.csv", "images.csv")
        )
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in"]
    assert rows_of(tmp_path / "in") == ROWS * 8


def test_a_damaged_archive_or_bomb_is_refused(tmp_path: Path, monkeypatch) -> None:
    whole = zipped(tmp_path / "log.zip", {"a.csv": PLAIN}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    (tmp_path / "bad.zip").write_bytes(whole.replace(b"PK\x01\x02", b"PK\x01\x03"))
    (tmp_path / "none.tar").write_bytes(b"x" * 2000)
    for name in ("cut.zip", "bad.zip", "none.tar"):
        assert f"'{name}' cannot be unpacked" in fault(tmp_path / name)
    monkeypatch.setattr("tasteprint.data.tables.places.BELIEVED", 1 << 20)
    bomb = zipped(tmp_path / "bomb.zip", {"a.csv": PLAIN + "\n" * (4 << 20)})
    assert "'bomb.zip' unpacks to more than 500 times its size" in fault(bomb)
    assert "is empty; expected a table" in fault(zipped(tmp_path / "pictures.zip", {"a.png": "x"}))


def test_what_is_no_table_is_refused_by_its_true_reason(tmp_path: Path) -> None:
    zipped(tmp_path / "votes.csv", {"[Content_Types].xml": "", "xl/workbook.xml": ""})
    zipped(tmp_path / "model.bin", {"model/data.pkl": ""})
    (tmp_path / "old.csv").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(9))
    (tmp_path / "votes.xlsx").write_bytes(b"")
    (tmp_path / "p.csv").write_bytes(pickle.dumps([1]))
    (tmp_path / "lfs.parquet").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    )
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "empty.json").write_text("[]")
    for name, reason in {
        "votes.csv": "is a workbook; expected a table as text: save it as CSV",
        "old.csv": "is a workbook",
        "votes.xlsx": "is a workbook",
        "model.bin": "is a pickle, which can run code",
        "p.csv": "is a pickle",
        "lfs.parquet": "is a pointer of Git LFS, not the file itself",
        "notes.docx": "is of no known kind",
        "empty.csv": "is empty; expected a table with a header",
        "empty.json": "has no column 'user_id'",
        "none.csv": "is not there",
    }.items():
        assert f"log {name!r} {reason}" in fault(tmp_path / name).replace(str(tmp_path) + "/", "")


def test_a_table_is_known_by_its_bytes_whatever_its_name(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"user_id": ["u"], "image": ["a"]}), tmp_path / "log.csv")
    (tmp_path / "votes.TXT").write_text(PLAIN)
    assert rows_of(tmp_path / "log.csv") == ROWS == rows_of(tmp_path / "votes.TXT")
