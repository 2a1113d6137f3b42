"""A world small enough for tests: pictures of one colour, people who like one of two colours, an encoder of means."""

import random
from dataclasses import replace

import torch
from PIL import Image
from torch import nn

from tasteprint.config import PosteriorConfig
from tasteprint.posterior.model import TastePosterior
from tasteprint.types import Vote
from tasteprint.vision.encoder import ImageEncoder

SMALL = PosteriorConfig(prior="learned", components=2, features=2, hidden=8, steps=60, batch_size=32, lr=2e-2)
COLOURS = {
    f"c{n}": (random.Random(n).randrange(256), random.Random(-n - 1).randrange(256), 90) for n in range(40)
}


def colour_encoder(name="colours", width=3):
    """Embeds a picture as its mean colour, with gradients."""

    def tensor(image):
        return torch.tensor(list(image.convert("RGB").tobytes())).view(1, *image.size, 3).movedim(-1, 1) / 255

    def mean(pixels):
        return pixels.mean(dim=(2, 3))[:, :width]

    return ImageEncoder(name, width, [nn.LayerNorm(1)], tensor, lambda images: images, mean, name)


def vector_encoder(width, column_weights=None):
    """Stands beside embeddings that are given as rows; it embeds nothing itself."""

    def refuse(_):
        raise AssertionError("no picture is to be looked at")

    return ImageEncoder(
        "vectors", width, [nn.LayerNorm(1)], refuse, refuse, refuse, "none", column_weights=column_weights
    )


def picture(name):
    return Image.new("RGB", (4, 4), COLOURS[name])


def votes_of(user, likes, count=12, seed=None):
    """Votes of someone who takes the redder (0) or the greener (1) of two pictures."""
    draw = random.Random(user if seed is None else seed)
    votes = []
    for _ in range(count):
        first, second = draw.sample(sorted(COLOURS), 2)
        label = float(COLOURS[first][likes] > COLOURS[second][likes])
        votes.append(Vote(user, "a colour", first, second, label))
    return votes


def some_people(count=40):
    return {f"u{n}": votes_of(f"u{n}", n % 2) for n in range(count)}


def embeddings(names):
    return colour_encoder().embed_pictures([picture(name) for name in names]).numpy()


def fit(people, config=SMALL, rows=embeddings, **more):
    return TastePosterior.fit(people, config, encoder=colour_encoder(), embeddings=rows, **more)


def fitted(**settings):
    return fit(some_people(), replace(SMALL, **settings))
