"""The contact sheet of the painted world, docs/pictures/world.png: `python -m experiments.world_sheet [OUT]`.

Enters: the painter. Leaves: one PNG: a row for each dimension in which only that dimension changes, then rows of
pictures as people see them, all attributes drawn at random. Does not know: people, votes.
"""

import sys
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tasteprint.simulate.painter import draw_pictures, paint
from tasteprint.simulate.taxonomy import DIMENSIONS, SUBJECTS, Attributes

SIZE, ZOOM, COLUMNS, GAP, CAPTION = 64, 2, 8, 12, 22
CELL = SIZE * ZOOM
BASES = {
    "style": ("boat", "Oceanic Tones", "Centralized", "Simplified", "Crimson", "Digital"),
    "palette": ("fish", "Art Deco", "Centralized", "Simplified", "Cerulean", "Digital"),
    "composition": ("house", "Ukiyo-e", "Pastels", "Simplified", "Crimson", "Digital"),
    "detail": ("flower", "Color Field Painting", "Oceanic Tones", "Centralized", "Magenta", "Digital"),
    "hue": ("cup", "Aboriginal Art", "Earthy Palettes", "Centralized", "Simplified", "Digital"),
    "medium": ("mountain", "Ukiyo-e", "Vibrant Colors", "Centralized", "Simplified", "Cerulean"),
}
"""For each dimension the subject of its row and the values of the other five, in their order."""


def base(dimension: str) -> tuple[str, Attributes]:
    """Give the subject and the attributes of a row; the dimension itself has its first value."""
    subject, *others = BASES[dimension]
    names = [name for name in DIMENSIONS if name != dimension]
    values = {**dict(zip(names, others, strict=True)), dimension: DIMENSIONS[dimension][0]}
    return subject, Attributes(**values)


def rows() -> list[tuple[str, list[tuple[Image.Image, str]]]]:
    """Give every row's name, and its pictures with their captions."""
    found = []
    for dimension, values in DIMENSIONS.items():
        subject, attributes = base(dimension)
        shown = [(paint(subject, replace(attributes, **{dimension: v}), 1, SIZE), v) for v in values]
        found.append((dimension, shown))
    mixed = [(paint(p.subject, p.attributes, p.seed, SIZE), "") for p in draw_pictures(2 * COLUMNS, 12)]
    subjects = [(paint(s, base("palette")[1], 1, SIZE), s) for s in SUBJECTS]
    return [*found, ("subject", subjects), ("all at random", mixed)]


def sheet() -> Image.Image:
    """Lay the rows out below each other, each picture `ZOOM` times as wide, its caption under it."""
    font, strong = ImageFont.load_default(14), ImageFont.load_default(18)
    placed, top = [], GAP
    for name, shown in rows():
        placed.append((name, shown, top))
        height = CELL + (CAPTION if shown[0][1] else GAP)
        top += 30 + height * -(-len(shown) // COLUMNS) + GAP
    page = Image.new("RGB", (GAP + COLUMNS * (CELL + GAP), top), "white")
    pen = ImageDraw.Draw(page)
    for name, shown, start in placed:
        pen.text((GAP, start), name, fill="#222222", font=strong)
        for number, (picture, caption) in enumerate(shown):
            x = GAP + number % COLUMNS * (CELL + GAP)
            y = start + 30 + number // COLUMNS * (CELL + GAP)
            page.paste(picture.resize((CELL, CELL), Image.Resampling.NEAREST), (x, y))
            pen.text((x, y + CELL + 3), caption, fill="#444444", font=font)
    return page


if __name__ == "__main__":
    out = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "docs" / "pictures" / "world.png"
    sheet().save(out, optimize=True)
