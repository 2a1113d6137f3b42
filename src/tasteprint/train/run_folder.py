"""A run's folder: what the run is, which parts are done, and where an interrupted one resumes.

Enters: a config. Leaves: `run.json`, and answers to "is this part done?". Does not know: models, data.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tasteprint.config import Config
from tasteprint.files import write_json
from tasteprint.provenance import commit, hardware

LIBRARIES = ("tasteprint", "torch", "transformers", "peft", "accelerate")


class RunFolder:
    """One run. ValueError where the folder holds another run, or something that is not a run."""

    def __init__(self, path: Path, config: Config, data: str, writes: bool = True) -> None:
        """Open a run that was begun with these settings, or begin it; of several processes only one `writes`."""
        self.path, self.writes = path, writes
        self.record = path / "run.json"
        about = {"config": asdict(config), "data": data}
        if self.record.is_file():
            self._check(about)
        elif path.is_dir() and any(path.iterdir()):
            raise ValueError(
                f"folder {str(path)!r} holds something else; expected a new or empty one: choose another."
            )
        else:
            path.mkdir(parents=True, exist_ok=True)
            versions = {name: version(name) for name in LIBRARIES}
            more = {"versions": versions, "commit": commit(), "hardware": hardware(), "seconds": {}}
            self.write(about | more)

    def read(self) -> dict[str, Any]:
        """Read the record."""
        return json.loads(self.record.read_text("utf-8"))

    def write(self, record: dict[str, Any]) -> None:
        """Replace the record."""
        self.keep(self.record.name, record)

    def keep(self, name: str, value: object) -> None:
        """Write a value as JSON under a name in the folder, in one step."""
        if self.writes:
            write_json(self.path / name, value)

    def done(self, part: str) -> bool:
        """Whether a part was finished by this run or an earlier try of it."""
        return part in self.read()["seconds"]

    @contextmanager
    def doing(self, part: str) -> Iterator[None]:
        """Time a part and note it as done when its body ends; a part in several tries counts the last."""
        start = time.monotonic()
        yield
        record = self.read()
        record["seconds"][part] = round(time.monotonic() - start, 1)
        self.write(record)

    def _check(self, about: dict[str, Any]) -> None:
        found = self.read()
        if any(found[key] != value for key, value in about.items()):
            raise ValueError(
                f"folder {str(self.path)!r} holds a run with other settings or other data; expected the same to go "
                "on with it: choose another folder."
            )


def last_checkpoint(stage: Path) -> str | None:
    """Give the newest checkpoint that was written to its end; its state file is written last."""
    whole = [path.parent for path in stage.glob("checkpoint-*/trainer_state.json")]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None
