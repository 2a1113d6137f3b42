"""Put a model and its teacher into the package: `python runs/ship_mini.py MODEL POSTERIOR`.

Enters: the folders of what `runs/train_mini.sh` trained. Leaves: `weights/mini` in half precision and
`weights/mini-posterior`, each with its card kept as it is. Does not know: how they were trained.
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from tasteprint.incontext.model import InContextModel
from tasteprint.incontext.storage import BUNDLED
from tasteprint.posterior.model import TastePosterior

MOST = 12_000_000
"""Bytes that both and the eye may take."""


def main() -> None:
    """Write both folders. SystemExit where the weights grow too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("posterior", type=Path)
    asked = parser.parse_args()
    weights = Path(str(resources.files("tasteprint"))) / "weights"
    model, posterior = (weights / name for name in BUNDLED)
    InContextModel.from_pretrained(asked.model).save_pretrained(model, half=True)
    TastePosterior.from_pretrained(asked.posterior).save_pretrained(posterior)
    files = [weights / "eye.safetensors", *model.iterdir(), *posterior.iterdir()]
    size = sum(path.stat().st_size for path in files)
    print(f"{size:,} bytes of weights in {weights}")
    if size > MOST:
        raise SystemExit(
            f"the weights take {size:,} bytes; expected at most {MOST:,}: make the model smaller."
        )


if __name__ == "__main__":
    main()
