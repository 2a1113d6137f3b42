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
from tasteprint.guide.reno import guide, noises
from tasteprint.guide.rewards import Reward, minus_margin
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.report.generation import picture
from tasteprint.report.page import Admirer, Guidance, Guided, Made, ScoredPicture
from tasteprint.types import Generator, Vote

PEOPLE, LIKED = 3, 4
"""How many people pictures are made for, and how many that each liked are shown."""

PROMPTS = ("a house", "a fish")


@dataclass(frozen=True)
class Each:
    """A `Scorer` whose row i is person i's, so that several people's pictures are made at once.

    Of one posterior: what all see of the images is computed once. `pessimism` is that of `PosteriorPrint.score`.
    """

    people: Sequence[PosteriorPrint]
    pessimism: float = 0.0

    def score(self, images: Float[Tensor, "b 3 h w"], prompts: Sequence[str]) -> Float[Tensor, " b"]:
        """Score one image a person, in [0, 1]; higher is better, with gradients to the pixels."""
        rows = self.people[0].posterior.encoder.embed(images).split(1)
        return torch.cat(
            [who.score_rows(row, self.pessimism) for who, row in zip(self.people, rows, strict=True)]
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

    The people are those whose tastes, after `history_length` votes, lie farthest apart: see `farthest`. ValueError where the
    dataset has no images or nobody in the test split has more votes than `history_length`.
    """
    began, people = perf_counter(), _people(posterior, dataset, history_length, seed)
    tastes = torch.stack([who.belief.taste.float() for who in people])
    chosen = [people[place] for place in farthest(tastes, PEOPLE)]
    start = next(noises(shape, [seed] * len(chosen)))
    made = tuple(_made(generator, prompt, start, chosen, config) for prompt in PROMPTS)
    admirers = tuple(_admirer(who, dataset) for who in chosen)
    return Guidance(admirers, made, config.steps, round(perf_counter() - began, 1))


def farthest(tastes: Float[Tensor, "n d"], count: int) -> list[int]:
    """Choose rows that lie far apart: one end of the longest distance, then ever whom the nearest is farthest from.

    Of equals the earlier row; all rows where there are not more than `count`.
    """
    apart = torch.cdist(tastes, tastes).fill_diagonal_(-1.0)
    chosen = [int(apart.max(dim=1).values.argmax())]
    while len(chosen) < min(count, len(tastes)):
        chosen.append(int(apart[chosen].min(dim=0).values.argmax()))
    return chosen


def _people(
    posterior: TastePosterior, dataset: Dataset, history_length: int, seed: int
) -> list[PosteriorPrint]:
    examples, _ = fixed_examples(dataset.votes_by_user("test"), history_length, 1, seed)
    if not examples:
        raise ValueError(
            f"nobody in the test split has more than {history_length} votes; expected someone: raise data.test when building."
        )
    return [posterior.print_of(example.history, dataset.images.open) for example in examples]


def _made(
    generator: Generator,
    prompt: str,
    start: Float[Tensor, "b c h w"],
    people: Sequence[PosteriorPrint],
    config: GuideConfig,
) -> Made:
    """Guide one noise a person and ask everyone about every picture."""
    rewards = [Reward("own", Each(people), config.weight, minus_margin)]
    steps = list(guide(generator, prompt, start, rewards, config))
    best, unguided = steps[-1].best.seen.images, steps[0].seen.images
    chances = [who.prefers(best, unguided).tolist() for who in people]
    guided = [
        Guided(ScoredPicture(picture(image)), said)
        for image, said in zip(best, zip(*chances, strict=True), strict=True)
    ]
    return Made(prompt, ScoredPicture(picture(unguided[0])), tuple(guided))


def _admirer(who: PosteriorPrint, dataset: Dataset) -> Admirer:
    """Of what the person took, show what fits best to what is believed of them."""
    liked = [dataset.images.open(vote.liked) for vote in who.said if isinstance(vote, Vote)]
    order = who.score_pictures(liked).argsort(descending=True, stable=True)[:LIKED].tolist()
    return Admirer(who.user_id, tuple(ScoredPicture(liked[place]) for place in order))
