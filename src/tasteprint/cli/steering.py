"""What `tasteprint generate` steers by: a person's prints by one or more models, and other scorers by name.

Enters: words of the command line, a history. Leaves: rewards. Does not know: generators, noise, files of results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.guide.rewards import Reward
    from tasteprint.incontext.prints import InContextPrint
    from tasteprint.posterior.prints import PosteriorPrint
    from tasteprint.types import History


FORMS = ("q", "margin")


@dataclass(frozen=True, slots=True)
class Taste:
    """A person as one model sees them."""

    name: str
    print: InContextPrint | PosteriorPrint
    is_posterior: bool

    @property
    def fingerprint(self) -> str:
        """Names the weights that the print belongs to."""
        made_from = self.print.made_from
        return made_from if isinstance(made_from, str) else made_from.fingerprint


def weights_of(words: Sequence[str]) -> dict[str, float]:
    """Read `name=WEIGHT` words. ValueError for a scorer that is not known or named twice, and for no number."""
    from tasteprint.scorers import SCORERS

    weights: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = float("nan")
        if name not in SCORERS or name in weights or not 0 <= weight < float("inf"):
            known = ", ".join(SCORERS)
            raise ValueError(
                f"reward {word!r} was asked for; expected name=WEIGHT, as in pickscore=0.05, each of {known} at most "
                "once, the weight a number of at least 0: correct it."
            )
        weights[name] = weight
    return weights


def check_own(form: str | None, pessimism: float) -> None:
    """ValueError for a form of the own loss that there is not, and a caution that is negative or not a number."""
    if form not in (None, *FORMS):
        raise ValueError(f"loss {form!r} is not known; expected one of {', '.join(FORMS)}: choose one.")
    if not 0 <= pessimism < float("inf"):
        raise ValueError(f"caution is {pessimism}; expected a number of at least 0: correct it.")


def open_tastes(
    names: Sequence[str], who: History, opener: Callable[[str], Image], device: str | None = None
) -> list[Taste]:
    """Open each model once, frozen, and read the person's votes. ValueError for a model named twice."""
    if len(set(names)) < len(names):
        raise ValueError(f"the models are {', '.join(names)}; expected each once: leave one out.")
    return [_taste(name, who, opener, device) for name in names]


def own(
    tastes: Sequence[Taste], weight: float, form: str | None = None, pessimism: float = 0.0
) -> list[Reward]:
    """Make rewards of a person's prints, which share `weight`.

    Without a `form` the loss is P's 1 − Q, but where a posterior takes part minus the score, for all alike: it spreads
    twice as far (docs/decisions.md), where σ is flat. ValueError for a caution that no posterior can take.
    """
    from tasteprint.guide.rewards import LOSSES, Pessimistic, Reward

    some = any(taste.is_posterior for taste in tastes)
    if pessimism and not some:
        raise ValueError(
            f"caution is {pessimism}, and none of the models knows how sure it is; expected a taste posterior, such as "
            "--model mini-posterior: name one, or leave the caution out."
        )
    loss = LOSSES[form or ("margin" if some else "q")]
    return [
        Reward(
            taste.name,
            Pessimistic(taste.print, pessimism) if taste.is_posterior and pessimism else taste.print,  # type: ignore[arg-type]
            weight / len(tastes),
            loss,
        )
        for taste in tastes
    ]


def others(weights: Mapping[str, float], device: str | None = None) -> list[Reward]:
    """Open other scorers; the loss of each is its weight times its offset less its score (ReNO)."""
    from tasteprint.guide.rewards import Reward, below
    from tasteprint.scorers import open_scorer

    opened = {name: open_scorer(name, device) for name in weights}
    return [
        Reward(name, opened[name], weight, below(opened[name].offset)) for name, weight in weights.items()
    ]


def _taste(name: str, who: History, opener: Callable[[str], Image], device: str | None) -> Taste:
    from tasteprint.cli.models import open_model
    from tasteprint.incontext.model import InContextModel

    model = open_model(name)
    if isinstance(model, InContextModel):
        model.requires_grad_(False)
        if device and not model.settings.quantize:
            model.to(device)
    return Taste(name, model.print_of(who, opener), not isinstance(model, InContextModel))
