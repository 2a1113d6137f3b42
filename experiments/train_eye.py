"""Teach the bundled eye: `python runs/train_eye.py`, under fifteen minutes on one core.

Enters: nothing; pictures are painted. Leaves: src/tasteprint/weights/eye.safetensors, the vision part and connector of
`mini`, and docs/results/eye.json: how much of each dimension it reads right on new pictures. Does not know: votes.
The pictures are of seeds that no world and no result uses.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from experiments.eye_lesson import teach_eye
from tqdm import tqdm

from tasteprint.config import ModelConfig
from tasteprint.evaluate.results import Figure, write_results
from tasteprint.incontext.model import InContextModel
from tasteprint.train.allocator import keep_freed_memory
from tasteprint.vision.eye import FILE, keep_eye

ROOT = Path(__file__).parents[1]
STEPS, PICTURES = 3500, 60_000
SEED = 77_000


def main() -> None:
    """Paint, teach, examine, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--out", type=Path, default=ROOT / "src/tasteprint" / FILE)
    asked = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    model = InContextModel.from_config(ModelConfig(), (), 0)
    started = time.process_time()
    with tqdm(total=asked.steps, desc="eye", mininterval=10) as bar:

        def told(step: int, loss: float) -> None:
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

        read = teach_eye(model, asked.steps, asked.pictures, SEED, progress=told)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    keep_eye(model.backbone, asked.out)
    took = time.process_time() - started
    figures = [Figure(f"read.{name}", share, share, share, 1) for name, share in read.items()]
    figures.append(Figure("train.cpu_seconds", took, took, took, 1))
    print({figure.name: round(figure.value, 4) for figure in figures})
    write_results(ROOT / "docs/results/eye.json", "python runs/train_eye.py", [SEED], figures)


if __name__ == "__main__":
    main()
