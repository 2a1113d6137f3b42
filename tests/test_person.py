"""Which votes a command reads of a person, and what it says of the others."""

from dataclasses import replace

import pytest

from people import history
from tasteprint.cli.own_pictures import read_person
from tasteprint.cli.person import as_read
from tasteprint.types import Rating


class Reader:
    """Stands for an in-context model."""


class Knower:
    """Stands for a taste posterior: it reads embeddings."""

    image_encoder = None

    def utilities(self, embeddings):
        raise NotImplementedError

    def prints_of(self, histories, *, embeddings):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("model", "there", "count", "read"),
    [
        (Reader(), 3, None, 3), (Reader(), 8, None, 8), (Reader(), 20, None, 8), (Reader(), 20, 16, 16),
        (Reader(), 20, 0, 0), (Reader(), 3, 16, 3), (Knower(), 20, None, 20), (Knower(), 20, 5, 5),
    ],
)  # fmt: skip
def test_the_latest_votes_are_read_and_it_is_said_of_how_many(model, there, count, read, capsys):
    given = history(there)
    found = as_read("mini", model, given, count)
    assert found == replace(given, votes=given.votes[there - read :])
    said = f"tasteprint: mini reads the latest {read} of {there} votes; --history-length says how many.\n"
    assert capsys.readouterr().err == (said if read < there else "")


def test_likes_and_stars_are_read_by_who_knows_them(capsys):
    given = replace(history(3), ratings=(Rating("me", "", "a.png", 2),))
    assert as_read("photos", Knower(), given, None) == given
    assert as_read("mini", Reader(), given, None) == replace(given, ratings=())
    assert "mini reads votes only: 1 likes, dislikes and stars are left out" in capsys.readouterr().err
    with pytest.raises(
        ValueError, match="given to mini, which reads votes only; expected some: give --votes"
    ):
        as_read("mini", Reader(), replace(given, votes=()), None)


def test_a_person_is_named_once(tmp_path):
    votes = tmp_path / "votes.csv"
    votes.write_text("first,second,preferred\na.png,b.png,first\nb.png,c.png,tie\n")
    assert len(read_person(None, None, [str(votes)], None, None, None)) == 2
    for data, user in ((tmp_path, "ann"), (None, "ann"), (tmp_path, None)):
        with pytest.raises(ValueError, match="the person is missing or named twice"):
            read_person(None, None, [str(votes)], None, data, user)
    with pytest.raises(ValueError, match="the person is missing; expected --votes"):
        read_person(None, None, None, None, None, None)
    votes.write_text("first,second,preferred\na.png,b.png,\n")
    with pytest.raises(ValueError, match="nothing is said of any picture"):
        read_person(None, None, [str(votes)], None, None, None)
