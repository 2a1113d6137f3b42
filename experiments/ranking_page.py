"""The picture of the README: `python -m experiments.ranking_page OUT`, then a browser's screenshot of OUT/ranking.html.

Enters: nothing; the pictures are painted. Leaves: a folder of them, some copied to `liked` because they are Ukiyo-e or
in oceanic tones, and the page that `tasteprint rank` makes of both. Does not know: how anything is ranked.

    chromium --headless --window-size=1200,980 --screenshot=docs/pictures/ranking.png OUT/ranking.html
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import typer

from tasteprint import rank
from tasteprint.simulate.painter import paint
from tasteprint.simulate.taxonomy import DIMENSIONS, SUBJECTS, attributes_from

PICTURES, LIKED, SIZE = 240, 12, 192


def main(out: Path) -> None:
    """Paint, like, rank."""
    rng = random.Random(0)
    shown, liked = out / "pictures", out / "liked"
    shown.mkdir(parents=True)
    liked.mkdir()
    for number in range(PICTURES):
        values = {name: rng.choice(options) for name, options in DIMENSIONS.items()}
        subject = rng.choice(SUBJECTS)
        path = shown / f"{number:03d} {subject}, {values['style'].replace('/', ' ')}.png"
        paint(subject, attributes_from(values), number, SIZE).save(path)
        mine = values["style"] == "Ukiyo-e" or values["palette"] == "Oceanic Tones"
        if mine and len(list(liked.iterdir())) < LIKED:
            shutil.copy(path, liked)
    rank(shown, liked=liked).save(out / "ranking.html")


if __name__ == "__main__":
    typer.run(main)
