"""A run that learns a taste posterior: embeddings once, then the prior from many people's votes.

Enters: a config, a built dataset, a run folder. Leaves: the posterior in `model/`, `learning.json`, `run.json`.
Does not know: command lines, evaluation on test people.
"""

from __future__ import annotations

from pathlib import Path

from tqdm.auto import tqdm

from tasteprint.config import Config
from tasteprint.data.dataset import Dataset
from tasteprint.posterior.model import TastePosterior
from tasteprint.train.allocator import keep_freed_memory
from tasteprint.train.run_folder import RunFolder
from tasteprint.vision.feature_store import FeatureStore

PART = "posterior"
LEARN = "learn"
"""Stands for the name of a posterior where a run is to learn one itself."""

POINTS = 50
"""How many points of the learning curve are kept."""


class PosteriorRun:
    """One run from a config to a posterior. `go` does what is left to do; it takes a minute, so it begins anew."""

    def __init__(self, config: Config, dataset: Dataset, path: Path) -> None:
        """Open or begin the run's folder; ValueError where it holds another run."""
        self.config, self.dataset, self.open_image = config, dataset, dataset.images.open
        self.folder = RunFolder(path, config, str(dataset.folder.resolve()))

    def go(self) -> TastePosterior:
        """Learn, unless that was done, and give the posterior (also written to `model/`)."""
        kept = self.folder.path / "model"
        if self.folder.done(PART):
            return TastePosterior.from_pretrained(kept)
        keep_freed_memory()
        posterior = TastePosterior.from_config(self.config.posterior)
        with self.folder.doing(PART):
            self._learn(posterior)
            posterior.save_pretrained(kept)
        return posterior

    def _learn(self, posterior: TastePosterior) -> None:
        store = FeatureStore(self.dataset.folder / "features", posterior.encoder, self.open_image)
        train, held_out = (self.dataset.votes_by_user(split) for split in ("train", "validation"))
        steps, points = self.config.posterior.steps, []
        with tqdm(total=steps, desc=PART, dynamic_ncols=True) as bar:

            def told(step: int, loss: float) -> None:
                bar.update(step - bar.n)
                if step % max(1, steps // POINTS) == 0:
                    points.append({"stage": PART, "step": step, "loss": loss})

            posterior.fit(train, store.rows, held_out, self.config.seed, told)
        self.folder.keep("learning.json", points)
