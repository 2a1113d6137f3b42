"""The bundled model `photos`: features for one person alone, found on photographs and pictures of Debian's packages.

    apt-get install gnome-backgrounds mate-backgrounds ukui-wallpapers sway-backgrounds desktop-base \
        lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 plasma-workspace-wallpapers
    python -m experiments.photos_model /usr/share/backgrounds /usr/share/wallpapers

Enters: folders of pictures. Leaves: the model's folder. Does not know: anybody's taste.

Of every picture the whole and some cut-outs are embedded, so that three hundred pictures stand for near and far. Kept
are means, deviations and directions over all of them; no picture can be made again from these. They serve where a print
is made without a folder at hand; `TastePosterior.at_hand` replaces them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from tasteprint.config import PosteriorConfig
from tasteprint.data.decode import ImageError, open_image
from tasteprint.posterior.model import TastePosterior
from tasteprint.vision.encoder import ImageEncoder

CONFIG = PosteriorConfig(encoder="photo", prior="alone")
CUTS = 4
SMALLEST = 40_000
"""Bytes below which a file is taken for an icon or a thumbnail."""

OUT = Path(__file__).parents[1] / "src/tasteprint/weights/photos"


def main(folders: list[Path], out: Annotated[Path, typer.Option()] = OUT) -> None:
    """Embed the pictures below the folders and write the model."""
    encoder = ImageEncoder.from_pretrained(CONFIG.encoder)
    paths = sorted({path.resolve() for folder in folders for path in folder.rglob("*")})
    rows = encoder.embed_pictures(picture for path in paths for picture in _pictures(path))
    print(f"{len(paths)} files, {len(rows)} pictures and cut-outs")
    TastePosterior.alone(CONFIG, rows.numpy(), encoder).save_pretrained(out)


def _pictures(path: Path) -> Iterator[Image.Image]:
    """The whole picture, and four cut-outs of 30 to 80 % of a side, the same for the same name."""
    if not path.is_file() or path.stat().st_size < SMALLEST:
        return
    try:
        whole = open_image(path)
    except ImageError:
        return
    yield whole
    rng = random.Random(path.name)
    for _ in range(CUTS):
        width, height = (round(side * rng.uniform(0.3, 0.8)) for side in whole.size)
        left, top = rng.randint(0, whole.width - width), rng.randint(0, whole.height - height)
        yield whole.crop((left, top, left + width, top + height))


if __name__ == "__main__":
    typer.run(main)
