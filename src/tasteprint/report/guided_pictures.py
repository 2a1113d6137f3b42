"""Pictures from one noise for people of different tastes, as a part of a page.

Enters: a taste posterior, a generator, a dataset. Leaves: a `Guidance`. Does not know: how noise is improved, how a
page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.config import GuideConfig
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import fixed_examples
from tasteprint.data.images import ImageStore
from tasteprint.guide.reno import guide, noises
from tasteprint.guide.rewards import Reward, minus_margin
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.report.generation import picture_of
from tasteprint.report.page import Guidance, GuidedPerson, GuidedPicture, GuidedPrompt, ScoredPicture
from tasteprint.types import Generator, Vote

PEOPLE, LIKED = 3, 4
"""How many people pictures are made for, and how many liked pictures each is shown with."""

PROMPTS = ("a house", "a fish")


@dataclass(frozen=True)
class OnePersonPerImage:
    """A `Scorer` that scores image i for person i, so that several people's pictures are made in one batch.

    The prints are of one posterior: images are embedded once. `pessimism` is that of `PosteriorPrint.score`.
    """

    people: Sequence[PosteriorPrint]
    pessimism: float = 0.0

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score images in [0, 1], as many as people; higher is better, with gradients to the pixels."""
        rows = self.people[0].model.encoder.embed(images).split(1)
        return torch.cat(
            [
                person.score_embeddings(row, self.pessimism)
                for person, row in zip(self.people, rows, strict=True)
            ]
        )


def guidance_of(
    posterior: TastePosterior,
    generator: Generator,
    shape: tuple[int, int, int],
    dataset: Dataset,
    history_length: int,
    seed: int,
    config: GuideConfig = GuideConfig(),  # noqa: B008 - frozen
) -> Guidance:
    """Make pictures of two prompts for three test people, from the noise of one seed, of the generator's `shape`.

    The people are those whose tastes, after `history_length` votes, lie farthest apart: see `farthest`. ValueError
    where the dataset has no images or nobody in the test split has more votes than `history_length`.
    """
    began, images = perf_counter(), dataset.images
    people = _people(posterior, dataset, images, history_length, seed)
    tastes = torch.stack([person.belief.taste.float() for person in people])
    chosen = [people[place] for place in farthest(tastes, PEOPLE)]
    start = next(noises(shape, [seed] * len(chosen)))
    rows = tuple(_prompt(generator, prompt, start, chosen, config) for prompt in PROMPTS)
    described = tuple(_described(person, images) for person in chosen)
    return Guidance(described, rows, config.steps, round(perf_counter() - began, 1))


def farthest(tastes: Float[Tensor, "n d"], count: int) -> list[int]:
    """Choose rows that lie far apart: an end of the longest distance, then each time the row farthest from all chosen.

    Of equals the earlier row; all rows where there are not more than `count`.
    """
    apart = torch.cdist(tastes, tastes).fill_diagonal_(-1.0)
    chosen = [int(apart.max(dim=1).values.argmax())]
    while len(chosen) < min(count, len(tastes)):
        chosen.append(int(apart[chosen].min(dim=0).values.argmax()))
    return chosen


def _people(
    posterior: TastePosterior, dataset: Dataset, images: ImageStore, history_length: int, seed: int
) -> list[PosteriorPrint]:
    examples, _ = fixed_examples(dataset.votes_by_user("test"), history_length, 1, seed)
    if not examples:
        raise ValueError(
            f"nobody in the test split has more than {history_length} votes; expected someone: "
            "raise data.test when building."
        )
    return [posterior.print_of(example.history, images.open) for example in examples]


def _prompt(
    generator: Generator,
    prompt: str,
    start: Float[Tensor, "b c h w"],
    people: Sequence[PosteriorPrint],
    config: GuideConfig,
) -> GuidedPrompt:
    """Guide one noise for each person, and predict for everyone whether they prefer each picture."""
    rewards = [Reward("own", OnePersonPerImage(people), config.weight, minus_margin)]
    steps = list(guide(generator, prompt, start, rewards, config))
    best, unguided = steps[-1].best.seen.images, steps[0].seen.images
    preferred = [person.prefers(best, unguided).tolist() for person in people]
    guided = [
        GuidedPicture(ScoredPicture(picture_of(image)), probabilities)
        for image, probabilities in zip(best, zip(*preferred, strict=True), strict=True)
    ]
    return GuidedPrompt(prompt, ScoredPicture(picture_of(unguided[0])), tuple(guided))


def _described(person: PosteriorPrint, images: ImageStore) -> GuidedPerson:
    """Of what the person liked, show the pictures with the highest scores."""
    liked = [images.open(vote.liked) for vote in person.opinions if isinstance(vote, Vote)]
    order = person.score_pictures(liked).argsort(descending=True, stable=True)[:LIKED].tolist()
    return GuidedPerson(person.user_id, tuple(ScoredPicture(liked[place]) for place in order))
