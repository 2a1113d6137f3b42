"""The painter: pictures repeat and differ as they should, every value shows, bad requests are refused."""

import dataclasses
import itertools

import numpy as np
import pytest

from tasteprint.simulate.drawing import HUES, PALETTES
from tasteprint.simulate.figures import places
from tasteprint.simulate.mediums import _threads
from tasteprint.simulate.painter import draw_pictures, fresh, paint, stream
from tasteprint.simulate.styles import _BEHIND
from tasteprint.simulate.taxonomy import (
    DIMENSIONS,
    PAPER,
    READABLE,
    SUBJECTS,
    VALUES,
    Attributes,
    attributes_from,
    labels,
    one_hot,
    prompt,
    require_value,
)

pytestmark = pytest.mark.numerical

PLAIN = Attributes("Color Field Painting", "Oceanic Tones", "Centralized", "Simplified", "Crimson", "Digital")
PRINT = Attributes("Ukiyo-e", "Pastels", "Rule of Thirds", "Intricate", "Magenta", "Woodcut")


def pixels(subject="fish", attributes=PLAIN, seed=0, size=48):
    return np.asarray(paint(subject, attributes, seed, size)).astype(int)


def changed(dimension, value, attributes=PLAIN):
    return dataclasses.replace(attributes, **{dimension: value})


def near(picture, colour, within=60):
    """Where a picture's colour lies near one given as `#rrggbb`."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return np.abs(picture - wanted).sum(axis=2) < within


# the taxonomy


def test_attributes_name_each_dimension_once():
    assert [field.name for field in dataclasses.fields(Attributes)] == list(DIMENSIONS)
    assert len(set(VALUES)) == len(VALUES) == sum(map(len, DIMENSIONS.values())) == 28


def test_the_painted_values_are_the_papers():
    assert len(PAPER) == 7 and set(DIMENSIONS) == set(PAPER) - {"skill"}
    for name, values in DIMENSIONS.items():
        assert set(values) <= set(PAPER[name]) and len(set(PAPER[name])) == len(PAPER[name])


def test_every_value_has_a_rule():
    assert tuple(_BEHIND) == DIMENSIONS["style"]
    assert tuple(PALETTES) == DIMENSIONS["palette"] and tuple(HUES) == DIMENSIONS["hue"]


def test_one_hot_as_a_literal():
    style, palette, composition = [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 1, 0, 0]
    detail, hue, medium = [0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1]
    assert one_hot(PRINT).tolist() == [*style, *palette, *composition, *detail, *hue, *medium]


def test_labels_as_a_literal():
    """Style, palette, composition, detail, hue, medium, subject."""
    assert list(READABLE) == [*DIMENSIONS, "subject"]
    assert labels(PRINT, "fish").tolist() == [2, 3, 1, 1, 4, 3, 2]
    assert labels(PLAIN, "house").tolist() == [0] * 7


def test_the_prompt_as_a_literal():
    assert prompt("fish") == "a fish"


def test_attributes_from_a_table():
    assert attributes_from(PRINT.as_dict()) == PRINT


# the pictures


def test_same_arguments_same_picture():
    for attributes in (PLAIN, PRINT):
        assert (pixels(attributes=attributes, seed=3) == pixels(attributes=attributes, seed=3)).all()
        assert (pixels(attributes=attributes, seed=3) != pixels(attributes=attributes, seed=4)).any()


def test_the_patterns_are_not_painted_over():
    """Sheets are drawn once and shared: a hundred pictures later the first is still the same."""
    first = [pixels(p.subject, p.attributes, p.seed) for p in draw_pictures(24, 1)]
    fresh(100, 2)
    again = [pixels(p.subject, p.attributes, p.seed) for p in draw_pictures(24, 1)]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("attributes", [PLAIN, PRINT], ids=["plain", "print"])
@pytest.mark.parametrize("dimension", READABLE)
def test_every_value_gives_another_picture(dimension, attributes):
    if dimension == "subject":
        painted = [pixels(subject, attributes) for subject in SUBJECTS]
    else:
        painted = [pixels("fish", changed(dimension, v, attributes)) for v in DIMENSIONS[dimension]]
    for one in painted:
        assert one.shape == (48, 48, 3) and one.std() > 5
    for one, other in itertools.combinations(painted, 2):
        assert np.abs(one - other).mean() > 0.8


@pytest.mark.parametrize("size", [8, 48, 64, 99])
def test_every_size_is_painted(size):
    for picture in draw_pictures(20, size):
        assert paint(picture.subject, picture.attributes, picture.seed, size).size == (size, size)


def test_a_picture_is_the_same_at_another_size():
    """Smaller means averaged: a picture at 96, averaged down, is nearly that at 48."""
    for picture in draw_pictures(30, 3):
        attributes = changed("medium", "Digital", picture.attributes)
        large = paint(picture.subject, attributes, picture.seed, 96).reduce(2)
        small = pixels(picture.subject, attributes, picture.seed, 48)
        assert np.abs(np.asarray(large).astype(int) - small).mean() < 16


def test_a_subject_has_the_hue_in_every_palette():
    for palette, hue in itertools.product(DIMENSIONS["palette"], DIMENSIONS["hue"]):
        attributes = dataclasses.replace(PLAIN, style="Anime/Manga", palette=palette, hue=hue)
        painted = pixels("cup", attributes)
        found = {name: near(painted, codes.split()[0]).sum() for name, codes in HUES.items()}
        assert found.pop(hue) > max(250, 3 * max(found.values()))


def test_a_palette_is_told_by_its_mean_colour():
    """Whatever the seed: the palettes lie further apart than a palette's accidents."""
    means = {
        name: np.array([pixels(attributes=changed("palette", name), seed=s).mean((0, 1)) for s in range(8)])
        for name in DIMENSIONS["palette"]
    }
    for name, other in itertools.combinations(means, 2):
        gap = np.linalg.norm(means[name].mean(0) - means[other].mean(0))
        assert gap > 4 * max(means[name].std(0).max(), means[other].std(0).max())


def test_industrial_is_grey():
    """But for the subject: the jitter moves lightness, never the tint."""
    picture = pixels(attributes=changed("palette", "Urban Industrial"))
    assert np.ptp(picture[:4], axis=2).max() < 16 < np.ptp(pixels()[:4], axis=2).min()


def test_symmetry_is_a_mirror():
    rng = np.random.default_rng(0)
    left, right = places("Symmetry", 1.0, rng)
    assert left.x + right.x == pytest.approx(1) and left.y == right.y and left.mirrored != right.mirrored
    picture = pixels("house", changed("composition", "Symmetry"), seed=5)
    assert np.abs(picture - picture[:, ::-1]).mean() < 3


def test_compositions_count_and_place_the_subject():
    rng = np.random.default_rng(0)
    counts = {name: len(places(name, 1.0, rng)) for name in DIMENSIONS["composition"]}
    assert counts == {"Centralized": 1, "Rule of Thirds": 1, "Grid-Based Layouts": 9, "Symmetry": 2}
    for _ in range(50):
        (place,) = places("Rule of Thirds", 1.0, rng)
        assert {abs(place.x - 0.5) > 0.17, abs(place.y - 0.5) > 0.17} == {True}


def test_the_copies_in_a_grid_are_alike():
    attributes = dataclasses.replace(PLAIN, style="Anime/Manga", composition="Grid-Based Layouts")
    red = near(pixels("star", attributes, size=96), HUES["Crimson"].split()[0])
    counts = red.reshape(3, 32, 3, 32).sum((1, 3))
    assert counts.min() > 0.9 * counts.max() > 50


def test_a_blurred_picture_has_no_sharp_edge():
    def steepest(detail):
        return np.abs(np.diff(pixels(attributes=changed("detail", detail)), axis=1)).max()

    assert steepest("Blurred") < 0.6 * steepest("Simplified")


def test_a_weave_against_its_slow_twin():
    """Two by two threads on four by four pixels, drawn thread by thread."""
    light, above = _threads(4, count=2, fine=50)
    grid = (np.arange(200) + 0.5) / 100
    slow_light, slow_above = np.zeros((200, 200)), np.zeros((200, 200))
    for i, j in np.ndindex(200, 200):
        y, x = grid[i], grid[j]
        slow_above[i, j] = (int(y) + int(x)) % 2
        across, along = (x, y) if slow_above[i, j] else (y, x)
        slow_light[i, j] = np.sqrt(np.sin(np.pi * (across % 1))) * (0.75 + 0.25 * np.sin(np.pi * (along % 1)))
    for fast, slow in ((light, slow_light), (above, slow_above)):
        assert np.allclose(fast, slow.reshape(4, 50, 4, 50).mean((1, 3)), atol=1e-4)


# many pictures


def test_fresh_gives_the_labels_of_what_it_painted():
    shown, found = fresh(20, seed=5, size=16)
    assert shown.shape == (20, 16, 16, 3) and shown.dtype == np.uint8
    assert found.shape == (20, len(READABLE))
    drawn = draw_pictures(20, seed=5, purpose="fresh")[7]
    *values, subject = [names[i] for names, i in zip(READABLE.values(), found[7], strict=True)]
    assert (Attributes(*values), subject) == (drawn.attributes, drawn.subject)
    assert (shown[7] == pixels(subject, drawn.attributes, drawn.seed, 16)).all()
    assert (fresh(20, seed=6, size=16)[0] != shown).any()


def test_pictures_are_drawn_evenly():
    drawn = draw_pictures(2800, 0)
    for name, values in DIMENSIONS.items():
        counts = [sum(getattr(p.attributes, name) == value for p in drawn) for value in values]
        assert min(counts) > 0.8 * 2800 / len(values)


# bad requests


@pytest.mark.parametrize("size", [0, 7, -48, 1025, 4096])
def test_a_size_that_cannot_be_painted(size):
    with pytest.raises(ValueError, match=f"the size is {size} pixels; expected 8 to 1024"):
        paint("fish", PLAIN, 0, size)
    with pytest.raises(ValueError, match="the size is"):
        fresh(2, 0, size)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, None])
def test_a_seed_that_is_no_integer(seed):
    with pytest.raises(ValueError, match="expected an integer of at least 0"):
        stream(seed, "paint")


def test_unknown_values():
    with pytest.raises(ValueError, match="style 'Surrealism' is unknown"):
        changed("style", "Surrealism")
    with pytest.raises(ValueError, match="dimension 'skill' is unknown"):
        require_value("skill", "Polished")
    with pytest.raises(ValueError, match="subject 'dog' is unknown"):
        paint("dog", PLAIN, 0)
    with pytest.raises(ValueError, match="subject 'dog' is unknown"):
        prompt("dog")
    with pytest.raises(ValueError, match="expected exactly"):
        attributes_from({**PLAIN.as_dict(), "skill": "Polished"})
    with pytest.raises(ValueError, match="expected exactly"):
        attributes_from({"style": "Cubism"})


def test_no_pictures():
    with pytest.raises(ValueError, match="0 pictures were asked for"):
        draw_pictures(0, 0)
