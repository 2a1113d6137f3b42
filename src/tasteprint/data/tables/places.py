"""Where the bytes of a table are: a file as it is, or packed.

Enters: a path. Leaves: a `Place`, which opens streams of its bytes. Does not know: what they say.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from tasteprint.data.tables.source import UNSAID, Source

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

BELIEVED, TIMES = 1 << 30, 500
"""Bytes that a packed file may unpack to without question, and how many times its own size beyond them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a log, and what the mapping says of it.

    `shown` is what sentences call it; `keeper` is held as long as the file is needed.
    """

    path: Path
    said: Source = UNSAID
    shown: str = ""
    keeper: Any = None

    @property
    def name(self) -> str:
        """What sentences call it."""
        return self.shown or self.path.name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes from the beginning, unpacked as they are read. ValueError for a packed file that is damaged."""
        with self.path.open("rb") as file:
            try:
                with _unpacked(file) as stream:
                    yield stream
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise self._damaged(error) from error
            except OSError as error:
                if error.errno is None:  # of the unpacking, not of the disk
                    raise self._damaged(error) from error
                raise

    def refuse_bomb(self, unpacked: int) -> None:
        """ValueError once a packed file has given more bytes than any table does."""
        if unpacked > max(BELIEVED, TIMES * self.path.stat().st_size):
            raise ValueError(
                f"{self.name!r} unpacks to more than {TIMES} times its size; "
                "expected a table: unpack it yourself if it is one."
            )

    def _damaged(self, error: Exception) -> ValueError:
        return ValueError(
            f"{self.name!r} cannot be unpacked ({error}); expected a whole file: fetch it again."
        )


@contextmanager
def _unpacked(file: BinaryIO) -> Iterator[BinaryIO]:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(BinaryIO, unpacked)
    elif magic == ZSTD:
        import pyarrow as pa  # which sees where a file is cut, unlike others

        with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as stream:
            yield cast(BinaryIO, io.BufferedReader(stream))
    else:
        yield file
