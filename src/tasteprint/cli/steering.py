"""What `tasteprint generate` follows: a person's prints by one or more models, and other scorers by name.

Enters: options of the command line, a history. Leaves: rewards. Does not know: which models there are, generators,
noise, files of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasteprint.cli.person import as_read

if TYPE_CHECKING:
    from tasteprint.guide.rewards import Reward
    from tasteprint.types import History, OpenImage, Print, Scorer


LOSS_NAMES = ("q", "margin")
"""The keys of `guide.rewards.LOSSES`, which loads torch."""

MOST_PESSIMISM = MOST_WEIGHT = 1_000_000
"""What is larger leaves nothing of the score in a number of 32 bits."""


def read_weights(options: Sequence[str]) -> dict[str, float]:
    """Read `name=WEIGHT` options. ValueError for a scorer that is unknown or named twice, and for no number."""
    from tasteprint.scorers import SCORERS

    weights: dict[str, float] = {}
    for option in options:
        name, _, number = option.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = float("nan")
        if name not in SCORERS or name in weights or not 0 <= weight <= MOST_WEIGHT:
            known = ", ".join(SCORERS)
            raise ValueError(
                f"reward is {option!r}; expected name=WEIGHT, as in pickscore=0.05, each of {known} at most "
                f"once, the weight 0 to {MOST_WEIGHT:,}: correct it."
            )
        weights[name] = weight
    return weights


def check_loss(loss: str | None, pessimism: float) -> None:
    """ValueError for an unknown loss, and a pessimism out of its range."""
    if loss not in (None, *LOSS_NAMES):
        raise ValueError(f"loss {loss!r} is not known; expected one of {', '.join(LOSS_NAMES)}: choose one.")
    if not 0 <= pessimism <= MOST_PESSIMISM:
        raise ValueError(f"pessimism is {pessimism}; expected 0 to {MOST_PESSIMISM:,}: correct it.")


def fitting_model(generator: str, prompt: str, history: History) -> str:
    """The bundled model that learned from what is asked: `mini` knows few prompts and short histories of painted
    pictures, `mini-posterior` reads no prompts, and `photos` is for all pictures but those.
    """
    from tasteprint.hub import find_model, read_about
    from tasteprint.learned_range import LearnedRange

    if generator != "mini-generator":
        return "photos"
    learned = LearnedRange.from_record(read_about(find_model("mini")).get("range"))
    known = learned.knows_prompts([prompt, *(vote.prompt for vote in history.votes)])
    return "mini" if known and len(history) <= learned.votes and not history.ratings else "mini-posterior"


def open_prints(
    models: Sequence[str],
    history: History,
    open_image: OpenImage,
    device: str | None = None,
    count: int | None = None,
) -> dict[str, Print]:
    """Open each model once and read the person's votes with it, `count` as for `as_read`.

    ValueError for a model named twice.
    """
    from tasteprint.methods import open_model

    if len(set(models)) < len(models):
        raise ValueError(f"the models are {', '.join(models)}; expected each once: leave one out.")
    opened = {name: open_model(name, device) for name in models}
    return {
        name: model.print_of(as_read(name, model, history, count), open_image)
        for name, model in opened.items()
    }


def own_rewards(
    prints: Mapping[str, Print], weight: float, loss: str | None = None, pessimism: float = 0.0
) -> list[Reward]:
    """Make rewards of a person's prints, which share `weight`.

    Without a `loss` the one that the prints name as their `guidance_loss`, and "margin" for all where they differ: it
    spreads twice as far where σ is flat (docs/decisions.md). `pessimism`, in standard deviations, is for the prints
    that know their uncertainty. ValueError where none does.
    """
    from tasteprint.guide.rewards import LOSSES, Reward

    named = {getattr(person, "guidance_loss", "margin") for person in prints.values()}
    chosen = LOSSES[loss or ("margin" if "margin" in named else "q")]
    scorers = _pessimistic(prints, pessimism) if pessimism else prints
    return [Reward(name, scorer, weight / len(prints), chosen) for name, scorer in scorers.items()]


def other_rewards(
    weights: Mapping[str, float], device: str | None, history: History, open_image: OpenImage
) -> list[Reward]:
    """Open other scorers, the personal ones for this person.

    The loss of each is its weight times its offset less its score (ReNO), or 1 - Q where it is an in-context model.
    """
    from tasteprint.guide.rewards import LOSSES, Reward, below
    from tasteprint.scorers import SCORERS, open_scorer

    rewards = []
    for name, weight in weights.items():
        opened: Any = open_scorer(name, device)
        scorer = opened.of(history, open_image) if SCORERS[name].personal else opened
        loss = below(scorer.offset) if hasattr(scorer, "offset") else LOSSES[scorer.guidance_loss]
        rewards.append(Reward(name, scorer, weight, loss))
    return rewards


def _pessimistic(prints: Mapping[str, Print], deviations: float) -> dict[str, Scorer]:
    from tasteprint.guide.rewards import KnowsUncertainty

    if not any(isinstance(person, KnowsUncertainty) for person in prints.values()):
        raise ValueError(
            f"pessimism is {deviations}, and none of the models knows its uncertainty; expected a taste posterior, "
            "such as --model mini-posterior: name one, or leave the pessimism out."
        )
    return {
        name: person.pessimistic(deviations) if isinstance(person, KnowsUncertainty) else person
        for name, person in prints.items()
    }
