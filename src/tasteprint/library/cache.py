"""Embeddings of a person's pictures, kept between two runs: by the file as it was, and by content.

Enters: an encoder; files as path, size and time; contents as SHA-256; rows of float16.
Leaves: the rows again, and notes on what could not be kept. Does not know: pictures, how a row is made.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from zlib import crc32

import numpy as np
from jaxtyping import Float16

from tasteprint.library.store import (
    NewerStoreError,
    file_number,
    is_damaged,
    open_store,
    remove_store,
    writing,
)

if TYPE_CHECKING:
    from tasteprint.vision.encoder import ImageEncoder

OF_A_SIZE = 16
"""With so many contents a file is compared before it is decoded."""

_T = TypeVar("_T")


class FileState(NamedTuple):
    """What tells a file from its earlier self: absolute path, size in bytes, time of change in nanoseconds.

    Not its number on the disk, which network drives give anew each time.
    """

    path: bytes
    size: int
    modified: int


class Kept(NamedTuple):
    """A picture to keep: its file, the SHA-256 of its bytes, its embedding."""

    file: FileState
    content: bytes
    row: Float16[np.ndarray, " e"]


class EmbeddingCache:
    """One encoder's embeddings in one SQLite file, which processes may share; for use by `with`, or `close` it.

    It never raises for what a disk does: what can't be read or written is gone without, what is damaged or of an
    earlier version is begun anew, and `notes` says so, a sentence each, once. What `add` was given is kept whole or
    not at all, whenever the process ends. Changed weights have another file.
    """

    def __init__(self, folder: Path, encoder: ImageEncoder) -> None:
        """Open or begin the encoder's store in `folder`, which is made if it is not there."""
        self.path = folder / f"embeddings-{encoder.fingerprint[:16]}.sqlite"
        self.notes: list[str] = []
        self._encoder, self._width = encoder.name, encoder.width
        self._store: sqlite3.Connection | None = None
        self._writable, self._mended = True, False
        self._opened_file = -1
        self._open()

    def recall(self, files: Sequence[FileState], rows: Float16[np.ndarray, "n e"]) -> list[bytes]:
        """Put the embedding of each file that is as it was into its row; give contents' SHA-256, b"" for the rest.

        100,000 rows of 3,600 numbers take about a second.
        """
        hashes = [b""] * len(files)
        if not files:
            return hashes

        def read(store: sqlite3.Connection) -> None:
            _ask(store, files)
            found = store.execute(
                "SELECT place, content, embedding, checksum FROM asked JOIN files USING (path, size, modified) "
                "JOIN pictures ON picture = number"
            )
            flat, length = rows.data.cast("B"), 2 * self._width
            for place, content, embedding, checksum in found:
                if self._is_whole(embedding, checksum):
                    flat[place * length : place * length + length] = embedding
                    hashes[place] = content

        self._guarded(read, None)
        return hashes

    def contents(self, sizes: Iterable[int]) -> dict[int, list[bytes]]:
        """Give the SHA-256 of what is kept of files of these sizes, by size: what a moved file may hold.

        At most `OF_A_SIZE` each: all files of a format without compression have one size.
        """

        def read(store: sqlite3.Connection) -> dict[int, list[bytes]]:
            found: dict[int, list[bytes]] = defaultdict(list)
            for size in set(sizes):
                asked = "SELECT content FROM pictures WHERE size = ? LIMIT ?"
                for (content,) in store.execute(asked, (size, OF_A_SIZE)):
                    found[size].append(content)
            return dict(found)

        return self._guarded(read, {})

    def embedding(self, content: bytes) -> Float16[np.ndarray, " e"] | None:
        """Give the embedding of a content, None where it is not kept."""

        def read(store: sqlite3.Connection) -> np.ndarray | None:
            asked = "SELECT embedding, checksum FROM pictures WHERE content = ?"
            found = store.execute(asked, (content,)).fetchone()
            return np.frombuffer(found[0], np.float16) if found and self._is_whole(*found) else None

        return self._guarded(read, None)

    def add(self, pictures: Sequence[Kept]) -> None:
        """Keep embeddings, in place of what was known of these files; all of them or none."""

        def write(store: sqlite3.Connection) -> None:
            with writing(store):
                for file, content, row in pictures:
                    number = _picture_number(store, file.size, content, row)
                    store.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (*file, number))

        if self._writable:
            self._guarded(write, None)

    def close(self) -> None:
        """Let the file go; nothing is kept from then on."""
        if self._store:
            self._store.close()
        self._store = None

    def __enter__(self) -> EmbeddingCache:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _open(self) -> None:
        try:
            self._store, note = open_store(self.path, self._encoder)
            self._note(note)
        except NewerStoreError:
            self._note(
                f"the cache {str(self.path)!r} is of a later version; it is left as it is and gone without."
            )
        except (OSError, sqlite3.Error) as fault:
            self._opened_file = file_number(self.path)
            self._mend(fault) if is_damaged(fault) else self._note(_unusable("opened", self.path, fault))
        else:
            self._opened_file = file_number(self.path)

    def _guarded(self, action: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        if not self._store:
            return otherwise
        try:
            return action(self._store)
        except sqlite3.Error as fault:
            if is_damaged(fault):
                self._mend(fault)
            else:  # full, read-only, gone, or kept by another process: what is there can still be read
                self._writable = False
                self._note(_unusable("used", self.path, fault))
            return otherwise

    def _mend(self, fault: BaseException) -> None:
        """Begin a damaged store anew, once: a disk that damages it again is gone without."""
        self.close()
        if self._mended:
            return
        self._mended = True
        self._note(f"the cache {str(self.path)!r} was damaged ({fault}) and is begun anew.")
        try:
            if file_number(self.path) == self._opened_file:  # else another process has begun it anew
                remove_store(self.path)
        except OSError as refused:
            self._note(_unusable("begun anew", self.path, refused))
        else:
            self._open()

    def _note(self, sentence: str) -> None:
        if sentence and sentence not in self.notes:
            self.notes.append(sentence)

    def _is_whole(self, embedding: bytes, checksum: int) -> bool:
        """A row that a disk changed is as good as none: its picture is embedded anew."""
        return len(embedding) == 2 * self._width and crc32(embedding) == checksum


def _ask(store: sqlite3.Connection, files: Sequence[FileState]) -> None:
    """Put files into a table of this connection alone, which joins in a tenth of the time of as many questions."""
    store.execute("DROP TABLE IF EXISTS temp.asked")
    store.execute("CREATE TEMP TABLE asked (place INTEGER, path BLOB, size INTEGER, modified INTEGER)")
    store.execute("BEGIN")
    try:
        store.executemany(
            "INSERT INTO asked VALUES (?, ?, ?, ?)", ((i, *file) for i, file in enumerate(files))
        )
    finally:
        store.execute("COMMIT")


def _picture_number(store: sqlite3.Connection, size: int, content: bytes, row: np.ndarray) -> int:
    embedding = row.astype(np.float16, copy=False).tobytes()
    store.execute(
        "INSERT INTO pictures (content, size, embedding, checksum) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (content) DO UPDATE SET embedding = excluded.embedding, checksum = excluded.checksum",
        (content, size, embedding, crc32(embedding)),
    )
    return store.execute("SELECT number FROM pictures WHERE content = ?", (content,)).fetchone()[0]


def _unusable(done: str, path: Path, fault: BaseException) -> str:
    why = getattr(fault, "strerror", None) or str(fault)
    return f"the cache {str(path)!r} could not be {done} ({why}): what is not kept there is read again next time."
