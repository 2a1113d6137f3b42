"""A judge of generated pictures: a small network that reads subject and attributes from pixels.

Enters: painter's pictures, painted here. Leaves: a network, its weights, the share it reads right. Does not know:
`mini` or its eye: what guides a generator must not judge it.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tasteprint.simulate.painter import fresh
from tasteprint.simulate.taxonomy import READABLE

CLASSES = [len(values) for values in READABLE.values()]
SEED, EXAMINED = 4242, 4000
"""No other seed of the project paints the judge's pictures."""


def reader() -> nn.Sequential:
    """Convolutions with batch normalisation, 48 pixels to 3 places a side; (n, 3, 48, 48) in [0, 1] to logits."""
    widths, layers = (3, 32, 64, 128, 192), []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(after, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(9 * widths[-1], sum(CLASSES)))


def open_reader(path: Path) -> nn.Sequential:
    """Read a judge that this program trained; frozen."""
    network = reader()
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False)


def read(network: nn.Module, images: Float[Tensor, "n 3 48 48"]) -> Int[Tensor, "n readable"]:
    """The most probable value of each dimension, the subject last."""
    logits = torch.cat([network(part) for part in images.split(256)])
    return torch.stack([part.argmax(1) for part in logits.split(CLASSES, dim=1)], dim=1)


def main() -> None:
    """Train and examine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--pictures", type=int, default=60_000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    network = _trained(asked.steps, *_pictures(asked.pictures, SEED))
    pixels, labels = _pictures(EXAMINED, SEED + 1)
    with torch.no_grad():
        right = (read(network, pixels.float() / 255) == labels).float().mean(0)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, asked.out)
    shares = {name: round(share, 4) for name, share in zip(READABLE, right.tolist(), strict=True)}
    print(json.dumps(shares), flush=True)


def _trained(steps: int, pixels: Tensor, labels: Tensor) -> nn.Sequential:
    network = reader().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        chosen = torch.randint(len(labels), (96,))
        images = _disturbed(pixels[chosen].float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images)
        losses = [
            cross_entropy(part, labels[chosen, i])
            for i, part in enumerate(logits.float().split(CLASSES, dim=1))
        ]
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(step + 1, f"{torch.stack(losses).mean().item():.4f}", flush=True)
    return network.eval()


def _disturbed(images: Float[Tensor, "n 3 48 48"]) -> Float[Tensor, "n 3 48 48"]:
    """A little noise, so that what a decoder cannot help does not sway the judge."""
    strength = 0.05 * torch.rand(len(images), 1, 1, 1)
    return (images + strength * torch.randn_like(images)).clamp(0, 1)


def _pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    pixels, labels = fresh(count, seed)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels).long()


if __name__ == "__main__":
    main()
