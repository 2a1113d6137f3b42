"""The wall and the questions as pages: whole, safe against hostile names, and seen in a real browser."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image

from tasteprint.library.names import address, plain
from tasteprint.library.questions import Question
from tasteprint.library.ranking import Evidence, RankedPicture, Ranking
from tasteprint.report import wall
from tasteprint.report.question_page import write_question_page
from tasteprint.report.thumbnails import Wanted, thumbnail
from tasteprint.report.wall import sections_of, write_wall
from tests.test_page import chromium

HOSTILE = (
    "<script>document.title='owned'<!--.png",
    "\"><img src=x onerror=\"document.title='owned'.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "javascript:alert(1).png",
    "a\nb\t\x1b[31m.png",
    "\u202eright to left.png",
    "👩‍🚀 קשת #%41?&amp;.png",
    os.fsdecode(b"caf\xe9.png"),
)


@pytest.fixture
def files(tmp_path, pictures):
    """Sixteen pictures, eight of hostile names."""
    made = [tmp_path / "photos" / name for name in (*HOSTILE, *(f"{number}.png" for number in range(8)))]
    made[0].parent.mkdir()
    for path, picture in zip(made, pictures.values(), strict=False):
        picture.resize((96, 64)).save(path)
    return made


def ranking(files, **more):
    """Of every four files the last is a near-duplicate of the first; two are liked, one speaks for all."""
    rows = []
    for place, path in enumerate(files):
        group = place // 4 + 1 if place % 4 in (0, 3) else 100 + place
        because = (Evidence(files[1], "liked", 0.5), Evidence(files[2], "4 of 5 stars", 0.3))
        said = {1: "liked", 2: "4 of 5 stars", 3: "disliked"}.get(place, "")
        sure = 0.95 - 0.8 * place / len(files)
        rows.append(RankedPicture(path, 3.0 - place, sure, group, place % 4 != 3, said, because))
    return Ranking(tuple(rows), model="photos", opinions=3, **more)


def words(path):
    return path.read_text("utf-8")


def tags(page):
    """The page without words: neither those between tags nor those in attributes."""
    return re.sub(r'"[^"]*"', '""', re.sub(r">[^<]*<", "><", page))


def attributes(page):
    """Names and values of all attributes; words between tags may be anything."""
    return re.findall(r'\b([\w-]+)="([^"]*)"', re.sub(r">[^<]*<", "><", page))


def test_one_file_with_everything(files, tmp_path):
    page = tmp_path / "wall.html"
    failed = ((Path("x.png"), "'<b>x.png' is <i>damaged</i>; expected a picture."),)
    write_wall(ranking(files, failed=failed, skipped={".txt": 2}, notes=("One <note>.",)), page)
    text = words(page)
    assert [path.name for path in tmp_path.iterdir() if path.name != "photos"] == ["wall.html"]
    assert text.count('<li class="r150') == 12 and text.count("1 more like it") == 4
    assert "16 pictures, the best for you first" in text and "<strong>3 opinions</strong>" in text
    assert text.count("because you liked") == 12 and text.count("<symbol") == 2 + 4
    assert "4/5 ★" in text and "you liked it" in text and 'aria-label="95\xa0% sure"' in text
    assert "&lt;b&gt;x.png" in text and "One &lt;note&gt;." in text and "2 .txt" in text


def test_the_page_names_nothing_outside_its_folder_and_runs_nothing(files, tmp_path):
    write_wall(ranking(files), tmp_path / "wall.html")
    text = words(tmp_path / "wall.html")
    for name, value in attributes(text):
        if name in ("src", "srcset", "poster", "action"):
            assert value.startswith("data:image/jpeg;base64,")
        if name == "href":
            assert re.match(r"#d\d+$|data:image/jpeg|photos/[\w%.~-]+$", value), value
    assert not re.search(r"<(script|link|iframe|object|embed|base|form)\b|\son\w+=|\sstyle=", tags(text))
    assert "default-src 'none'" in text and "{{ 7 * 7 }}{% raw %}.png" in text


def test_links_lead_to_the_files(files, tmp_path):
    from urllib.parse import unquote_to_bytes

    for path in files:
        inside = address(path, tmp_path)
        assert os.fsdecode(unquote_to_bytes(inside)) == os.path.relpath(path, tmp_path)
        outside = address(path, tmp_path / "elsewhere")
        assert os.fsdecode(unquote_to_bytes(outside.removeprefix("file://"))) == str(path)


def test_names_on_one_line():
    assert plain("a\nb\x1b[31m\u202ec\x00") == "a\\nb\\x1b[31m\\u202ec\\x00"
    assert plain(Path("ä 🦄 👩‍🚀")) == "ä 🦄 👩‍🚀" and plain(os.fsdecode(b"\xe9")) == "\\xe9"


def test_of_many_pictures_thumbnails_are_beside(files, tmp_path, monkeypatch):
    monkeypatch.setattr(wall, "ALONE", 5)
    page, beside = tmp_path / "my wall.html", tmp_path / "my wall_files"
    beside.mkdir()
    (beside / "mine.jpg").write_text("mine")
    write_wall(ranking(files), page)
    shown = set(re.findall(r'"my%20wall_files/([0-9a-f]{20}\.jpg)"', words(page)))
    assert {path.name for path in beside.iterdir()} == shown | {"mine.jpg"} and len(shown) > 12
    write_wall(ranking(files[:8]), page)  # what only the page before showed goes with it
    fewer = set(re.findall(r'"my%20wall_files/([0-9a-f]{20}\.jpg)"', words(page)))
    assert {path.name for path in beside.iterdir()} == fewer | {"mine.jpg"} and fewer < shown


@pytest.mark.parametrize("alone", [5, 500])
def test_a_full_disk_leaves_the_old_page_and_nothing_new(files, tmp_path, monkeypatch, alone):
    monkeypatch.setattr(wall, "ALONE", alone)
    write_wall(ranking(files[:8]), tmp_path / "wall.html")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    replace = Path.replace

    def full(self, target):
        if target.suffix == ".html":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_wall(ranking(files), tmp_path / "wall.html")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_picture_that_is_gone_is_a_name(files, tmp_path):
    files[8].unlink()
    files[9].write_bytes(b"no picture")
    write_wall(ranking(files), tmp_path / "wall.html")
    assert words(tmp_path / "wall.html").count('<span class="none">') == 2


def test_the_parts_of_a_wall(monkeypatch):
    for name, value in {"FIRST": 2, "NEXT": 5, "BEST": 9, "LEAST": 2}.items():
        monkeypatch.setattr(wall, name, value)

    def parts(count):
        rows = tuple(RankedPicture(Path(str(n)), -float(n), 0.5, n) for n in range(count))
        return {
            name: [int(str(one.path)) for one in part]
            for name, (part, _) in sections_of(Ranking(rows)).items()
        }

    assert parts(1) == {"first": [0]} and parts(4) == {"first": [0, 1], "next": [2, 3]}
    assert parts(11) == {"first": [0, 1], "next": [2, 3, 4], "rest": [5, 6, 7, 8, 9, 10]}
    assert parts(20) == {"first": [0, 1], "next": [2, 3, 4], "rest": [5, 6, 7, 8], "least": [18, 19]}


def test_what_is_not_drawn_is_counted(files, tmp_path, monkeypatch):
    for name, value in {"FIRST": 1, "NEXT": 2, "BEST": 2, "LEAST": 2}.items():
        monkeypatch.setattr(wall, name, value)
    write_wall(ranking(files), tmp_path / "wall.html")
    assert "8 pictures between are not drawn" in words(tmp_path / "wall.html")
    write_wall(Ranking(()), tmp_path / "wall.html")
    assert "0 pictures" in words(tmp_path / "wall.html")


def test_a_thumbnail_holds_pixels_alone_and_no_more_than_asked(tmp_path):
    Image.new("RGB", (900, 300), "red").save(tmp_path / "a.jpg", comment=b"secret words")
    made = thumbnail(Wanted(tmp_path / "a.jpg", 96))
    assert (made.width, made.height) == (96, 32) and b"secret" not in made.data
    assert thumbnail(Wanted(tmp_path / "none.jpg", 96)) is None


def test_the_page_of_questions(files, tmp_path):
    pairs = [Question(first, second, 0.5) for first, second in zip(files[:8], files[8:], strict=True)]
    write_question_page(pairs, tmp_path / "ask.html")
    text = words(tmp_path / "ask.html")
    assert text.count("<figure>") == 16 and text.count("0.72 bit") == 8 and "8 pairs" in text
    assert not re.search(r"<(script|link|iframe|object|embed|base|form)\b|\son\w+=|\sstyle=", tags(text))
    assert all(value.startswith("data:image/jpeg;") for name, value in attributes(text) if name == "src")


def test_in_a_browser_hostile_names_stay_words(files, tmp_path):
    write_wall(ranking(files), tmp_path / "wall.html")
    page = (tmp_path / "wall.html").as_uri()
    ran = chromium("--enable-logging=stderr", "--dump-dom", page, profile=tmp_path / "profile")
    dom, log = ran.stdout.decode("utf-8"), ran.stderr.decode("utf-8", "replace")
    assert "<title>16 pictures" in dom and "<script" not in dom and dom.count("<style>") == 1
    assert "onerror=" not in tags(dom)
    assert "Content Security Policy" not in log, log


@pytest.mark.parametrize(("alone", "width"), [(5, 1400), (500, 1400), (500, 500)])
def test_in_a_browser_the_wall_has_pictures_and_fits(files, tmp_path, monkeypatch, alone, width):
    monkeypatch.setattr(wall, "ALONE", alone)
    for number, path in enumerate(files):
        Image.new("RGB", (96, 64), (250, 10 * number, 20)).save(path, "PNG")
    write_wall(ranking(files), tmp_path / "wall.html")
    shot = tmp_path / "shot.png"
    options = (f"--screenshot={shot}", f"--window-size={width},1200", "--virtual-time-budget=3000")
    chromium(*options, (tmp_path / "wall.html").as_uri(), profile=tmp_path / "profile")
    with Image.open(shot) as image:
        assert image.width == width
        seen = image.convert("RGB")
        assert seen.getpixel((2, 2)) == (247, 246, 243)  # --paper: the style was let in
        red = [
            colour
            for count, colour in seen.getcolors(1 << 24)
            if count > 999 and colour[0] > 230 > colour[2] + 180
        ]
        assert len(red) >= 2  # pictures, whether they are inside or beside
        assert {seen.getpixel((width - 2, y)) for y in range(0, 1200, 9)} == {
            (247, 246, 243)
        }  # nothing sticks out
