"""A subject and its attributes to a picture: procedural, seeded, antialiased.

Enters: a subject, `Attributes`, a seed, a size; or, for the painter as a `Generator`, noise and a prompt. Leaves: a
Pillow image, arrays of many with their labels, or images in [0, 1]. Does not know: people, votes, files.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image, ImageFilter
from torch import Tensor

from tasteprint.simulate import drawing, figures, mediums, styles
from tasteprint.simulate.taxonomy import (
    DIMENSIONS,
    SUBJECTS,
    Attributes,
    attributes_from,
    labels,
    read_prompt,
    require_value,
)

LARGEST = 1024
BLUR = 1.2 / 48  # standard deviation of the soft focus, as a share of the picture's side
RIM = 0.017  # width of the pale rim that parts a subject from any ground, as a share of the picture's side


@dataclass(frozen=True, slots=True)
class Picture:
    """All that fixes a picture but its size: what it shows, how, and the seed of its small accidents."""

    subject: str
    attributes: Attributes
    seed: int


def stream(seed: object, purpose: str) -> np.random.Generator:
    """A random stream for one purpose, independent of all others. ValueError for a bad seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"the seed is {seed!r}; expected an integer of at least 0: give one.")
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def paint(subject: str, attributes: Attributes, seed: int, size: int = 48) -> Image.Image:
    """Paint one RGB picture of `size` x `size` pixels; the same arguments give the same bytes.

    The seed moves what carries no taste: place, size, lean, a pattern's beginning, a small shift of the colours.
    ValueError for an unknown subject, a negative seed, or a size outside 8 to 1024.
    """
    require_value("subject", subject)
    _require_size(size)
    rng = stream(seed, "paint")
    shades = drawing.colours(attributes.palette, attributes.hue, rng)
    canvas = _drawn(subject, attributes, shades, size, rng)
    if attributes.detail == "Blurred":
        canvas = canvas.filter(ImageFilter.GaussianBlur(BLUR * size))
    return mediums.rendered(canvas, attributes.medium, shades, rng)


def draw_pictures(n: int, seed: int, purpose: str = "pictures") -> list[Picture]:
    """Draw `n` pictures to be painted: subjects and every attribute uniform and independent.

    Two purposes get different pictures from one seed. ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"{n} pictures were requested; expected at least 1: raise the number.")
    rng = stream(seed, purpose)
    subjects = rng.integers(len(SUBJECTS), size=n)
    values = np.stack([rng.integers(len(names), size=n) for names in DIMENSIONS.values()], axis=1)
    seeds = rng.integers(2**31, size=n)
    return [
        Picture(SUBJECTS[s], _attributes(row), int(k))
        for s, row, k in zip(subjects, values, seeds, strict=True)
    ]


def fresh(
    n: int, seed: int, size: int = 48
) -> tuple[UInt8[np.ndarray, "n side side 3"], Int64[np.ndarray, "n readable"]]:
    """`n` new labelled pictures, to teach an eye: pixels 0 to 255, and the positions of the values.

    Columns of the labels follow `READABLE` of the taxonomy: the dimensions of taste, then the subject. Different
    seeds give different pictures. ValueError as for `paint` and `draw_pictures`.
    """
    pictures = draw_pictures(n, seed, purpose="fresh")
    pixels = np.stack([np.asarray(paint(p.subject, p.attributes, p.seed, size)) for p in pictures])
    return pixels, np.stack([labels(p.attributes, p.subject) for p in pictures])


class PainterGenerator:
    """Paints what a prompt names; what it does not name is chosen by the noise, and so are the small accidents.

    The noise is as high and as wide as the picture, and has any number of channels. A painted picture has no
    gradient with respect to its noise.
    """

    def noise_shape(self, size: int) -> tuple[int, int, int]:
        """Channels, height and width of the noise of a picture of `size` x `size` pixels.

        ValueError for a size that `paint` refuses, so that no work begins that cannot be done.
        """
        paint(SUBJECTS[0], attributes_from({name: values[0] for name, values in DIMENSIONS.items()}), 0, size)
        return 1, size, size

    def __call__(self, noise: Float[Tensor, "b c h w"], prompt: str) -> Float[Tensor, "b 3 h w"]:
        """Paint one picture for each noise. ValueError as for `read_prompt` and `paint`, and where h is not w."""
        height, width = noise.shape[-2:]
        if height != width:
            raise ValueError(
                f"the noise is {height} x {width}; expected a square one: the painter paints squares."
            )
        subject, named = read_prompt(prompt)
        pictures = [_painted(subject, named, _seed(one), width) for one in noise]
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return (pixels.float() / 255).to(noise.device)


def _attributes(row: Int64[np.ndarray, " dimensions"]) -> Attributes:
    return Attributes(*(names[i] for names, i in zip(DIMENSIONS.values(), row, strict=True)))


def _require_size(size: int) -> None:
    if not 8 <= size <= LARGEST:
        raise ValueError(f"the size is {size} pixels; expected 8 to {LARGEST}: choose a size in that range.")


def _drawn(
    subject: str, attributes: Attributes, shades: drawing.Colours, size: int, rng: np.random.Generator
) -> Image.Image:
    """Everything that is drawn with sharp lines, from back to front."""
    ornate = attributes.detail == "Intricate"
    canvas = styles.behind(attributes.style, size, shades, rng)
    room = 1 - 1.6 * drawing.FRAME * ornate
    if attributes.composition == "Grid-Based Layouts":
        canvas.paste(shades["light"], mask=drawing.panels(size, room))
    rim, line = RIM, styles.LINES.get(attributes.style, 0.0)
    if attributes.detail == "Blurred":  # it would take thin ones away
        rim, line = 1.8 * RIM, max(line, RIM)
    look = figures.Look(shades, rim, line, ornate)
    stands, lean = figures.places(attributes.composition, room, rng), rng.normal(0, 0.06)
    subjects = figures.layer(subject, stands, lean, look, size)
    canvas.paste(subjects, mask=subjects)
    canvas = styles.over(canvas, attributes.style, shades, rng)
    if ornate:
        for role, mask in zip(("second", "light"), drawing.frame(size), strict=True):
            canvas.paste(shades[role], mask=mask)
    return canvas


def _painted(subject: str, named: dict[str, str], seed: int, size: int) -> np.ndarray:
    rng = stream(seed, "what the prompt leaves open")
    drawn = {name: values[rng.integers(len(values))] for name, values in DIMENSIONS.items()}
    ruled = {name: value for name, value in named.items() if value in DIMENSIONS.get(name, ())}
    return np.asarray(paint(subject, attributes_from(drawn | ruled), seed, size))


def _seed(noise: Float[Tensor, "c h w"]) -> int:
    """31 bits that tell this noise from any other."""
    values = noise.detach().float().cpu().contiguous().numpy()
    return int.from_bytes(hashlib.sha256(values.tobytes()).digest()[:4], "big") >> 1
