"""A run that learns a taste posterior: embeddings once, then the prior from many people's votes.

Enters: a config, a built dataset, a run folder. Leaves: the posterior in `model/`, `learning.json`, `run.json`.
Does not know: command lines, evaluation on test people.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tasteprint.config import Config
from tasteprint.data.dataset import Dataset
from tasteprint.posterior.model import TastePosterior
from tasteprint.train.allocator import keep_freed_memory
from tasteprint.train.run_folder import RunFolder, learned_from
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.feature_store import FeatureStore

PART = "posterior"
LEARN = "learn"
"""Stands for the name of a posterior where a run is to learn one itself."""

POINTS = 50
"""How many points of the learning curve are kept."""


class PosteriorRun:
    """One run from a config to a posterior. `go` does what is left to do; it takes a minute, so it begins anew."""

    def __init__(self, config: Config, dataset: Dataset, path: Path, report_to: str = "none") -> None:
        """Name the run; ValueError where its folder holds another. Trackers (`report_to`) get nothing."""
        self.config, self.dataset, self.open_image = config, dataset, dataset.images.open
        self.folder = RunFolder(path, config, learned_from(dataset))

    def go(self) -> TastePosterior:
        """Learn, unless that was done, and give the posterior (also written to `model/`).

        ValueError for an encoder that cannot be opened and where another process holds the folder, before anything is
        written; then, too, as for `TastePosterior.fit`.
        """
        if self.folder.done(PART):
            return TastePosterior.from_pretrained(self.folder.path / "model")
        encoder = ImageEncoder.from_pretrained(self.config.posterior.encoder)
        keep_freed_memory()
        with self.folder.open():
            with self.folder.doing(PART):
                posterior = self._fit(encoder)
                with self.folder.kept_folder("model") as kept:
                    posterior.save_pretrained(kept)
            return posterior

    def _fit(self, encoder: ImageEncoder) -> TastePosterior:
        config = self.config.posterior
        store = FeatureStore(self.dataset.folder / "features", encoder, self.open_image)
        train, held_out = (self.dataset.votes_by_user(split) for split in ("train", "validation"))
        points: list[dict[str, Any]] = []
        with tqdm(total=config.steps, desc=PART, dynamic_ncols=True) as bar:

            def note(step: int, loss: float) -> None:
                bar.update(step - bar.n)
                if step % max(1, config.steps // POINTS) == 0:
                    points.append({"stage": PART, "step": step, "loss": loss})

            posterior = TastePosterior.fit(
                train,
                config,
                encoder=encoder,
                embeddings=store.rows,
                held_out=held_out,
                seed=self.config.seed,
                progress=note,
            )
        self.folder.keep("learning.json", points)
        return posterior
