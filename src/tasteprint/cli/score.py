"""`tasteprint score`: how well one person will like each picture, or what a published scorer says of it.

Enters: the command line. Leaves: Q and margin of each image, or a score, in the order given. Does not know: which
models there are, how scores are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tasteprint.cli.own_pictures import Disliked, Liked, Stars, Votes, read_opinions, read_person
from tasteprint.cli.person import AsJson, Count, DataFolder, Prompt, User, as_read
from tasteprint.cli.published import (
    Device,
    ScorerName,
    Weights,
    open_published,
    refuse_idle,
    require_one_of,
    unit_of,
)
from tasteprint.files import json_text

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.types import History, Print


def score_command(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")],
    model: Annotated[
        str | None, typer.Option(help="A model folder, a run's folder, or a Hub repository.")
    ] = None,
    scorer: ScorerName = None, weights: Weights = None, device: Device = None,
    liked: Liked = None, disliked: Disliked = None, votes: Votes = None, stars: Stars = None,
    data: DataFolder = None, user: User = None,
    prompt: Prompt = "", history_length: Count = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Score pictures for one person by a model, or by a published scorer, in the order given."""
    require_one_of(model, scorer)
    refuse_idle(scorer, weights, device)
    if scorer is not None:
        said = read_opinions(liked, disliked, votes, stars, data, user)
        _score_published(images, scorer, weights, device, said, prompt, as_json)
        return
    assert model is not None, "one of both is named"
    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.data.images import open_image
    from tasteprint.methods import open_model

    pictures = [open_image(image) for image in images]
    quiet_libraries()
    person = read_person(liked, disliked, votes, stars, data, user)
    opened = open_model(model)
    read = as_read(model, opened, person, history_length)
    scores = scores_of(opened.print_of(read, open_image), images, pictures, prompt)
    if as_json:
        typer.echo(json_text(scores))
        return
    for score in scores:
        typer.echo(f"{score['q']:.3f}  {score['margin']:+.3f}  {score['image']}")


def _score_published(
    images: list[Path],
    name: str,
    weights: str | None,
    device: str | None,
    history: History,
    prompt: str,
    as_json: bool,
) -> None:
    from tasteprint.data.images import open_image

    scorer = open_published(name, weights, device, prompt, history, open_image)
    scores = scorer.score_pictures([open_image(image) for image in images], [prompt] * len(images)).tolist()
    rows = [{"image": str(image), "score": score} for image, score in zip(images, scores, strict=True)]
    if as_json:
        typer.echo(json_text(rows))
    else:
        for row in rows:
            typer.echo(f"{row['score']:+.4f}  {row['image']}")
    typer.echo(f"tasteprint: {name}: {unit_of(name)}.", err=True)


def scores_of(
    person: Print, names: Sequence[str | Path], pictures: Sequence[Image], prompt: str = ""
) -> list[dict[str, Any]]:
    """Score pictures with a person's print: name, Q and margin of each, in the order given."""
    margins = person.score_pictures(pictures, [prompt] * len(pictures))
    rows = zip(names, margins.tolist(), margins.sigmoid().tolist(), strict=True)
    return [{"image": str(name), "q": q, "margin": margin} for name, margin, q in rows]
