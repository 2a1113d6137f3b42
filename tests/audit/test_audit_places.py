"""Every command that writes, and at each place where it writes what may stand there already, or be in the way."""

import os
import subprocess

import pytest
from place import audit

HISTORY = ("--history", "{votes}")
WRITERS = {
    "build": ("data", "build", "{log}", "--mapping", "{mapping}", "--out", "?"),
    "build-force": ("data", "build", "{log}", "--mapping", "{mapping}", "--force", "--out", "?"),
    "look": ("data", "look", "{log}", "--out", "?.toml"),
    "agents": ("agents", "build", "--agents", "2", "--images", "1", "--steps", "1", "--out", "?"),
    "train": (
        "train", "--config", "posterior", "--set", "posterior.steps=1", "--set", "posterior.encoder=statistics",
        "--set", "posterior.prior=learned", "--data", "{data}", "--out", "?",
    ),
    "evaluate": ("evaluate", "--model", "mini-posterior", "--data", "{data}", "--out", "?.json"),
    "rank-csv": ("rank", "{photos}", *HISTORY, "--out", "?.csv"),
    "rank-html": ("rank", "{photos}", *HISTORY, "--out", "?.html"),
    "rank-parquet": ("rank", "{photos}", *HISTORY, "--out", "?.parquet"),
    "rank-copies": ("rank", "{photos}", *HISTORY, "--copy-to", "?"),
    "ask-csv": ("ask", "{photos}", *HISTORY, "--count", "2", "--out", "?.csv"),
    "ask-html": ("ask", "{photos}", *HISTORY, "--count", "2", "--out", "?.html"),
    "likes": ("likes", "xmp:{work}/rated", "--out", "?.csv"),
    "generate": ("generate", "--prompt", "a fish", *HISTORY, "--steps", "1", "--out", "?"),
    "demo": ("demo", "--people", "40", "--set", "stage1.steps=0", "--out", "?"),
}  # fmt: skip

SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>"""


def a_file(path):
    path.write_text("kept")


def a_full_folder(path):
    path.mkdir()
    (path / "kept.txt").write_text("kept")


def under_a_file(path):
    path.parent.joinpath("file").write_text("kept")
    return path.parent / "file" / path.name


IN_THE_WAY = {
    "file": a_file, "full": a_full_folder, "fifo": lambda path: os.mkfifo(path),
    "null": lambda path: path.symlink_to("/dev/null"), "loop": lambda path: path.symlink_to(path),
    "under-file": under_a_file, "no-device": lambda path: f"/proc/none/{path.name}",
    "long": lambda path: path.with_name("x" * 300 + path.suffix), "no-name": lambda path: path.suffix,
    "dangling": lambda path: path.symlink_to("nowhere/below"),
}  # fmt: skip

OVERWRITES = {"evaluate", "rank-csv", "rank-html", "rank-parquet", "ask-html", "likes"}
"""A table that is written again replaces the last one, as people expect of --out."""

GOES_ON = {"agents": ("disk/out.part",), "rank-copies": ("disk/out",), "train": ("disk/out",)}
"""What a command leaves on a full disk, since the same command goes on from there."""

EITHER = {("rank-copies", "full"), ("rank-copies", "no-name")}
"""Copies are put beside what a folder holds, and no name is this folder."""


@pytest.mark.parametrize("obstacle", IN_THE_WAY)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_in_the_way_stays(place, tmp_path, writer, obstacle):
    rated(place, tmp_path)
    slot = WRITERS[writer][-1]
    target = tmp_path / slot.replace("?", "out")
    given = IN_THE_WAY[obstacle](target) or target
    given = "" if obstacle == "no-name" else str(given)
    expected = "either" if (writer, obstacle) in EITHER else "refused"
    new = {"full": ("out",), "no-name": ("",)}[obstacle] if (writer, obstacle) in EITHER else ()
    if obstacle == "file" and writer in OVERWRITES:
        expected, new = "done", (target.name,)
    audit(place, tmp_path, (*WRITERS[writer][:-1], given), expected, new)


DATABASES = ("build", "build-force")
"""DuckDB opens no file of such a name."""


@pytest.mark.parametrize("writer", [one for one in WRITERS if one != "demo"])
def test_a_name_that_is_not_utf_8_is_written(place, tmp_path, writer):
    rated(place, tmp_path)
    target = tmp_path / os.fsdecode(b"caf\xe9 \xff") / WRITERS[writer][-1].replace("?", "out")
    expected = "refused" if writer in DATABASES else "done"
    audit(place, tmp_path, (*WRITERS[writer][:-1], str(target)), expected, (target.parent.name,))
    assert target.exists() == (expected == "done")


@pytest.fixture
def disk(tmp_path, request):
    """A file system of so many bytes; the test is left out where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = getattr(request, "param", 4096)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


SIZES = (4096, 8192, 16_384, 24_576, 40_960, 65_536, 98_304, 131_072, 262_144, 524_288)


@pytest.mark.parametrize("disk", SIZES, indirect=True)
@pytest.mark.parametrize("writer", [one for one in WRITERS if one not in ("demo", "build-force")])
def test_a_full_disk_leaves_nothing(place, tmp_path, writer, disk):
    rated(place, tmp_path)
    target = disk / WRITERS[writer][-1].replace("?", "out")
    audit(
        place,
        tmp_path,
        (*WRITERS[writer][:-1], str(target)),
        "either",
        ("disk/out",),
        GOES_ON.get(writer, ()),
    )


@pytest.mark.parametrize("writer", [one for one in WRITERS if one != "demo"])
def test_a_place_that_is_only_read(place, tmp_path, writer, disk):
    rated(place, tmp_path)
    if subprocess.run(["mount", "-o", "remount,ro", disk], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    target = disk / WRITERS[writer][-1].replace("?", "out")
    audit(place, tmp_path, (*WRITERS[writer][:-1], str(target)), "refused")


def rated(place, work):
    """A picture with a rating beside it."""
    (work / "rated").mkdir()
    os.link(place.root / "photos/0.png", work / "rated/0.png")
    (work / "rated/0.png.xmp").write_text(SIDECAR)
