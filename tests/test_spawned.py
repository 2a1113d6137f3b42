"""A print in a process that was spawned: it opens its model by name, once, and scores the same."""

import multiprocessing

import numpy as np
from PIL import Image

from tasteprint.posterior.model import TastePosterior
from tasteprint.types import History, Vote

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def picture(name):
    return Image.fromarray(COLOURS[int(name)])


def scored(taste):
    """What a process does with a print that it is given."""
    return taste.score_pictures([picture(4), picture(5)]).tolist()


def test_a_spawned_process_opens_the_model_by_its_name():
    said = (Vote("me", "", "0", "1", 1.0), Vote("me", "", "2", "3", 1.0))
    taste = TastePosterior.from_pretrained("photos").print_of(History("me", said), picture)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(scored, [taste, taste])
    np.testing.assert_allclose(found, [scored(taste)] * 2, rtol=1e-4, atol=1e-5)
