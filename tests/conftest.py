"""Small random models through the real loading code, shared by the tests that need one."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers with two spinning threads each would be slower

import pytest
from hypothesis import settings

settings.register_profile("tasteprint", derandomize=True, deadline=None)
settings.load_profile("tasteprint")


@pytest.fixture(scope="session")
def model():
    """An untrained mini with ten preference tokens, frozen; do not change its weights."""
    import torch

    from tasteprint.config import ModelConfig
    from tasteprint.incontext.model import InContextModel

    torch.manual_seed(0)
    return InContextModel.from_config(ModelConfig(), ["a house", "a fish"], n_tokens=10)


@pytest.fixture
def network(model):
    """The same network, one's own, with gradients: what a trainer holds."""
    from copy import deepcopy

    return deepcopy(model.network).requires_grad_(True)


@pytest.fixture(scope="session")
def pictures():
    """Forty small painted pictures, by the names "0" to "39"."""
    from tasteprint.simulate.painter import draw_pictures, paint

    drawn = [paint(picture.subject, picture.attributes, picture.seed) for picture in draw_pictures(40, 0)]
    return {str(number): picture for number, picture in enumerate(drawn)}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Twenty-four simulated people with twenty votes each, their pictures painted; do not write to it."""
    from worlds import small_world

    return small_world(tmp_path_factory.mktemp("world"))
