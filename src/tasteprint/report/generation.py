"""The record of one generation: its steps as figures and small pictures, and all that is needed to repeat it.

Enters: the steps of an optimisation, settings. Leaves: files as bytes by name: start.png, best.png, strip.png,
noise.safetensors, generation.json. Does not know: how steps are made, where files go.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image, ImageDraw
from safetensors.torch import save

from tasteprint import provenance
from tasteprint.files import json_text
from tasteprint.guide.reno import Seen, Step

if TYPE_CHECKING:
    from tasteprint.config import GuideConfig
    from tasteprint.guide.rewards import Reward
    from tasteprint.guide.text_to_image import TextToImage
    from tasteprint.types import History


COLUMNS = 8
"""Pictures in a row of the strip, beside the best one."""

LEAST, MOST, LINE = 96, 256, 13
"""Side of a picture in the strip, and the height of a line of words above it, in pixels."""


class GenerationTrace:
    """The steps of a run so far; of each, only what is written is kept: figures and one small picture a noise."""

    _first: Step
    _last: Step

    def __init__(self, own: Sequence[str], seeds: Sequence[int]) -> None:
        """Begin with no step. `own` names the rewards that have a Q; row i of every step began from seed i."""
        self.own, self.seeds = list(own), list(seeds)
        self.figures: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self._tiles: list[list[Image.Image]] = []

    def add(self, step: Step) -> None:
        """Append the next step."""
        if not self._tiles:
            self._first = step
        self._last = step
        self._tiles.append([_tile(picture_of(image)) for image in step.seen.images])
        self.figures.append(self._figures(step))
        self.faults += [step.stopped] if step.stopped else []

    @property
    def row(self) -> int:
        """The noise whose best picture has the least loss."""
        return int(self._last.best.seen.loss.argmin())

    @property
    def best_q(self) -> float:
        """Mean over the person's models of the best picture's Q."""
        return self._q(self._last.best.seen, self.row)

    def summary(self) -> str:
        """Give one line: Q before and after, at which step, in what time."""
        best, last = self._last.best, self._last
        before = self._q(self._first.seen, self.row)
        step = f"step {int(best.number[self.row])} of {last.number}"
        return f"Q {before:.3f} -> {self.best_q:.3f} at {step}, {last.seconds:.1f} s:"

    def files(self, about: Mapping[str, Any]) -> dict[str, bytes]:
        """Give every file's bytes by name: pictures of the best row, noise and figures of all rows."""
        best = self._last.best
        noise = {"start": self._first.seen.noise, "best": best.seen.noise}
        found = {"row": self.row, "seed": self.seeds[self.row], "steps": best.number.tolist()}
        record = {**about, "seeds": self.seeds, "best": found, "faults": self.faults, "steps": self.figures}
        return {
            "start.png": _png(picture_of(self._first.seen.images[self.row])),
            "best.png": _png(picture_of(best.seen.images[self.row])),
            "strip.png": _png(self._strip(best.number.tolist())),
            "noise.safetensors": save({name: part.cpu().contiguous() for name, part in noise.items()}),
            "generation.json": f"{json_text(record, default=str)}\n".encode(),
        }

    def _q(self, seen: Seen, row: int) -> float:
        return sum(float(seen.scores[name][row].sigmoid()) for name in self.own) / len(self.own)

    def _figures(self, step: Step) -> dict[str, Any]:
        rows = [
            {
                "scores": {name: _number(score[row]) for name, score in step.seen.scores.items()},
                "q": {name: _number(step.seen.scores[name][row].sigmoid()) for name in self.own},
                "loss": _number(step.seen.loss[row]),
                "regulariser": _number(step.regulariser[row]),
                "norm": _number(step.norm[row]),
                "running": bool(step.running[row]),
            }
            for row in range(len(self.seeds))
        ]
        return {"step": step.number, "seconds": round(step.seconds, 3), "noises": rows}

    def _strip(self, best: Sequence[int]) -> Image.Image:
        """A row a noise: evenly chosen steps and the best of each row, each with its number and Q above it."""
        last = len(self._tiles) - 1
        columns = sorted({round(n * last / (COLUMNS - 1)) for n in range(COLUMNS)} | set(best))
        width, height = self._tiles[0][0].size
        sheet = Image.new("RGB", (len(columns) * width, len(self.seeds) * (height + 2 * LINE)), "white")
        pen = ImageDraw.Draw(sheet)
        for row, chosen in enumerate(best):
            for column, number in enumerate(columns):
                x, y = column * width, row * (height + 2 * LINE)
                q = self.figures[number]["noises"][row]["q"].values()
                marked = f"step {number}{', best' if number == chosen else ''}"
                pen.text((x + 2, y), marked, fill="black")
                pen.text(
                    (x + 2, y + LINE), "Q " + " / ".join(_two_digits(value) for value in q), fill="black"
                )
                sheet.paste(self._tiles[number][row], (x, y + 2 * LINE))
        return sheet


def picture_of(image: torch.Tensor) -> Image.Image:
    """Give an image (3, h, w) in [0, 1] as a picture of 8 bits."""
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels)


def _tile(image: Image.Image) -> Image.Image:
    """A picture between LEAST and MOST wide; enlarged by whole numbers, so that its pixels stay sharp."""
    times = -(-LEAST // image.width)
    if times > 1:
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    image.thumbnail((MOST, MOST))
    return image


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _number(value: torch.Tensor) -> float | None:
    """A number as JSON has it, which knows no NaN."""
    return float(value) if isfinite(value) else None


def _two_digits(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


LIBRARIES = ("torch", "transformers", "diffusers", "safetensors", "pillow")
FORMAT = 1


def generation_record(
    arguments: Mapping[str, Any],
    config: GuideConfig,
    generator: TextToImage,
    models: Mapping[str, str],
    rewards: Sequence[Reward],
    history: History,
) -> dict[str, Any]:
    """Give what is needed to repeat a generation, beside its steps; `models` are fingerprints by name."""
    return {
        "format": FORMAT,
        "command": ["tasteprint", *sys.argv[1:]],
        "arguments": dict(arguments),
        "guide": asdict(config),
        "generator": {"name": generator.name, "fingerprint": generator.fingerprint},
        "models": {name: {"fingerprint": fingerprint} for name, fingerprint in models.items()},
        "rewards": [{"name": r.name, "weight": r.weight, "loss": r.loss.__name__} for r in rewards],
        "history": {
            "user": history.user_id,
            "votes": [asdict(vote) for vote in history.votes],
            "ratings": [asdict(rating) for rating in history.ratings],
        },
        "versions": provenance.versions(*LIBRARIES),
        "build": provenance.code_digest(),
        "commit": provenance.commit(),
        "hardware": provenance.hardware(),
        "threads": torch.get_num_threads(),
    }
