"""Where the bytes of a table are: a file as it is, or packed.

Enters: a path. Leaves: a `Place`, which opens streams of its bytes. Does not know: what they say.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tasteprint.data.tables.source import UNSAID, Source

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a log, and what the mapping says of it."""

    path: Path
    source: Source = UNSAID

    @property
    def name(self) -> str:
        """What sentences call it."""
        return self.path.name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes from the beginning, unpacked as they are read."""
        with self.path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic.startswith(GZIP):
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast(BinaryIO, unpacked)
            elif magic == ZSTD:
                import zstandard

                with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as unpacked:
                    yield cast(BinaryIO, io.BufferedReader(unpacked))
            else:
                yield file
