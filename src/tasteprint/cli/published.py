"""Other people's scorers on the command line, by name, for whom they score and what their number means.

Enters: options that `score` and `rank` share. Leaves: a scorer, a sentence on its unit. Does not know: how scorers
work, pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tasteprint.types import History, OpenImage

ScorerName = Annotated[
    str | None,
    typer.Option(
        "--scorer", help="Instead of a model: a published scorer by name, such as pickscore or hpsv2.1."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="A file, folder or Hub repository with the scorer's weights instead of its own."),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda, for a scorer.")]


def open_published(
    name: str,
    weights: str | None,
    device: str | None,
    prompt: str,
    history: History,
    open_image: OpenImage,
) -> Any:
    """Open a scorer, for the person where it is a personal one. ValueError without a prompt where it reads one."""
    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.scorers import open_scorer, published_scorer, require_prompts

    personal = published_scorer(name).personal
    if not personal:
        require_prompts(name, [prompt])
    quiet_libraries()
    opened: Any = open_scorer(name, device, weights=weights)
    return opened.of(history, open_image) if personal else opened


def unit_of(name: str) -> str:
    """What a scorer's number means."""
    from tasteprint.scorers import published_scorer

    return f"{published_scorer(name).unit}; higher is better"


def refuse_idle(scorer: str | None, weights: str | None, device: str | None) -> None:
    """ValueError for options of a scorer where none is named."""
    if scorer is None and (weights or device):
        raise ValueError(
            f"{'--weights' if weights else '--device'} was given without a scorer; expected --scorer NAME beside it: "
            "name one, or leave it out."
        )


def require_one_of(model: str | None, scorer: str | None) -> None:
    """ValueError unless either a model or a scorer is named."""
    if (model is None) == (scorer is None):
        raise ValueError(
            f"{'both a model and a scorer were' if model else 'neither a model nor a scorer was'} named; expected one: "
            "give --model, or --scorer."
        )
