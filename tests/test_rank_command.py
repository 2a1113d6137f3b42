"""`rank`, `ask` and `cache` in a subprocess, as a person calls them on their own folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from front import run
from tasteprint.cli.ask import ask_command
from tasteprint.cli.progress import kept_when_stopped
from tasteprint.cli.rank import rank_command


@pytest.fixture(scope="module")
def home(tmp_path_factory, pictures):
    """Twenty pictures, some of strange names and one twice, sidecars, a broken one; five liked; a cache of its own."""
    root = tmp_path_factory.mktemp("home")
    (root / "photos/below").mkdir(parents=True)
    (root / "liked").mkdir()
    (root / "text").mkdir()
    (root / "text/a.txt").write_text("no picture")
    strange = ["a b.png", "=1+1.png", "c\nd.png", "🦄.png", os.fsdecode(b"caf\xe9.png"), "[x].png"]
    for name, picture in zip([*strange, *(f"{n}.png" for n in range(14))], pictures.values(), strict=False):
        picture.save(root / "photos/below" / name)
    (root / "photos/twin.png").write_bytes((root / "photos/below/0.png").read_bytes())
    (root / "photos/broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (root / "photos/notes.txt").write_text("no picture")
    (root / "photos/.hidden.png").touch()
    for number in range(30, 35):
        pictures[str(number)].save(root / f"liked/{number}.png")
    (root / "votes.csv").write_bytes(
        "liked;disliked\nphotos/below/1.png;photos/below/2.png\n".encode("utf-16")
    )
    return root


@pytest.fixture(scope="module")
def tasteprint(home):
    def command(*arguments, **more):
        return run(*arguments, **more, env={"TASTEPRINT_CACHE": str(home / "cache")}, cwd=home, text=False)

    return command


@pytest.fixture(scope="module")
def ranked(tasteprint, home):
    """One command with all that it can leave."""
    done = tasteprint(
        "rank", "photos", "--liked", "liked", "--votes", "votes.csv", "--out", "out/ranking.html", "--best", 3,
        "--copy-to", "best",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_a_folder_and_some_likes_are_enough(ranked):
    table, said = ranked.stdout.decode(), ranked.stderr.decode()
    lines = table.splitlines()
    assert lines[0].split() == ["rank", "how", "sure", "picture"] and "more between" in table
    assert lines[-1].startswith(
        "21 pictures ranked by 6 opinions, 1 of them near-duplicates of a better one. How sure"
    )
    assert len(lines) == 1 + 3 + 1 + 5 + 1 and all("\x1b" not in line for line in lines)
    assert "passed over: 1 hidden, 1 .txt." in said and "the best 3 are in best" in said
    assert "1 file could not be looked at:" in said and "broken.jpg" in said and "the best 3" in said


def test_what_it_leaves(ranked, home):
    page = (home / "out/ranking.html").read_text("utf-8")
    assert "21 pictures, the best for you first" in page and "with the model photos" in page
    assert not (home / "out/ranking_files").exists()
    copies = sorted(path.name for path in (home / "best").iterdir())
    assert [name[:4] for name in copies] == ["001-", "002-", "003-"]
    files = {path.stat().st_ino for path in (home / "photos").rglob("*")}
    assert all(path.stat().st_ino in files for path in (home / "best").iterdir())


def test_a_second_time_nothing_is_opened_and_all_is_the_same(ranked, tasteprint, home):
    moved = list((home / "photos").rglob("*.png"))
    modes = {path: path.stat().st_mode for path in moved}
    for path in moved:
        path.chmod(0)  # whom permissions do not bind reads them anyway, and ranks the same
    try:
        done = tasteprint("rank", "photos", "--liked", "liked", "--votes", "votes.csv", "--best", 3)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.stdout == ranked.stdout, done.stderr


def test_json_is_what_score_gives_and_more(tasteprint, home):
    listed = b"\n".join(
        os.fsencode(path) for path in (home / "photos").rglob("*.png") if b"\n" not in os.fsencode(path)
    )
    done = tasteprint(
        "rank", "-", "--liked", "liked/3*.png", "--disliked", "photos/below/4.png", "--json", input=listed
    )
    rows = json.loads(done.stdout)
    assert len(rows) == 20 and {
        "image",
        "q",
        "margin",
        "standing",
        "group",
        "leads",
        "said",
        "because",
    } == set(rows[0])
    margins = [row["margin"] for row in rows]
    assert margins == sorted(margins, reverse=True) and all(0 < row["standing"] < 1 for row in rows)
    said = {row["image"].rpartition("/")[2]: row["said"] for row in rows if row["said"]}
    assert said == {"4.png": "disliked"}
    twins = [row for row in rows if row["image"].endswith(("twin.png", "/0.png"))]
    assert len({row["group"] for row in twins}) == 1 and [row["leads"] for row in twins] == [True, False]


def test_ask_and_answer(tasteprint, home):
    asked = tasteprint("ask", "photos", "--votes", "votes.csv", "--count", 3, "--out", "ask.csv")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.count(b" bit ") == 3 and b"fill in the column preferred of ask.csv" in asked.stderr
    rows = (home / "ask.csv").read_text().splitlines()
    assert rows[0] == "first,second,preferred" and len(rows) == 4
    again = tasteprint("ask", "photos", "--votes", "votes.csv", "--count", 3, "--out", "ask.csv")
    assert again.returncode == 2 and b"expected a new file" in again.stderr
    (home / "ask.csv").write_text("\n".join([rows[0], rows[1] + "first", rows[2] + "tie", rows[3]]))
    page = tasteprint(
        "ask", "photos", "--votes", "votes.csv", "--votes", "ask.csv", "--out", "ask.html", "--json"
    )
    pairs = {frozenset((one["first"], one["second"])) for one in json.loads(page.stdout)}
    assert pairs and not pairs & {frozenset(row.split(",")[:2]) for row in rows[1:3]}
    assert "Which do you like better?" in (home / "ask.html").read_text("utf-8")


def test_the_cache_is_shown_and_emptied(ranked, tasteprint, home):
    shown = tasteprint("cache")
    assert str(home / "cache") in shown.stdout.decode() and b"by photo" in shown.stdout
    emptied = tasteprint("cache", "--empty")
    assert emptied.stdout.splitlines()[-1].startswith(b"Emptied of 2")
    assert tasteprint("cache").stdout.splitlines()[-1].startswith(b"In all 0 pictures")


@pytest.fixture
def refused(home, monkeypatch, capsys):
    """In this process, since nothing is to be looked at; gives the sentence."""
    monkeypatch.chdir(home)

    def call(command, *pictures, **options):
        with pytest.raises(ValueError) as fault:
            command(list(pictures), **{"liked": ["liked"], **options})
        assert "\n" not in str(fault.value) and "; expected" in str(fault.value)
        assert capsys.readouterr() == ("", "")
        return str(fault.value)

    return call


def test_mistakes_are_refused_before_any_work(refused, home):
    before = sorted(home.rglob("*"))
    assert "ends in '.txt'; expected .csv" in refused(rank_command, "photos", out=Path("a.txt"))
    assert "is a file; expected a folder" in refused(rank_command, "photos", copy_to=Path("votes.csv"))
    assert "named twice; expected --votes FILE" in refused(rank_command, "photos", data=Path("x"))
    assert "holds no pictures" in refused(rank_command, "text")
    assert "holds no pictures" in refused(rank_command, "photos", liked=["text"])
    assert "is not there" in refused(rank_command, "nowhere")
    assert "nothing is said of any picture" in refused(rank_command, "photos", liked=None)
    assert "is of no known kind; expected .csv or .html" in refused(ask_command, "photos", out=Path("a.txt"))
    assert "does not know how sure it is" in refused(ask_command, "photos", model="mini")
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(("kept", "then"), [(True, "all but the last few are kept"), (False, "none is kept")])
def test_ctrl_c_says_what_was_kept(kept, then):
    with (
        pytest.raises(KeyboardInterrupt, match=f"stopped after 1,234 of 2,000 pictures; {then}"),
        kept_when_stopped(kept) as progress,
    ):
        progress("embedding", 1234, 2000)
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt) as stop, kept_when_stopped(True):
        raise KeyboardInterrupt
    assert str(stop.value) == ""


STOPPED = """
import sys
import typer
import tasteprint.cli.main as main

words, sys.argv[1:] = sys.argv[1:], []
main.app = typer.Typer()

@main.app.command()
def stopped():
    raise KeyboardInterrupt(*words)

main.main()
"""


@pytest.mark.parametrize(
    ("words", "said"), [([], "stopped; the same command can be given again."), (["kept 3."], "kept 3.")]
)
def test_a_stopped_command_ends_with_130_and_one_line(words, said):
    done = subprocess.run([sys.executable, "-c", STOPPED, *words], capture_output=True, text=True)
    assert done.returncode == 130 and done.stderr == f"tasteprint: {said}\n"
