"""Near-duplicates: bursts come together, different pictures stay apart, whatever the order, number and units."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from sklearn.datasets import load_sample_images

from tasteprint.library import duplicates
from tasteprint.library.duplicates import near_duplicates
from tasteprint.vision.encoder import ImageEncoder


def scenes(number, shots, width=400, near=0.1, seed=0):
    """Rows of unit deviation; shots of a scene are about `near` times the root of 2 apart, scenes 1.4."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(size=(number, width)), shots, axis=0) + near * rng.normal(
        size=(number * shots, width)
    )


def test_shots_of_a_scene_come_together():
    groups = near_duplicates(scenes(20, 3).astype(np.float16))
    assert groups.tolist() == [number // 3 for number in range(60)]
    assert near_duplicates(scenes(20, 3, near=0.6)).tolist() == list(range(60))


@given(st.permutations(range(12)), st.floats(0.01, 100))
def test_neither_order_nor_units_change_who_is_together(order, unit):
    rows = scenes(4, 3)[list(order)] * np.r_[np.full(200, unit), np.ones(200)]
    groups = near_duplicates(rows)
    kinds = np.array(order) // 3
    np.testing.assert_array_equal(groups[:, None] == groups, kinds[:, None] == kinds)
    assert groups[0] == 0 and (groups <= np.maximum.accumulate(np.r_[0, groups[:-1] + 1])).all()


def test_columns_count_by_their_weights():
    rows = np.hstack([scenes(8, 1, 200), np.tile(scenes(4, 1, 200, seed=1), (2, 1))])
    weights = np.r_[np.zeros(200), np.ones(200)].astype(np.float32)
    assert near_duplicates(rows, weights).tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert near_duplicates(rows, 1 - weights).tolist() == near_duplicates(rows).tolist() == list(range(8))


def test_a_series_that_changes_slowly_is_not_one_group():
    rng = np.random.default_rng(0)
    steps = np.cumsum(0.1 * rng.normal(size=(200, 400)), axis=0)
    groups = near_duplicates(steps)
    assert (np.diff(groups) >= 0).all() and 5 < groups[-1] < 100


def test_the_smallest_sets():
    assert near_duplicates(np.zeros((0, 5), np.float16)).tolist() == []
    assert near_duplicates(np.ones((1, 5), np.float16)).tolist() == [0]
    assert near_duplicates(np.zeros((3, 5), np.float16)).tolist() == [0, 0, 0]
    assert near_duplicates(np.array([[1.0, 2], [1, 2], [-3, 1]])).tolist() == [0, 0, 1]


def test_a_folder_that_is_one_burst():
    rows = 5 + 0.2 * np.random.default_rng(0).normal(size=(6, 400))
    assert near_duplicates(rows).tolist() == [0] * 6


def test_many_pictures_are_compared_with_their_neighbours_only(monkeypatch):
    rows = scenes(400, 3).astype(np.float16)
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    exact = near_duplicates(rows)
    monkeypatch.setattr(duplicates, "CELL", 160)
    assert max(map(len, duplicates._cells(duplicates._sketch(rows, None)))) <= 160
    found = near_duplicates(rows)
    assert len(np.unique(exact)) == 400
    assert len(np.unique(found)) < 420  # landmarks miss some
    assert len(np.unique(np.stack([exact, found]), axis=1).T) == len(np.unique(found))  # and mix up none


def test_a_scene_throughout_costs_no_more_pairs(monkeypatch):
    monkeypatch.setattr(duplicates, "CELL", 160)
    rows = np.repeat(scenes(2, 1), 300, axis=0)
    sketch = duplicates._sketch(rows, None)
    pairs = [pair for cell in duplicates._cells(sketch) for pair in duplicates._pairs(sketch, cell, 0.5)]
    assert sum(map(len, pairs)) <= 600 * duplicates.LANDMARKS * duplicates.EARLIER
    assert len(np.unique(near_duplicates(rows))) < 20


@pytest.fixture(scope="module")
def photographs(pictures):
    """Twelve different pictures: parts of two photographs, and paintings."""
    china, flower = (Image.fromarray(photo) for photo in load_sample_images().images)
    corners = [(0, 0), (320, 0), (0, 213), (320, 213)]
    parts = [photo.crop((x, y, x + 320, y + 213)) for photo in (china, flower) for x, y in corners]
    return [*parts, *(pictures[str(number)].resize((320, 320)) for number in range(4))]


def as_jpeg(picture, quality):
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def test_photographs_and_their_copies(photographs):
    encoder = ImageEncoder.from_pretrained("photo")
    copies = [
        photographs,
        [as_jpeg(picture, 80) for picture in photographs],
        [picture.resize((picture.width * 2, picture.height * 2)) for picture in photographs],
        [picture.crop((3, 2, picture.width, picture.height)) for picture in photographs],
        [ImageEnhance.Brightness(picture).enhance(1.1) for picture in photographs],
    ]
    rows = encoder.embed_pictures(picture for kind in copies for picture in kind).numpy().astype(np.float16)
    assert near_duplicates(rows[:12], encoder.column_weights.numpy()).tolist() == list(range(12))
    groups = near_duplicates(rows, encoder.column_weights.numpy()).reshape(5, 12)
    assert (groups == np.arange(12)).mean() > 0.9
    assert all(len(np.unique(np.nonzero(groups == group)[1])) == 1 for group in np.unique(groups))
