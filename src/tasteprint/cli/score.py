"""`tasteprint score`: how well one person will like each picture, in the order given.

Enters: the command line. Leaves: Q and margin of each image. Does not know: which models there are, how scores are
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tasteprint.cli.person import AsJson, Count, DataFolder, HistoryFile, Prompt, User, as_read, read_person
from tasteprint.files import json_text

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasteprint.types import Print


def score_command(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")],
    model: Annotated[str, typer.Option(help="A model folder, a run's folder, or a Hub repository.")],
    history: HistoryFile = None, data: DataFolder = None, user: User = None,
    prompt: Prompt = "", history_length: Count = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Score pictures for one person, in the order given."""
    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.data.images import open_image
    from tasteprint.methods import open_model

    pictures = [open_image(image) for image in images]
    quiet_libraries()
    person, opener = read_person(history, data, user)
    opened = open_model(model)
    read = as_read(model, opened, person, history_length)
    scores = scores_of(opened.print_of(read, opener), images, pictures, prompt)
    if as_json:
        typer.echo(json_text(scores))
        return
    for score in scores:
        typer.echo(f"{score['q']:.3f}  {score['margin']:+.3f}  {score['image']}")


def scores_of(
    person: Print, names: Sequence[str | Path], pictures: Sequence[Image], prompt: str = ""
) -> list[dict[str, Any]]:
    """Score pictures with a person's print: name, Q and margin of each, in the order given."""
    margins = person.score_pictures(pictures, [prompt] * len(pictures))
    rows = zip(names, margins.tolist(), margins.sigmoid().tolist(), strict=True)
    return [{"image": str(name), "q": q, "margin": margin} for name, margin, q in rows]
