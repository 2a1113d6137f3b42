"""The models that come with the package: they open without a network, are small, and foresee people they never met."""

from pathlib import Path

import numpy as np
import pytest
import torch

import tasteprint
from tasteprint.hub import BUNDLED, find_model
from tasteprint.incontext.model import InContextModel
from tasteprint.methods import open_model
from tasteprint.posterior.model import TastePosterior
from tasteprint.simulate.painter import paint
from tasteprint.simulate.world import draw_test
from tasteprint.types import History
from tasteprint.vision.encoder import ImageEncoder

pytestmark = pytest.mark.numerical

PEOPLE, TOLD, ASKED = 40, 8, 8


@pytest.fixture(scope="module")
def met():
    """Forty of the test people: their first votes, the next ones, and what the eye sees of the pictures in them."""
    world = draw_test()
    votes = [world.votes_by_user()[person.user_id] for person in world.people[:PEOPLE]]
    histories = [History(said[0].user_id, tuple(said[:TOLD])) for said in votes]
    asked = [said[TOLD : TOLD + ASKED] for said in votes]
    shown = sorted({image for said in votes for vote in said[: TOLD + ASKED] for image in vote.images})
    pictures = [world.pictures[name] for name in shown]
    seen = ImageEncoder.from_pretrained("eye").embed_pictures(
        paint(p.subject, p.attributes, p.seed) for p in pictures
    )
    return histories, asked, dict(zip(shown, seen, strict=True))


def accuracy(margins, asked):
    pairs = [(row[0::2] > row[1::2]) for row in margins]
    return np.mean(
        [
            pair == (v.label_0 == 1)
            for row, votes in zip(pairs, asked, strict=True)
            for pair, v in zip(row, votes, strict=True)
        ]
    )


def candidates(asked):
    return [[(image, vote.prompt) for vote in votes for image in vote.images] for votes in asked]


def test_they_open_by_name_and_are_small(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    kinds = {name: type(open_model(name)) for name in BUNDLED}
    assert kinds == {"mini": InContextModel, "mini-posterior": TastePosterior, "photos": TastePosterior}
    weights = Path(tasteprint.__file__).parent / "weights"
    files = [weights / "eye.safetensors", *(file for name in BUNDLED for file in find_model(name).iterdir())]
    assert sum(path.stat().st_size for path in files) < 12_000_000
    assert all((find_model(name) / "README.md").is_file() for name in BUNDLED)
    assert {p.dtype for p in InContextModel.from_pretrained("mini").network.parameters()} == {torch.float32}


def test_mini_knows_people_that_it_never_met(met):
    histories, asked, seen = met
    mini = InContextModel.from_pretrained("mini").network

    def images(names):
        return {"image_features": torch.stack([seen[name] for name in names]).unflatten(1, (-1, 128))}

    own = accuracy(mini.margins(histories, candidates(asked), images), asked)
    others = histories[1:] + histories[:1]
    other = accuracy(mini.margins(others, candidates(asked), images), asked)
    assert own > 0.7 and own - other > 0.12


def test_the_posterior_knows_them_too(met):
    histories, asked, seen = met
    posterior = TastePosterior.from_pretrained("mini-posterior")
    people = posterior.prints_of(
        histories, embeddings=lambda names: torch.stack([seen[n] for n in names]).numpy()
    )
    rows = [torch.stack([seen[image] for image, _ in shown]) for shown in candidates(asked)]
    margins = [person.score_embeddings(row).numpy() for person, row in zip(people, rows, strict=True)]
    assert accuracy(margins, asked) > 0.7
