"""Which votes a command reads of a person, and what it says of the others."""

from dataclasses import replace

import pytest

from people import history
from tasteprint.cli.person import as_read, read_person


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


def test_a_person_is_named_once(tmp_path):
    votes = tmp_path / "votes.csv"
    votes.write_text("first,second,preferred\na.png,b.png,first\nb.png,c.png,tie\n")
    person, _ = read_person(votes, None, None)
    assert len(person) == 1
    for data, user in ((tmp_path, "ann"), (None, "ann"), (tmp_path, None)):
        with pytest.raises(ValueError, match="the person is missing or named twice"):
            read_person(votes, data, user)
