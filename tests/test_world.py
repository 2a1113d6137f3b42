"""The simulated world: pictures repeat and differ as they should, votes follow arithmetic, logs are whole."""

import csv
import dataclasses
import math

import numpy as np
import pytest

from tasteprint.types import Vote
from tasteprint.world.log import read_world, write_log
from tasteprint.world.oracle import bayes_probabilities, bounds
from tasteprint.world.painter import Picture, draw_pictures, fresh, paint
from tasteprint.world.people import Person, draw_people, draw_population, prefers_first, simulate, utility
from tasteprint.world.simulation import WorldConfig, draw_world
from tasteprint.world.taxonomy import (
    DIMENSIONS,
    READABLE,
    SUBJECTS,
    VALUES,
    Attributes,
    attributes_from,
    one_hot,
)

PLAIN = Attributes(palette="ocean", style="flat", composition="centred", background="plain")
SMALL = WorldConfig(people=6, votes=4, pictures={"train": 60, "test": 60}, size=16)


def split(users):
    return {user: "test" if i < 2 else "train" for i, user in enumerate(users)}


def liking(**likes):
    """A person who feels as told about some values and nothing about the others."""
    return Person("someone", 0, np.array([float(likes.get(value, 0)) for _, value in VALUES]))


def table(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def pixels(subject=SUBJECTS[0], attributes=PLAIN, seed=0, size=48):
    return np.asarray(paint(subject, attributes, seed, size))


def test_attributes_name_each_dimension_once():
    assert [field.name for field in dataclasses.fields(Attributes)] == list(DIMENSIONS)
    assert len({value for _, value in VALUES}) == len(VALUES) == sum(map(len, DIMENSIONS.values()))


def test_one_hot_as_a_literal():
    palette, style, composition, background = [0, 1, 0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0]
    assert one_hot(PLAIN).tolist() == [*palette, *style, *composition, *background]


def test_same_seed_same_picture():
    assert (pixels(seed=3) == pixels(seed=3)).all()
    assert (pixels(seed=3) != pixels(seed=4)).any()


@pytest.mark.parametrize("dimension", READABLE)
def test_every_value_gives_another_picture(dimension):
    painted = []
    for value in READABLE[dimension]:
        if dimension == "subject":
            painted.append(pixels(subject=value))
        else:
            painted.append(pixels(attributes=dataclasses.replace(PLAIN, **{dimension: value})))
    for i, one in enumerate(painted):
        assert one.shape == (48, 48, 3) and one.std() > 5
        for other in painted[:i]:
            assert np.abs(one.astype(int) - other).mean() > 2


def test_values_differ_by_more_than_accidents_of_colour():
    """A mean colour tells a palette, whatever the seed: the palettes lie apart from each other."""
    means = {
        name: np.array(
            [
                pixels(attributes=dataclasses.replace(PLAIN, palette=name), seed=s).mean((0, 1))
                for s in range(8)
            ]
        )
        for name in DIMENSIONS["palette"]
    }
    for name, own in means.items():
        for other, theirs in means.items():
            gap = np.linalg.norm(own.mean(0) - theirs.mean(0))
            assert name == other or gap > 2 * own.std(0).max()


def test_monochrome_is_grey():
    picture = pixels(attributes=dataclasses.replace(PLAIN, palette="monochrome", background="busy"))
    assert (picture == picture[..., :1]).all()


def test_fresh_gives_the_labels_of_what_it_painted():
    shown, labels = fresh(20, seed=5, size=16)
    assert shown.shape == (20, 16, 16, 3) and shown.dtype == np.uint8
    assert labels.shape == (20, len(READABLE))
    drawn = draw_pictures(20, seed=5, purpose="fresh")[7]
    *values, subject = [names[i] for names, i in zip(READABLE.values(), labels[7], strict=True)]
    assert (Attributes(*values), subject) == (drawn.attributes, drawn.subject)
    assert (shown[7] == pixels(subject, drawn.attributes, drawn.seed, 16)).all()
    assert (fresh(20, seed=6, size=16)[0] != shown).any()


def test_the_population_is_centred_and_keeps_its_scale():
    population = draw_population()
    assert np.abs(population.groups.sum(axis=0)).max() < 1e-12
    people = draw_people(population, 400)
    assert [sum(p.group == k for p in people) for k in range(4)] == [100] * 4
    liked = [utility(person, picture.attributes) for person in people for picture in draw_pictures(50, 1)]
    assert np.var(liked) == pytest.approx(1, abs=0.15)


def test_bradley_terry_by_hand():
    """Utilities 0.5 and -0.3 with beta 2 give sigmoid(1.6)."""
    person = liking(ocean=0.5, neon=-0.3)
    neon = dataclasses.replace(PLAIN, palette="neon")
    assert prefers_first(person, PLAIN, neon, 2.0) == pytest.approx(1 / (1 + math.exp(-1.6)))
    assert prefers_first(person, PLAIN, PLAIN, 2.0) == 0.5


def test_votes_come_as_often_as_bradley_terry_says():
    """One person, pictures that differ in the palette alone: each vote is sigmoid(1.6) for ocean."""
    neon = dataclasses.replace(PLAIN, palette="neon")
    pictures = {f"{i}": Picture("fish", (PLAIN, neon)[i % 2], i) for i in range(8000)}
    votes = simulate([liking(ocean=0.5, neon=-0.3)], pictures, 4000, beta=2.0, seed=1)
    mixed = [v for v in votes if pictures[v.image_0].attributes != pictures[v.image_1].attributes]
    ocean = np.mean([pictures[v.liked].attributes == PLAIN for v in mixed])
    assert ocean == pytest.approx(1 / (1 + math.exp(-1.6)), abs=4 * 0.4 / math.sqrt(len(mixed)))


def test_a_vote_shares_its_subject_and_nobody_sees_a_picture_twice():
    world = draw_world(SMALL, split)
    for user, votes in world.votes_by_user().items():
        shown = [image for vote in votes for image in vote.images]
        assert len(votes) == 4 and len(set(shown)) == 8
        assert {image.split("-")[0] for image in shown} == {world.splits[user]}
        for vote in votes:
            subjects = {world.pictures[image].subject for image in vote.images}
            assert len(subjects) == 1 and vote.prompt == f"a {subjects.pop()}"


def test_the_bayes_bound_on_a_case_small_enough_to_enumerate():
    """Two tastes, +1 and -1 on one value, beta ln 3: each vote is 3 to 1.

    After one vote for it the odds of the first taste are 3 : 1, so the value wins again with
    3/4 * 3/4 + 1/4 * 1/4 = 5/8; without a vote with 1/2; after two that contradict each other with 1/2.
    """
    tastes, target = np.array([[0.5, -0.5], [-0.5, 0.5]]), np.array([[1.0, -1.0]])
    one, two = np.array([[1.0, -1.0]]), np.array([[1.0, -1.0], [1.0, -1.0]])
    for history, label, expected in ((one[:0], [], 0.5), (one, [1.0], 0.625), (two, [1.0, 0.0], 0.5)):
        got = bayes_probabilities(tastes, history, np.array(label), target, math.log(3))
        assert got.tolist() == pytest.approx([expected])


def test_the_bounds_of_the_default_world_leave_room_for_personal_taste():
    population = draw_population()
    people = draw_people(population, 80, seed=7)
    pictures = {str(i): picture for i, picture in enumerate(draw_pictures(400, 8))}
    votes = {p.user_id: simulate([p], pictures, 24, population.beta) for p in people}
    found = bounds(population, people, votes, pictures, counts=(0, 2, 8), per_group=200)
    assert found["bound.average"] == found["bound.bayes.0"] <= 0.6
    assert found["bound.bayes.0"] < found["bound.bayes.2"] < found["bound.bayes.8"] < found["bound.oracle"]
    assert found["bound.bayes.8"] >= 0.82 and found["bound.oracle"] == pytest.approx(0.92, abs=0.015)


def test_same_seed_same_log_bytes_and_the_truth_comes_back(tmp_path):
    world = write_log(tmp_path / "a", SMALL, split)
    write_log(tmp_path / "b", SMALL, split)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 120 + 5
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    back = read_world(tmp_path / "a")
    assert (back.votes, back.pictures, back.splits) == (world.votes, world.pictures, world.splits)
    assert (back.people[5].utilities == world.people[5].utilities).all()


def test_the_tables_as_a_newcomer_reads_them(tmp_path):
    world = write_log(tmp_path / "log", SMALL, split)
    rows = table(tmp_path / "log/votes.csv")
    first = world.votes[0]
    assert rows[0] == {
        "user": "person-0000", "prompt": first.prompt, "left": first.image_0, "right": first.image_1,
        "choice": "left" if first.label_0 else "right", "time": str(first.created_at),
    }  # fmt: skip
    files = {row["image_id"]: row["file"] for row in table(tmp_path / "log/images.csv")}
    assert (tmp_path / "log" / files[rows[0]["left"]]).is_file()


def test_a_refused_log_leaves_nothing(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/votes.csv").write_text("mine")
    with pytest.raises(ValueError, match="already holds something; expected a new folder"):
        write_log(tmp_path / "full", SMALL, split)
    with pytest.raises(ValueError, match="take more pictures or fewer votes"):
        write_log(tmp_path / "log", dataclasses.replace(SMALL, votes=40), split)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "votes.csv"]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: draw_people(draw_population(), 0), "0 people were asked for; expected at least 1"),
        (lambda: draw_pictures(0, 0), "0 pictures were asked for; expected at least 1"),
        (lambda: draw_population(groups=1), "has 1 groups"),
        (lambda: paint("fish", PLAIN, 0, 0), "the size is 0 pixels; expected 8 to 1024"),
        (lambda: paint("fish", PLAIN, 0, 4096), "the size is 4096 pixels"),
        (lambda: paint("fish", PLAIN, -1), "the seed is -1; expected an integer of at least 0"),
        (lambda: paint("cat", PLAIN, 0), "subject 'cat' is unknown; expected one of"),
        (lambda: dataclasses.replace(PLAIN, style="cubist"), "style 'cubist' is unknown; expected one of"),
        (lambda: attributes_from({"mood": "sad"}), "attributes name .'mood'.; expected exactly"),
        (
            lambda: draw_world(SMALL, lambda users: dict.fromkeys(users, "dev")),
            "is in split 'dev'; expected one of",
        ),
        (lambda: read_world("/nowhere"), "holds no people.json; expected a folder made by"),
    ],
)
def test_a_mistake_gets_one_sentence(act, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        act()
    assert "\n" not in str(caught.value)


def test_too_few_votes_for_a_bound():
    population = draw_population()
    vote = Vote("person-0000", "a fish", "a", "b", 1.0)
    with pytest.raises(ValueError, match="has 1 votes; expected more than 8"):
        bounds(population, draw_people(population, 1), {"person-0000": [vote]}, {}, per_group=2)
