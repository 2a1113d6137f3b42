"""Picture files to embeddings: what the cache keeps is not read, the rest is read by processes and kept at once.

Enters: paths, an encoder, the cache. Leaves: a row of float16 a picture that could be read, and a sentence for each
that could not. Does not know: people, what is done with the rows.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float16
from PIL import Image

from tasteprint.library.cache import EmbeddingCache, FileState, Kept
from tasteprint.library.readers import PATIENCE, read_pictures
from tasteprint.library.reading import Reading, ReadRequest, read_picture

if TYPE_CHECKING:
    from tasteprint.vision.encoder import ImageEncoder

BATCH = 64
"""Pictures that are embedded and kept together: what Ctrl-C or a power cut can lose."""

FEW = 16
"""Fewer pictures are read before a process to read them would have started."""

MOST_PROCESSES = 16
"""One may take some hundred megabytes for a panorama."""

AT_ONCE = 8
"""Pictures that a thread embeds together on a CPU."""

_NOT_FINITE = (
    "got an embedding that half precision cannot hold (NaN or above 65,504); expected finite numbers: check the "
    "encoder's weights, or leave it out."
)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class EmbeddedFiles:
    """The pictures that could be read, in the order asked for, and those that could not, with a sentence each.

    `hashes` are SHA-256 of the files' bytes in hexadecimal: equal for two files of the same content. Rows are raw, as
    the encoder gives them, rounded to half precision. `notes` are sentences about the cache, and about what newly read
    pictures do not show of their files.
    """

    paths: tuple[Path, ...]
    hashes: tuple[str, ...]
    embeddings: Float16[np.ndarray, "n e"]
    failed: tuple[tuple[Path, str], ...]
    notes: tuple[str, ...]


def embed_files(
    paths: Sequence[Path],
    encoder: ImageEncoder,
    cache: EmbeddingCache | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    patience: float = PATIENCE,
) -> EmbeddedFiles:
    """Embed picture files, in memory of 2 bytes a number of the result and some hundred pictures at the encoder's size.

    A file that the cache knows by path, size and time is not opened; one that it knows by content is not decoded. The
    others are read by `workers` processes (None: as many as there are cores, and none for a few pictures; 0: none) and
    embedded in batches, each of which is in the cache before the next begins. A picture that cannot be read, ends its
    process or does not come back within `patience` seconds is in `failed` and costs nothing else. `progress` is called
    with ("embedding", done, total) for what is not in the cache.
    """
    job = _Job([os.fspath(path) for path in paths], encoder, cache)
    if missing := job.missing():
        job.run(missing, progress or (lambda what, done, total: None), workers, patience)
    return job.result(paths)


class _Job:
    """One call's rows as they come in."""

    def __init__(self, paths: list[str], encoder: ImageEncoder, cache: EmbeddingCache | None) -> None:
        self.paths, self.encoder, self.cache = paths, encoder, cache
        self.rows = np.empty((len(paths), encoder.width), np.float16)
        self.faults: dict[int, str] = {}
        memory = Thread(target=self.rows.fill, args=(0,))  # gigabytes take a second to be had: meanwhile
        memory.start()
        self.files = self._states()
        memory.join()
        self.contents = cache.recall(self.files, self.rows) if cache else [b""] * len(paths)
        self.places: dict[bytes, int] = {}
        self.batch: list[tuple[int, np.ndarray]] = []
        self.ready: list[int] = []
        self.partly: Counter[str] = Counter()

    def missing(self) -> list[int]:
        """Places of what must be read."""
        return [i for i, content in enumerate(self.contents) if not content and i not in self.faults]

    def run(self, missing: list[int], progress: Progress, workers: int | None, patience: float) -> None:
        """Read, embed and keep what is missing."""
        if workers is None:
            workers = 0 if len(missing) < FEW else min(_cores(), MOST_PROCESSES)
        progress("embedding", 0, len(missing))
        with closing(read_pictures(self._requests(missing), workers, patience)) as readings:
            for done, (request, reading) in enumerate(readings, 1):
                self._take(request, reading)
                progress("embedding", done, len(missing))
        self._keep()

    def result(self, paths: Sequence[Path]) -> EmbeddedFiles:
        """Leave out what could not be read; rows move up in their place, for there may be gigabytes of them."""
        kept = [i for i in range(len(paths)) if i not in self.faults]
        for new, old in enumerate(kept):
            if new != old:
                self.rows[new] = self.rows[old]
        return EmbeddedFiles(
            paths=tuple(paths[i] for i in kept),
            hashes=tuple(self.contents[i].hex() for i in kept),
            embeddings=self.rows[: len(kept)],
            failed=tuple((paths[i], self.faults[i]) for i in sorted(self.faults)),
            notes=(*(self.cache.notes if self.cache else ()), *self._partly()),
        )

    def _partly(self) -> list[str]:
        counts = self.partly.most_common()
        return [f"{count:,} {'picture' if count == 1 else 'pictures'}: {what}." for what, count in counts]

    def _states(self) -> list[FileState]:
        """What the files are now; one that cannot be looked at has failed, and is a file that no cache knows."""
        states, folders = [], _Folders()
        for i, path in enumerate(self.paths):
            try:
                about = os.stat(path)  # noqa: PTH116 - a Path takes three times as long
                states.append(FileState(folders.absolute(path), about.st_size, about.st_mtime_ns))
            except (OSError, ValueError) as fault:
                why = getattr(fault, "strerror", None) or str(fault)
                self.faults[i] = f"{path!r} could not be opened ({why}); expected a file: look at it."
                states.append(FileState(b"", -1, 0))
        return states

    def _requests(self, missing: Sequence[int]) -> Iterator[ReadRequest]:
        """A file of a size that the cache has met may be a picture that was moved: its content is enough."""
        side = self.encoder.side
        known = self.cache.contents(self.files[i].size for i in missing) if self.cache else {}
        for i in missing:
            hashes = tuple(content.hex() for content in known.get(self.files[i].size, ()))
            yield ReadRequest(i, self.paths[i], side, hashes)

    def _take(self, request: ReadRequest, reading: Reading) -> None:
        place = request.place
        if reading.fault:
            self.faults[place] = reading.fault
            return None
        content = bytes.fromhex(reading.content)
        self.partly.update(reading.notes)
        self.contents[place] = content
        self.files[place] = FileState(self.files[place].path, reading.size, reading.modified)
        if (row := self._known(content)) is not None:
            self.rows[place] = row
            self.ready.append(place)
        elif reading.pixels is None:  # another process emptied the cache since it was asked
            return self._take(request, read_picture(replace(request, known=())))
        else:
            self.batch.append((place, reading.pixels))
        if BATCH in (len(self.batch), len(self.ready)):
            self._keep()
        return None

    def _known(self, content: bytes) -> np.ndarray | None:
        if content in self.places:
            return self.rows[self.places[content]]
        return self.cache.embedding(content) if self.cache else None

    def _keep(self) -> None:
        """Embed what was read, and keep it before anything else can go wrong."""
        rows = _halves(self.encoder, [pixels for _, pixels in self.batch])
        for (place, _), row in zip(self.batch, rows, strict=True):
            if np.isfinite(row).all():
                self.rows[place] = row
                self.places[self.contents[place]] = place
                self.ready.append(place)
            else:
                self.faults[place] = f"{self.paths[place]!r} {_NOT_FINITE}"
        if self.cache:
            self.cache.add([Kept(self.files[i], self.contents[i], self.rows[i]) for i in self.ready])
        self.batch, self.ready = [], []


def _halves(encoder: ImageEncoder, pictures: Sequence[np.ndarray]) -> Float16[np.ndarray, "n e"]:
    """Embed by one thread a core, each of its own: threads that wait for each other after every layer would spend
    their time waiting, since the cores have pictures to decode as well."""
    at_once = AT_ONCE if encoder.device.type == "cpu" else max(len(pictures), 1)
    parts = [pictures[i : i + at_once] for i in range(0, len(pictures), at_once)]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(_cores()) as threads, np.errstate(over="ignore"):  # infinity is looked for
            rows = list(threads.map(lambda part: encoder.embed_pictures(map(Image.fromarray, part)), parts))
            return torch.cat([torch.zeros(0, encoder.width), *rows]).numpy().astype(np.float16)
    finally:
        torch.set_num_threads(before)


class _Folders(dict[str, str]):
    """Absolute names of folders by the names they were given, each worked out once; with the separator at the end."""

    def __missing__(self, folder: str) -> str:
        self[folder] = os.path.join(os.path.abspath(folder), "")  # noqa: PTH100, PTH118
        return self[folder]

    def absolute(self, path: str) -> bytes:
        """Give a file's absolute name."""
        folder, separator, name = path.rpartition(os.sep)
        return os.fsencode(self[folder + separator] + name)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
