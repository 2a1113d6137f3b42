"""A person's own pictures, ranked in Python: what is said, what is shown, and files that hold it."""

import csv
import json
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import duckdb
import numpy as np
import pytest

from tasteprint import rank
from tasteprint.data.history_files import named_file
from tasteprint.library.at_hand import PicturesAtHand
from tasteprint.library.embedding import EmbeddedFiles
from tasteprint.library.opinions import gather_opinions
from tasteprint.library.person import know_person
from tasteprint.library.questions import candidate_pairs, require_new_table, write_questions
from tasteprint.library.ranking import Evidence, RankedPicture, Ranking, ranked_pictures, standings_of
from tasteprint.types import Rating, Vote
from tests.alone import RIDGE, Alone


def same_embedding(embeddings, weights=None):
    """Groups of equal rows alone: which others are alike is tested elsewhere, and the pictures here are small."""
    return np.unique(embeddings, axis=0, return_inverse=True)[1].reshape(-1)


@pytest.fixture(autouse=True)
def only_copies_are_duplicates(monkeypatch):
    monkeypatch.setattr("tasteprint.library.at_hand.near_duplicates", same_embedding)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pictures):
    """Forty pictures; liked ones elsewhere are copies of five, one of a content of its own."""
    root = tmp_path_factory.mktemp("own")
    for place in ("photos", "photos/below", "liked"):
        (root / place).mkdir()
    for number, picture in enumerate(pictures.values()):
        picture.save(root / ("photos/below" if number > 30 else "photos") / f"{number}.png")
    for number in range(5):
        (root / f"liked/copy {number}.png").write_bytes((root / f"photos/{number}.png").read_bytes())
    pictures["39"].rotate(180).save(root / "liked/other.png")
    return root


@pytest.fixture(scope="module")
def model():
    return Alone("statistics")


def names(ranking):
    return [one.path.name for one in ranking.pictures]


def test_ten_lines_are_enough(folder, model):
    ranking = rank(folder / "photos", liked=folder / "liked", model=model, cached=False)
    assert len(ranking) == 40 and len(set(names(ranking))) == 40 and ranking.opinions == 6
    scores = [one.score for one in ranking.pictures]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < one.standing < 1 for one in ranking.pictures)
    said = {one.path.name for one in ranking.pictures if one.said == "liked"}
    assert said == {f"{number}.png" for number in range(5)}  # known by content, under another name
    assert not ranking.failed and not ranking.notes


def test_likes_alone_let_the_others_count_as_passed(folder, model):
    liked = gather_opinions(folder / "liked")
    shown = sorted((folder / "photos").rglob("*.png"))
    person = know_person(model, shown, liked, None, lambda *_: None)
    assert len(person.history.passed) == 35
    assert not {one.image for one in person.history.passed} & {one.image for one in person.history.ratings}
    both = gather_opinions(folder / "liked", folder / "photos/7.png")
    assert not know_person(model, shown, both, None, lambda *_: None).history.passed
    assert not know_person(model, shown, gather_opinions(), None, lambda *_: None).history.passed


def test_of_many_passed_ones_a_draw_that_no_order_bends():
    contents = tuple(f"{(number * 7919) % 2003:04x}" for number in range(2000))
    groups = np.arange(2000)
    groups[1] = groups[0]  # a near-duplicate of the liked one
    files = EmbeddedFiles(tuple(map(Path, contents)), contents, np.zeros((2000, 1), np.float16), (), ())
    drawn = PicturesAtHand(files, np.arange(1000), groups).passed(frozenset(contents[:1]))
    assert drawn == PicturesAtHand(files, np.arange(1000)[::-1].copy(), groups).passed(
        frozenset(contents[:1])
    )
    others = set(contents[2:1000])
    assert len(drawn) == 500 and set(drawn) <= others and max(drawn) < min(others - set(drawn))


def test_a_contradiction_counts_as_both(folder, model):
    ranking = rank(
        folder / "photos", folder / "liked", [folder / "liked/copy 0.png"], model=model, cached=False
    )
    assert ranking.opinions == 7
    (both,) = [one for one in ranking.pictures if one.path.name == "0.png"]
    assert both.said == "liked, disliked"


def test_stars_votes_and_likes_together(folder, model, tmp_path):
    (tmp_path / "votes.csv").write_text(f"liked,disliked\n{folder}/photos/1.png,{folder}/photos/2.png\n")
    (tmp_path / "more.csv").write_text(
        f"first,second,preferred\n{folder}/photos/3.png,{folder}/photos/4.png,tie\n"
    )
    (tmp_path / "stars.csv").write_text(f"image,stars\n{folder}/photos/5.png,4\n")
    votes = [tmp_path / "votes.csv", tmp_path / "more.csv"]
    history = gather_opinions(folder / "liked/other.png", (), votes, tmp_path / "stars.csv")
    assert [vote.label_0 for vote in history.votes] == [1, 0.5]
    assert [(one.stars, one.out_of) for one in history.ratings] == [(2, 2), (4, 5)]
    ranking = rank(
        folder / "photos", folder / "liked/other.png", (), votes, tmp_path / "stars.csv", model, cached=False
    )
    said = {one.path.stem: one.said for one in ranking.pictures if one.said}
    assert said == {"1": "preferred", "2": "not preferred", "3": "tie", "4": "tie", "5": "4 of 5 stars"}
    given = rank(
        folder / "photos",
        folder / "liked/other.png",
        (),
        history.votes,
        history.ratings[1:],
        model,
        cached=False,
    )
    assert given == ranking


def test_reasons_are_what_the_model_says_summed_by_picture(folder, model):
    shown = sorted((folder / "photos").rglob("*.png"))
    votes = [Vote("you", "", str(shown[0]), str(shown[other]), 1.0) for other in (5, 6)]
    ratings = [Rating("you", "", str(shown[9]), 5, 5), Rating("you", "", str(shown[8]), 1, 5)]
    person = know_person(model, shown, gather_opinions((), (), votes, ratings), None, lambda *_: None)
    reasons = person.reasons([3, 0])
    rows = model.at_hand(person.pictures.files.embeddings.astype(np.float32)).features(
        person.pictures.files.embeddings.astype(np.float32)
    )
    differences = np.stack([rows[0] - rows[5], rows[0] - rows[6], rows[9], rows[8]])
    weights = np.linalg.solve(differences @ differences.T + RIDGE * np.eye(4), [1, 1, 1, -1]) * 3
    by_hand = rows[3] @ differences.T * weights
    expected = {shown[0]: by_hand[:2].sum(), shown[9]: by_hand[2]}
    found = {one.path: one.logits for one in reasons[0]}
    assert found == pytest.approx(
        {path: value for path, value in expected.items() if value >= 0.02}, rel=1e-3
    )
    assert shown[0] not in [one.path for one in reasons[1]]  # no picture speaks for itself
    assert shown[8] not in found  # nor one that was not liked


def test_near_duplicates_are_numbered_by_their_best():
    paths = [Path(letter) for letter in "abcd"]
    rows = ranked_pictures(paths, np.array([0.0, 2.0, 1.0, 2.0]), groups=np.array([5, 5, 7, 9]))
    assert [(str(one.path), one.group, one.leads) for one in rows] == [
        ("b", 1, True), ("d", 2, True), ("c", 3, True), ("a", 1, False)
    ]  # fmt: skip
    ranking = Ranking(rows)
    assert [str(one.path) for one in ranking.leaders] == ["b", "d", "c"]
    assert [str(one.path) for one in ranking.groups[1]] == ["b", "a"]


def test_standings_by_scores_alone():
    assert standings_of(np.array([0.0, 0.0])).tolist() == [0.5, 0.5]
    one, other = standings_of(np.array([np.log(3), 0.0]))
    assert (one, other) == pytest.approx(((0.75 + 0.5) / 2, (0.25 + 0.5) / 2))
    many = np.linspace(-3, 3, 5001)
    exact = [np.mean(1 / (1 + np.exp(many - score))) for score in (-3, 0, 3)]
    assert standings_of(many)[[0, 2500, 5000]] == pytest.approx(exact, abs=1e-3)


def test_bad_input_is_one_sentence(folder, model, tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.txt").write_text("no picture")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for sentence, call in {
        "nothing is said of any picture; expected likes": lambda: rank(folder / "photos", model=model),
        "text": lambda: rank(tmp_path / "text", liked=folder / "liked", model=model),
        "none of 1 files could be looked at": lambda: rank(
            tmp_path / "broken.png", folder / "liked", model=model
        ),
        "none of 1 opinions is of pictures that can be told apart": lambda: rank(
            folder / "photos", tmp_path / "broken.png", model=model
        ),
        "both sides of every vote are the same picture": lambda: rank(
            folder / "photos",
            votes=[Vote("you", "", str(folder / "photos/1.png"), str(folder / "liked/copy 1.png"), 1.0)],
            model=model,
        ),
    }.items():
        with pytest.raises(ValueError, match=sentence) as fault:
            call()
        assert "; expected" in str(fault.value) and "\n" not in str(fault.value)


def test_one_bad_picture_costs_nothing_else(folder, model, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    ranking = rank(
        [folder / "photos", tmp_path], folder / "liked", [tmp_path / "broken.png"], model=model, cached=False
    )
    assert len(ranking) == 40 and ranking.opinions == 6
    ((path, why),) = ranking.failed
    assert path == tmp_path / "broken.png" and "; expected" in why


def test_an_in_context_model_reads_the_latest_votes_and_says_so(folder):
    from tasteprint.library.looking import latest_votes
    from tasteprint.types import History

    votes = tuple(Vote("you", "", f"a{n}", f"b{n}", 0.5 if n == 5 else 1.0) for n in range(12))
    history = History("you", votes, (Rating("you", "", "c", 2),))
    read, notes = latest_votes(history, 8)
    assert [vote.image_0 for vote in read.votes] == [
        f"a{n}" for n in (3, 4, 6, 7, 8, 9, 10, 11)
    ] and not read.ratings
    assert "latest 8 of 11 votes" in notes[0] and "1 likes, dislikes and stars were left out" in notes[1]
    assert latest_votes(History("you", votes[:3]), 8)[1] == ()
    for count, few in ((8, ()), (0, votes), (8, votes[5:6])):
        with pytest.raises(ValueError, match=r"; expected at least one, .*give --votes"):
            latest_votes(History("you", few), count)


STRANGE = (
    "a b.png",
    "=1+1.png",
    "-x.png",
    "c\nd,\"'e.png",
    "🦄.png",
    os.fsdecode(b"caf\xe9.png"),
    "<b>&amp;.png",
)


@pytest.fixture
def strange():
    because = (Evidence(Path("@liked.png"), "liked", 0.5),)
    rows = [
        RankedPicture(
            Path(name), 1.5 - place, 0.9 - place / 10, place + 1, True, "liked" if not place else "", because
        )
        for place, name in enumerate(STRANGE)
    ]
    return Ranking(tuple(rows), model="photos", opinions=1)


def check(cells):
    """Every name is found again in what was written, and none begins as a formula does."""
    cells = list(cells)
    assert [named_file(cell, Path()) for cell in cells[:5]] == [Path(name) for name in STRANGE[:5]]
    assert unquote_to_bytes(cells[5]).endswith(b"/caf\xe9.png") and cells[6] == STRANGE[6]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_csv(strange, tmp_path):
    strange.save(tmp_path / "ranking.csv")
    with (tmp_path / "ranking.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    check(row["path"] for row in rows)
    assert rows[0] | {"path": ""} == {
        "rank": "1", "path": "", "score": "1.5", "standing": "0.9", "group": "1", "leads": "true", "said": "liked",
        "because": '["./@liked.png"]',
    }  # fmt: skip


def test_jsonl(strange, tmp_path):
    strange.save(tmp_path / "ranking.jsonl")
    rows = [
        json.loads(line) for line in (tmp_path / "ranking.jsonl").read_bytes().decode("ascii").splitlines()
    ]
    check(row["path"] for row in rows)
    assert rows[1] | {"path": ""} == {
        "rank": 2, "path": "", "score": 0.5, "standing": 0.8, "group": 2, "leads": True, "said": "",
        "because": ["./@liked.png"],
    }  # fmt: skip


def test_parquet_holds_the_same(strange, tmp_path):
    strange.save(tmp_path / "ranking.PARQUET")
    strange.save(tmp_path / "ranking.jsonl")
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(tmp_path / "ranking.PARQUET"))
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
    assert rows == [json.loads(line) for line in (tmp_path / "ranking.jsonl").read_text().splitlines()]
    Ranking(()).save(tmp_path / "empty.parquet")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_is_whole_or_as_it_was(strange, tmp_path, suffix, monkeypatch):
    (tmp_path / f"ranking.{suffix}").write_text("before")
    monkeypatch.setattr(
        Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match=r"failed \(No space left on device\); expected room"):
        strange.save(tmp_path / f"ranking.{suffix}")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_file_of_another_kind_is_refused(strange, tmp_path):
    with pytest.raises(
        ValueError, match=r"ends in '.txt'; expected .csv, .jsonl, .parquet, .html: name another"
    ):
        strange.save(tmp_path / "ranking.txt")


def test_pairs_to_ask_about_are_drawn_by_a_seed(folder, model, tmp_path):
    shown = sorted((folder / "photos").rglob("*.png"))
    (tmp_path / "twin.png").write_bytes(shown[0].read_bytes())
    votes = [Vote("you", "", str(shown[0]), str(shown[1]), 1.0)]
    said = gather_opinions((), (), votes)
    person = know_person(model, [*shown, tmp_path / "twin.png"], said, None, lambda *_: None)
    pairs = candidate_pairs(person, 0)
    assert len(pairs) == 40 * 39 // 2 - 1 and pairs == candidate_pairs(person, 0) != candidate_pairs(
        person, 1
    )
    again = know_person(model, [tmp_path / "twin.png", *shown[::-1]], said, None, lambda *_: None)
    assert {frozenset(pair) for pair in candidate_pairs(again, 0)} == {frozenset(pair) for pair in pairs}
    few = know_person(model, shown[:2], said, None, lambda *_: None)
    with pytest.raises(ValueError, match=r"2 different pictures and 1 answered pairs came in; expected"):
        candidate_pairs(few, 0)


def test_of_many_pictures_some_pairs_are_candidates(folder, model, monkeypatch):
    monkeypatch.setattr("tasteprint.library.questions.CANDIDATES", 50)
    shown = sorted((folder / "photos").rglob("*.png"))
    pairs = candidate_pairs(know_person(model, shown, gather_opinions(), None, lambda *_: None), 0)
    assert len({frozenset(pair) for pair in pairs}) == 50


def test_a_table_of_questions_is_read_once_it_is_answered(tmp_path):
    from tasteprint.data.history_files import read_history
    from tasteprint.library.questions import Question

    (tmp_path / "below").mkdir()
    pairs = [Question(tmp_path / "below" / name, Path("/elsewhere/a.png"), 0.5) for name in STRANGE]
    for one in pairs:
        one.first.touch()
    write_questions(pairs, tmp_path / "ask.csv")
    assert read_history(tmp_path / "ask.csv") == ()
    text = (tmp_path / "ask.csv").read_text().replace("/elsewhere/a.png,", "/elsewhere/a.png,second")
    (tmp_path / "ask.csv").write_text(text)
    votes = read_history(tmp_path / "ask.csv")
    assert [Path(vote.disliked) for vote in votes] == [one.first for one in pairs]
    assert {vote.liked for vote in votes} == {"/elsewhere/a.png"}
    with pytest.raises(ValueError, match=r"is there already, perhaps with answers; expected a new file"):
        require_new_table(tmp_path / "ask.csv")
