"""Train the bundled one-step generator: `python -m experiments.train_generator --out runs/generator`.

Enters: the painter, the bundled eye. Leaves: OUT/pipeline, a diffusers folder, and OUT/state.pt to go on from.
Does not know: people, votes.

First the autoencoder learns pictures; then the network learns which latents belong to which noise and prompt
(`generator_parts.py`); at last network and decoder learn together, by pixels and by what the eye of `mini` sees.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from experiments.generator_parts import LAST, noise_for, pipeline
from tasteprint.simulate.painter import paint
from tasteprint.simulate.taxonomy import DIMENSIONS, READABLE, SUBJECTS, attributes_from
from tasteprint.vision.eye import bundled_eye

SEED, HELD = 99_000, 512
TEMPLATES = (
    "{}", "a {}", "A {}.", "the {}", "one {}", "a picture of a {}", "an image of a {}", "a painting of a {}",
    "a drawing of the {}", "picture of a {}, please", "a beautiful {}", "a {} for me", "a small {}",
)  # fmt: skip
PHASES = {"autoencoder": 8, "latents": 1, "pixels": 1}
"""Each phase's number of seeds for the painter's accidents. Of a generator's noise each picture has to be the only one:
where a picture is one of eight, one step can give no better than the middle of them."""


@dataclass(frozen=True)
class TrainingPictures:
    """What is learned from: pixels 0 to 255; the values that the noise decides; which subject."""

    pixels: UInt8[Tensor, "n 3 48 48"]
    choices: Int[Tensor, "n dimensions"]
    subjects: Int[Tensor, " n"]

    @classmethod
    def painted(cls, count: int, seed: int, accidents: int) -> TrainingPictures:
        """Paint: every value uniform and independent, and one of a few seeds for the small accidents."""
        rng = np.random.default_rng(seed)
        sizes = [*(len(values) for values in READABLE.values()), accidents]
        rows = np.stack([rng.integers(size, size=count) for size in sizes], axis=1)
        pixels = np.stack([_painted(row) for row in rows]).transpose(0, 3, 1, 2)
        values, subjects = rows[:, : len(DIMENSIONS)], rows[:, len(DIMENSIONS)]
        return cls(torch.from_numpy(pixels), torch.from_numpy(values), torch.from_numpy(subjects))

    def batches(self, size: int, steps: int, draw: torch.Generator) -> Iterator[TrainingPictures]:
        """Draw batches with replacement."""
        for _ in range(steps):
            rows = torch.randint(len(self.pixels), (size,), generator=draw)
            yield TrainingPictures(self.pixels[rows], self.choices[rows], self.subjects[rows])

    @property
    def images(self) -> Float[Tensor, "n 3 48 48"]:
        """In [-1, 1]."""
        return (self.pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def _painted(row: np.ndarray) -> np.ndarray:
    named = {name: values[at] for (name, values), at in zip(READABLE.items(), row, strict=False)}
    return np.asarray(paint(named.pop("subject"), attributes_from(named), int(row[-1])))


class Losses:
    """The three losses; each takes a batch."""

    def __init__(self, pipe: Any, draw: torch.Generator) -> None:
        """Hold the parts."""
        self.pipe, self.draw, self.eye = pipe, draw, bundled_eye()
        self.clear, self.fading = 0.0, 0.0

    def autoencoder(self, batch: TrainingPictures) -> Tensor:
        """Mean absolute difference of the pixels, and latents that are not larger than they need to be."""
        latents = self.pipe.vae.encode(batch.images).latents
        made = self.pipe.vae.decode(latents).sample
        return l1_loss(made.float(), batch.images) + 1e-3 * latents.float().square().mean()

    def latents(self, batch: TrainingPictures) -> Tensor:
        """Mean absolute difference of the latents, in units of their spread.

        The noise is clear at first: read from ordinary noise, the values of a picture were not learned in 4,600 steps
        (palette and medium were, style, composition and subject were not).
        """
        self.clear = max(0.0, self.clear - self.fading)
        return l1_loss(self._predicted(batch).float(), self._latents(batch))

    def pixels(self, batch: TrainingPictures) -> Tensor:
        """Mean absolute difference of the pixels and of the latents, and what the eye sees differently."""
        latents = self._predicted(batch)
        made = self.pipe.vae.decode(latents / self.pipe.vae.config.scaling_factor).sample.float()
        seen, wanted = self._seen(made), self._seen(batch.images)
        far = l1_loss(latents.float(), self._latents(batch))
        return l1_loss(made, batch.images) + 0.1 * far + 0.3 * mse_loss(seen, wanted) / wanted.var()

    @torch.no_grad()
    def _latents(self, batch: TrainingPictures) -> Tensor:
        return self.pipe.vae.encode(batch.images).latents.float() * self.pipe.vae.config.scaling_factor

    def _predicted(self, batch: TrainingPictures) -> Tensor:
        embedded = self._prompts()[batch.subjects]
        noise = noise_for(batch.choices, self.draw, self.clear).contiguous(memory_format=torch.channels_last)
        return self.pipe.unet(noise, LAST, embedded).sample

    def _prompts(self) -> Float[Tensor, "subjects tokens width"]:
        """One way to ask for each subject."""
        chosen = torch.randint(len(TEMPLATES), (len(SUBJECTS),), generator=self.draw)
        asked = [TEMPLATES[way].format(subject) for way, subject in zip(chosen, SUBJECTS, strict=True)]
        ids = self.pipe.tokenizer(asked, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return self.pipe.text_encoder(ids)[0]

    def _seen(self, images: Float[Tensor, "n 3 48 48"]) -> Float[Tensor, "n patches d"]:
        return self.eye.vision_model(pixel_values=images).last_hidden_state.float()


def main() -> None:
    """Train what is not trained yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--steps", type=int, nargs=3, default=(3000, 5000, 3000), help="Of each phase.")
    parser.add_argument("--batch", type=int, nargs=3, default=(48, 64, 48))
    parser.add_argument("--lr", type=float, nargs=3, default=(2e-3, 1e-3, 5e-4))
    options = parser.parse_args()
    torch.manual_seed(SEED)
    draw = torch.Generator().manual_seed(SEED)
    pipe: Any = pipeline(way.format(subject) for way in TEMPLATES for subject in SUBJECTS)
    for network in (pipe.vae, pipe.unet):
        network.to(memory_format=torch.channels_last)
    options.out.mkdir(parents=True, exist_ok=True)
    losses = Losses(pipe, draw)
    for n, (phase, accidents) in enumerate(PHASES.items()):
        state, steps = options.out / f"{phase}.pt", options.steps[n]
        losses.clear, losses.fading = float(phase == "latents"), 1 / (FADING * steps)
        if not state.is_file():
            pictures = TrainingPictures.painted(options.pictures, SEED, accidents)
            batches = pictures.batches(options.batch[n], steps, draw)
            train(pipe, getattr(losses, phase), phase, batches, steps, options.lr[n])
            torch.save({name: getattr(pipe, name).state_dict() for name in TRAINED["pixels"]}, state)
        for name, values in torch.load(state, weights_only=True).items():
            getattr(pipe, name).load_state_dict(values)
        if phase == "autoencoder":
            _scale(pipe, TrainingPictures.painted(HELD, SEED + 1, accidents))
    pipe.save_pretrained(options.out / "pipeline")


FADING = 0.6
"""By this share of its steps the noise is ordinary."""

TRAINED = {
    "autoencoder": ("vae",),
    "latents": ("unet", "text_encoder"),
    "pixels": ("unet", "text_encoder", "vae"),
}


def train(
    pipe: Any,
    loss_of: Callable[[TrainingPictures], Tensor],
    phase: str,
    batches: Iterator[TrainingPictures],
    steps: int,
    lr: float,
) -> None:
    """Train the parts of one phase; leave the running mean of their weights."""
    learned = [p for name in TRAINED[phase] for p in getattr(pipe, name).parameters()]
    optimizer = torch.optim.AdamW(learned, lr, betas=(0.9, 0.99), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.05)
    mean, started = EMAModel(learned, decay=0.998, use_ema_warmup=True, power=0.75), time.monotonic()
    for step, batch in enumerate(batches, 1):
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        mean.step(learned)
        if step % 50 == 0:
            print(phase, step, f"{loss.item():.4f}", f"{time.monotonic() - started:.0f} s", flush=True)
    mean.copy_to(learned)


@torch.no_grad()
def _scale(pipe: Any, pictures: TrainingPictures) -> None:
    """Latents of spread 1 are what the network gives."""
    spread = float(pipe.vae.encode(pictures.images).latents.std())
    pipe.vae.register_to_config(scaling_factor=1 / spread)


if __name__ == "__main__":
    main()
