"""The simulated world: people as their population says, votes and bounds by arithmetic, logs that are whole."""

import csv
import dataclasses
import inspect
import math

import numpy as np
import pytest
from PIL import Image

from tasteprint.simulate import log, oracle
from tasteprint.simulate.bayes import _root, predict
from tasteprint.simulate.log import read_world, write_log
from tasteprint.simulate.oracle import bounds, bounds_of, centroid_probabilities, earned, headroom
from tasteprint.simulate.painter import Picture, draw_pictures, stream
from tasteprint.simulate.people import (
    KINDS,
    Person,
    Population,
    draw_people,
    draw_population,
    prefers_first,
    utility,
    variance,
)
from tasteprint.simulate.taxonomy import DIMENSIONS, VALUES, Attributes
from tasteprint.simulate.world import WorldConfig, draw_choices, draw_test, draw_world, pool_of, simulate
from tasteprint.types import Vote

pytestmark = pytest.mark.numerical

PLAIN = Attributes(*(names[0] for names in DIMENSIONS.values()))
STYLE, OTHER = DIMENSIONS["style"][:2]
OTHERWISE = dataclasses.replace(PLAIN, style=OTHER)
SMALL = WorldConfig(people=6, votes=4, pictures={"train": 60, "test": 60}, size=16)


def split(users):
    return {user: "test" if i < 2 else "train" for i, user in enumerate(users)}


def styles(first, second):
    """Utilities of the first two styles, 0 elsewhere; as a difference, what a pair shows."""
    return np.array([first, second] + [0.0] * (len(VALUES) - 2))


def table(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def votes_as_arrays(population, people, votes, seed, pictures=300):
    """Utilities, differences of attributes and answers of new people, without a picture being painted."""
    rng = np.random.default_rng(seed)
    pool = pool_of(draw_pictures(pictures, seed))
    utilities, _ = population.draw(people, rng)
    chosen = draw_choices(utilities, pool, votes, population.beta, rng)
    difference = pool.attributes[chosen.left] - pool.attributes[chosen.right]
    return utilities, difference, chosen.answers.astype(float)


# People


@pytest.mark.parametrize("kind", KINDS)
def test_tastes_are_centred_and_keep_their_scale(kind):
    population = draw_population(kind)
    utilities, _ = population.draw(4000, np.random.default_rng(0))
    for name in DIMENSIONS:
        here = [value[0] == name for value in VALUES]
        assert np.abs(utilities[:, here].sum(axis=1)).max() < 1e-9
    scale = variance(utilities)
    assert scale.mean() == pytest.approx(1, abs=4 * scale.std() / np.sqrt(4000))
    # The average person tells little: means of 4,000 of deviation 1 at most 1.3, four standard errors.
    assert np.abs(utilities.mean(axis=0)).max() < 4 * 1.3 / np.sqrt(4000)


@pytest.mark.parametrize("kind", KINDS)
def test_people_vary_as_means_and_spread_say(kind):
    population = draw_population(kind, own=0.3)
    utilities, groups = population.draw(20000, np.random.default_rng(1))
    rest = utilities - population.means[np.maximum(groups, 0)]
    expected = population.spread @ population.spread.T
    # A covariance of n normal pairs errs by at most sqrt(2 / n) of the largest variance; five, for 406 of them.
    assert np.abs(np.cov(rest.T) - expected).max() < 5 * np.sqrt(2 / 20000) * expected.diagonal().max()


def test_groups_in_equal_parts_and_none_in_the_world_without():
    people = draw_people(draw_population(groups=4), 402)
    assert [sum(p.group == k for p in people) for k in range(4)] in ([101, 101, 100, 100],)
    assert {p.group for p in draw_people(draw_population("factors"), 9)} == {-1}


def test_without_variation_of_their_own_people_are_their_group():
    population = draw_population(groups=3, own=0.0)
    for person in draw_people(population, 6):
        assert (person.utilities == population.tastes[person.group]).all()


# Votes


def test_bradley_terry_by_hand():
    """Utilities 0.5 and -0.3 with beta 2 give sigmoid(1.6)."""
    person = Person("someone", 0, styles(0.5, -0.3))
    assert utility(person, PLAIN) == 0.5
    assert prefers_first(person, PLAIN, OTHERWISE, 2.0) == pytest.approx(1 / (1 + math.exp(-1.6)))
    assert prefers_first(person, PLAIN, PLAIN, 2.0) == 0.5


def test_votes_come_as_often_as_bradley_terry_says():
    """Pictures that differ in the style alone: each vote is sigmoid(1.6) for the first style."""
    pool = pool_of([Picture("fish", (PLAIN, OTHERWISE)[i % 2], i) for i in range(40)])
    people = np.tile(styles(0.5, -0.3), (1000, 1))
    chosen = draw_choices(people, pool, 20, 2.0, np.random.default_rng(1))
    mixed = (chosen.left + chosen.right) % 2 == 1
    plain = (np.where(chosen.answers, chosen.left, chosen.right)[mixed] % 2 == 0).mean()
    assert plain == pytest.approx(1 / (1 + math.exp(-1.6)), abs=4 * 0.4 / math.sqrt(mixed.sum()))


def test_a_vote_shares_its_subject_and_nobody_sees_a_picture_twice():
    pool = pool_of(draw_pictures(101, 3))
    people, _ = draw_population().draw(1100, np.random.default_rng(0))  # more than are drawn at once
    chosen = draw_choices(people, pool, 40, 5.0, np.random.default_rng(1))
    assert (pool.subjects[chosen.left] == pool.subjects[chosen.right]).all()
    shown = np.sort(np.hstack([chosen.left, chosen.right]), axis=1)
    assert shown.shape == (1100, 80) and (np.diff(shown, axis=1) > 0).all()


def test_votes_one_by_one_follow_the_same_law():
    pictures = {f"p{i}": picture for i, picture in enumerate(draw_pictures(40, 2))}
    ada, bob = draw_people(draw_population(), 2)
    votes = simulate([ada, bob], pictures, 6, 5.0, seed=9)
    assert votes[6:] == simulate([bob], pictures, 6, 5.0, seed=9)  # whoever else votes
    pool = pool_of(list(pictures.values()))
    chosen = draw_choices(ada.utilities[None], pool, 6, 5.0, stream(9, ada.user_id))
    for vote, left, right, answer in zip(
        votes, chosen.left[0], chosen.right[0], chosen.answers[0], strict=False
    ):
        assert (vote.image_0, vote.image_1, vote.label_0) == (f"p{left}", f"p{right}", float(answer))
        assert vote.prompt == f"a {pictures[vote.image_1].subject}"
    assert sorted(vote.created_at for vote in votes[:6]) == [vote.created_at for vote in votes[:6]]


def test_people_see_the_pictures_of_their_split_alone():
    world = draw_world(SMALL, split)
    for user, votes in world.votes_by_user().items():
        assert len(votes) == 4
        assert {image.split("-")[0] for vote in votes for image in vote.images} == {world.splits[user]}


# Bounds


def test_the_bayes_bound_on_a_case_small_enough_to_enumerate():
    """Two tastes, +1 and -1 on one pair, beta ln 3: each vote is 3 to 1.

    After one vote for it the odds of the first taste are 3 : 1, so the picture wins again with
    3/4 * 3/4 + 1/4 * 1/4 = 5/8; without a vote with 1/2; after two that contradict each other with 1/2.
    """
    tastes = np.stack([styles(0.5, -0.5), styles(-0.5, 0.5)])
    population = Population("groups", tastes, 0.0, math.log(3))
    pair = styles(1.0, -1.0)[None, None]
    for answers, expected in (([], 1 / 2), ([1.0], 5 / 8), ([0.0], 3 / 8), ([1.0, 0.0], 1 / 2)):
        history = np.repeat(pair, len(answers), axis=1)
        got = predict(population, history, np.array([answers]), pair, samples=8)
        assert got.probability == pytest.approx(expected, abs=1e-9) and got.error == pytest.approx(
            0, abs=1e-9
        )


def test_a_handful_of_tastes_enumerated():
    """Without variation of their own people are one of five tastes: Bayes' rule over five rows, no sampling."""
    population = draw_population(groups=5, own=0.0)
    _, difference, answers = votes_as_arrays(population, 20, 14, seed=2)
    for n in (0, 1, 10):
        got = predict(population, difference[:, :n], answers[:, :n], difference[:, 10:], samples=10)
        told = (difference[:, :n], answers[:, :n], difference[:, 10:])
        assert got.probability == pytest.approx(by_crowd(population, population.tastes, *told)[0], abs=1e-9)


def by_crowd(population, crowd, history, answers, targets):
    """The slow twin: a crowd of people, each weighed by how probable the history is under their taste.

    Probabilities, and their standard errors where the crowd is a sample.
    """
    given = population.beta * np.einsum("pnv,cv->pcn", history, crowd) * (2 * answers - 1)[:, None]
    weight = np.exp(-np.logaddexp(0, -given).sum(axis=2))
    weight /= weight.sum(axis=1, keepdims=True)
    chance = 1 / (1 + np.exp(-population.beta * np.einsum("ptv,cv->pct", targets, crowd)))
    mean = np.einsum("pc,pct->pt", weight, chance)
    return mean, np.sqrt(np.einsum("pc,pct->pt", weight**2, (chance - mean[:, None]) ** 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("votes", [0, 1, 3])
def test_importance_sampling_agrees_with_a_large_crowd(kind, votes):
    population = draw_population(kind)
    _, difference, answers = votes_as_arrays(population, 4, 8, seed=3)
    told = (difference[:, :votes], answers[:, :votes], difference[:, 3:])
    crowd, _ = population.draw(100_000, np.random.default_rng(4))
    got = predict(population, *told, samples=40_000)
    twin, error = by_crowd(population, crowd, *told)
    # Five standard errors of both samples, for each of 20 probabilities.
    assert (np.abs(got.probability - twin) < 5 * np.hypot(got.error, error)).all()
    assert error.max() < 0.004


@pytest.mark.parametrize("kind", KINDS)
def test_the_sampling_error_is_as_large_as_it_says(kind):
    population = draw_population(kind)
    _, difference, answers = votes_as_arrays(population, 100, 40, seed=5)
    told = (difference[:, :32], answers[:, :32], difference[:, 32:])
    one, two = (predict(population, *told, samples=2048, seed=seed) for seed in (0, 1))
    apart = (one.probability - two.probability) / np.hypot(one.error, two.error)
    # At least 100 independent numbers, a person's targets being alike: their deviation is known to 0.07, four are 0.28.
    assert 0.72 < apart.std() < 1.28 and one.effective.min() > 30
    assert (one.probability == predict(population, *told, samples=2048, seed=0).probability).all()


@pytest.mark.parametrize("kind", KINDS)
def test_directions_that_are_turned_have_the_same_root(kind):
    """Repeated variances leave the directions of a spread open, and libraries choose; the root does not follow them."""
    spread = draw_population(kind).spread
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(spread.shape[1],) * 2))[0]
    root = _root(spread)
    assert root.shape == (
        28,
        22,
    )  # 28 values, of which the last of each of six dimensions follows from the others
    assert root @ root.T == pytest.approx(spread @ spread.T, abs=1e-12)
    assert _root(spread @ turn) == pytest.approx(root, abs=1e-12)
    assert _root(np.zeros((28, 3))).shape == (28, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ideal_observer_is_as_often_right_as_it_believes(kind):
    population = draw_population(kind)
    utilities, difference, answers = votes_as_arrays(population, 600, 20, seed=6)
    told = (difference[:, :4], answers[:, :4], difference[:, 4:])
    seen = predict(population, *told, samples=512).probability
    truth = 1 / (1 + np.exp(-population.beta * np.einsum("ptv,pv->pt", told[2], utilities)))
    luck = (earned(seen, truth) - np.maximum(seen, 1 - seen)).mean(axis=1)
    assert abs(luck.mean()) < 4 * luck.std() / np.sqrt(600) < 0.03


def test_a_guess_earns_the_true_probability_of_being_right():
    truth = np.array([[0.9, 0.9, 0.9, 0.2]])
    assert earned(np.array([[0.51, 0.2, 0.5, 0.1]]), truth).tolist() == [[0.9, pytest.approx(0.1), 0.5, 0.8]]


def test_the_centroid_by_hand():
    """Liked the first style over the second, then the second over the third: the first lies furthest."""
    unit = np.eye(len(VALUES))
    history = np.stack([unit[0] - unit[1], unit[2] - unit[1]])[None]
    targets = np.stack([unit[0] - unit[2], unit[1] - unit[0], unit[0] - unit[2], unit[1] - unit[3]])[None]
    guess = centroid_probabilities(history, np.array([[1.0, 0.0]]), targets)
    assert guess.tolist() == [[1.0, 0.0, 1.0, 0.5]]
    assert (centroid_probabilities(history[:, :0], np.zeros((1, 0)), targets) == 0.5).all()


def test_headroom_by_hand():
    assert headroom(0.7, 0.6, 0.8) == pytest.approx(0.5)
    assert headroom(0.5, 0.6, 0.8) == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="expected a bound above the average person"):
        headroom(0.7, 0.6, 0.6)


@pytest.mark.parametrize(
    ("kind", "exact", "sampled"),
    [("groups", (0.5266798, 0.6453149, 0.9194176), 0.8172), ("factors", (0.5, 0.6392434, 0.9130808), 0.7391)],
)
def test_the_frozen_worlds_leave_room_for_personal_taste(kind, exact, sampled):
    """Forty of the test people of all results: if a figure moves, results can no longer be compared."""
    world = draw_test(kind)
    votes, people = world.votes_by_user(), world.people[:40]
    found = bounds(world.population, people, votes, world.pictures, (8, 32), samples=2048)
    names = ("bound.average", "bound.centroid.8", "bound.oracle")
    assert [found[name].value for name in names] == pytest.approx(exact, abs=1e-6)
    # `sampled` is from 60,000 samples. 2,048 turn close guesses round, which moves the mean of 640 targets by a
    # deviation of 0.0027 (groups) or 0.0022 (factors): the bound is four of the larger.
    assert found["bound.bayes.8"].value == pytest.approx(sampled, abs=4 * 0.0027)
    assert found["bound.oracle"].earned.shape == (40, 16)
    assert found["bound.bayes.32"].shortfall < 0.001 and found["bound.bayes.32"].effective >= 50


def test_too_few_samples_are_raised_or_refused(monkeypatch):
    population = draw_population("factors")
    arrays = votes_as_arrays(population, 2, 10, seed=7)
    assert bounds_of(population, *arrays, counts=(8,), samples=10)["bound.bayes.8"].effective > 50
    monkeypatch.setattr(oracle, "LARGEST_SHORTFALL", 0.0)
    with pytest.raises(ValueError, match=r"after 8 votes the sampling may have cost .*: give more samples"):
        bounds_of(population, *arrays, counts=(8,), samples=10)


def test_too_few_votes_for_a_bound():
    population = draw_population()
    vote = Vote("person-0000", "a fish", "a", "b", 1.0)
    with pytest.raises(ValueError, match="has 1 votes; expected more than 8"):
        bounds(population, draw_people(population, 1), {"person-0000": [vote]}, {})


# Logs


@pytest.fixture
def unpainted(monkeypatch):
    """Pictures of one colour, told by their seed: these tests are about the log, not about the painter."""

    def colour(subject, attributes, seed, size):
        return Image.new("RGB", (size, size), (seed % 256, 9, 9))

    monkeypatch.setattr(log, "paint", colour)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_log_bytes_and_the_truth_comes_back(kind, tmp_path, unpainted):
    config = dataclasses.replace(SMALL, kind=kind)
    world = write_log(tmp_path / "a", config, split)
    write_log(tmp_path / "b", config, split)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 120 + 5
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    back = read_world(tmp_path / "a")
    assert (back.votes, back.pictures, back.splits) == (world.votes, world.pictures, world.splits)
    assert (back.people[5].utilities == world.people[5].utilities).all()
    assert (back.population.tastes == world.population.tastes).all()
    assert (back.population.kind, back.population.own, back.population.beta) == (
        kind,
        config.own,
        config.beta,
    )


def test_the_tables_as_a_newcomer_reads_them(tmp_path, unpainted):
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
    with pytest.raises(ValueError, match="world 'crowds' is unknown"):
        write_log(tmp_path / "log", dataclasses.replace(SMALL, kind="crowds"), split)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "votes.csv"]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: draw_people(draw_population(), 0), "0 people were asked for; expected at least 1"),
        (
            lambda: draw_population("crowds"),
            "world 'crowds' is unknown; expected one of .'groups', 'factors'.",
        ),
        (lambda: draw_population(groups=1), "has 1 groups"),
        (lambda: draw_population("factors", factors=0), "0 factors"),
        (lambda: draw_population(own=1.0), "own share 1.0"),
        (lambda: draw_population(own=-0.1), "own share -0.1"),
        (lambda: draw_population(beta=0.0), "beta 0.0"),
        (lambda: draw_population(seed=True), "the seed is True; expected an integer of at least 0"),
        (lambda: draw_people(draw_population(), 3, seed=-1), "the seed is -1; expected an integer"),
        (lambda: inspect.unwrap(stream)(0.5, "people"), "the seed is 0.5; expected an integer"),
        (lambda: draw_test("crowds"), "world 'crowds' is unknown"),
        (
            lambda: draw_choices(np.zeros((1, 28)), pool_of(draw_pictures(20, 0)), 0, 5.0, stream(0, "")),
            "0 votes a person were asked of 20 pictures; expected 1 to",
        ),
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
