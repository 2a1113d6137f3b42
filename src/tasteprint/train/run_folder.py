"""A run's folder: what the run is, which parts are done, and who may write it.

Enters: a config, the data's name. Leaves: `run.json`, and answers to "is this part done?". Does not know: models, data,
checkpoints. Nothing is written before `open`, and a run that achieved nothing leaves nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasteprint.config import Config
from tasteprint.files import is_part, no_empty_folders, remove_parts, replacing_folder, write_json
from tasteprint.locks import held, is_lock
from tasteprint.provenance import code_digest, commit, hardware, versions

if TYPE_CHECKING:
    from tasteprint.data.dataset import Dataset

LIBRARIES = ("torch", "transformers", "peft", "accelerate")


def learned_from(dataset: Dataset) -> dict[str, str]:
    """Name a run's data: the dataset's folder, and the SHA-256 of its votes, which a new build may change."""
    with (dataset.folder / "votes.parquet").open("rb") as votes:
        return {"data": str(dataset.folder.resolve()), "votes": file_digest(votes, "sha256").hexdigest()}


class RunFolder:
    """One run. ValueError where the folder holds another run, or something that is not a run."""

    def __init__(self, path: Path, config: Config, data: Mapping[str, str], writes: bool = True) -> None:
        """Name the run; `data` says what it learns from. Of several processes only one `writes`."""
        self.path, self.writes = path, writes
        self.record = path / "run.json"
        self._about = {"config": asdict(config), **data}
        self._check()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Begin the run, or go on with it, and hold its folder while the body runs.

        ValueError where another process holds it. What killed writes left is removed; when the body fails before
        anything was achieved, so is all that this call began.
        """
        if not self.writes:
            yield
            return
        with no_empty_folders(self.path), held(self.path):
            self._check()
            self._begin()
            try:
                yield
            except BaseException:
                self._forget()
                raise

    def read(self) -> dict[str, Any]:
        """Read the record. ValueError where it is damaged."""
        try:
            record = json.loads(self.record.read_text("utf-8"))
            if not isinstance(record["seconds"], dict):
                raise TypeError("seconds")
        except (ValueError, KeyError, TypeError) as fault:
            raise ValueError(
                f"{str(self.record)!r} is damaged; expected the record of a run: choose another folder, or remove this."
            ) from fault
        return record

    def keep(self, name: str, value: object) -> None:
        """Write a value as JSON under a name in the folder, in one step."""
        if self.writes:
            write_json(self.path / name, value)

    @contextmanager
    def kept_folder(self, name: str) -> Iterator[Path]:
        """Give a path to write a folder to, which is the run's folder `name` when the body ends, in one step."""
        with replacing_folder(self.path / name) as part:
            yield part

    def done(self, part: str) -> bool:
        """Whether a part was finished by this run or an earlier try of it."""
        return self.record.is_file() and part in self.read()["seconds"]

    @contextmanager
    def doing(self, part: str) -> Iterator[None]:
        """Time a part and note it as done when its body ends; a part in several tries counts the last."""
        start = time.monotonic()
        yield
        record = self.read()
        record["seconds"][part] = round(time.monotonic() - start, 1)
        self.keep(self.record.name, record)

    def _begin(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        remove_parts(self.path)
        for folder in [path for path in self.path.iterdir() if path.is_dir()]:
            remove_parts(folder)
        if self.record.is_file() and not self._is_bare():
            return
        code = {"versions": versions(*LIBRARIES), "build": code_digest(), "commit": commit()}
        self.keep(self.record.name, self._about | code | {"hardware": hardware(), "seconds": {}})

    def _check(self) -> None:
        if not self.record.is_file():
            if self.path.exists() and (not self.path.is_dir() or self._contents()):
                raise ValueError(
                    f"folder {str(self.path)!r} holds something else; expected a new or empty one: choose another."
                )
        elif not self._is_bare():
            found = self.read()
            if any(found.get(key) != value for key, value in self._about.items()):
                raise ValueError(
                    f"folder {str(self.path)!r} holds a run with other settings or other data; expected the same to go "
                    "on with it: choose another folder."
                )

    def _contents(self) -> list[Path]:
        """What is in the folder, beside its lock and what killed writes left."""
        return [path for path in self.path.iterdir() if not is_lock(path) and not is_part(path)]

    def _is_bare(self) -> bool:
        """Whether no more was achieved than a record: then a run with any settings may begin in its place."""
        files = [path for path in self.path.rglob("*") if path.is_file() and not is_part(path)]
        return all(path == self.record or is_lock(path) for path in files)

    def _forget(self) -> None:
        """Leave nothing of a run that achieved nothing, so that the corrected command may begin."""
        if self._is_bare():
            self.record.unlink(missing_ok=True)
            for folder in sorted((path for path in self.path.rglob("*") if path.is_dir()), reverse=True):
                folder.rmdir()
