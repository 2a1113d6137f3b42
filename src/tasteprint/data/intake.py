"""The images of the votes into the store: each once, whatever they came from.

Enters: the DuckDB table `votes` with the log's own image ids, and where the images are. Leaves: the table
`stored` (uid, image_id, fault). Does not know: the splits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tasteprint.data.duck import IMAGE_MEMORY_LIMIT, count, name, plain_errors
from tasteprint.data.images import ImageError, ImageStore
from tasteprint.data.logs import Log, find_log
from tasteprint.data.mapping import Mapping

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

BATCH = 64
"""Images fetched at once: some 10 MB of JPEG."""

Item = tuple[str, bytes | Path | None]


@dataclass(frozen=True, slots=True)
class Intake:
    """One working database, one store, and what to do about a bad image."""

    connection: duckdb.DuckDBPyConnection
    store: ImageStore
    strict: bool
    progress: Progress

    def run(self, log: Log, mapping: Mapping, root: Path) -> None:
        """Store each image that the votes show and note its content id, or the kind of its fault.

        In strict mode the first bad image raises ImageError instead.
        """
        self.store.sweep()
        self.connection.execute(_NEEDED)
        self.connection.execute(
            "CREATE TABLE stored (uid VARCHAR PRIMARY KEY, image_id VARCHAR, fault VARCHAR)"
        )
        total = count(self.connection, "SELECT count(*) FROM needed")
        for batch in self._sources(log, mapping, root):
            self._store(batch)
            self.progress("images", count(self.connection, "SELECT count(*) FROM stored"), total)
        self._store([(row[0], None) for row in self.connection.execute(_UNSEEN).fetchall()])
        self.store.sweep()

    def _sources(self, log: Log, mapping: Mapping, root: Path) -> Iterator[list[Item]]:
        if mapping.images.place == "bytes":
            return self._from_bytes(log, mapping)
        return self._from_files(mapping, root)

    def _from_bytes(self, log: Log, mapping: Mapping) -> Iterator[list[Item]]:
        # One shard and one column at a time: DuckDB holds whole row groups of encoded images.
        self.connection.execute(f"SET memory_limit = '{IMAGE_MEMORY_LIMIT}'")
        for file in log.files:
            for images, encoded in byte_columns(log, mapping):
                uid = f"CAST({name(images)} AS VARCHAR)"
                yield from self._batches(
                    f"SELECT {uid}, {name(encoded)} FROM {log.scan([file])} "
                    f"WHERE {name(encoded)} IS NOT NULL AND {uid} IN ({_UNSEEN})"
                )

    def _from_files(self, mapping: Mapping, root: Path) -> Iterator[list[Item]]:
        sql = "SELECT uid, uid FROM needed ORDER BY uid"
        if mapping.images.place == "table":
            path = root / mapping.images.table
            table, root = find_log(self.connection, path), path.parent
            table.require((mapping.images.id, mapping.images.file), "name them under [images] of the mapping")
            key, file = (f"CAST({name(n)} AS VARCHAR)" for n in (mapping.images.id, mapping.images.file))
            files = f"SELECT {key} AS uid, min({file}) AS file FROM {table.scan()} GROUP BY 1"
            sql = (
                f"SELECT uid, file FROM needed JOIN ({files}) USING (uid) WHERE file IS NOT NULL ORDER BY uid"
            )
        for batch in self._batches(sql):
            yield [(uid, _inside(root, str(file))) for uid, file in batch]

    def _batches(self, sql: str) -> Iterator[list[Item]]:
        # A cursor of its own: the connection writes to `stored` meanwhile.
        with (
            self.connection.cursor() as cursor,
            plain_errors("reading the images", "expected a readable log"),
        ):
            cursor.execute(sql)
            while batch := cursor.fetchmany(BATCH):
                yield batch

    def _store(self, batch: list[Item]) -> None:
        rows = [self._stored(uid, source) for uid, source in batch]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
        self.connection.execute(
            "INSERT OR IGNORE INTO stored SELECT unnest($1), unnest($2), unnest($3)", columns
        )

    def _stored(self, uid: str, source: bytes | Path | None) -> tuple[str, str | None, str | None]:
        try:
            if source is None:
                raise ImageError(
                    "image missing", "it is nowhere in the log; expected its bytes or file: add it."
                )
            image_id = (
                self.store.add_bytes(source) if isinstance(source, bytes) else self.store.add_file(source)
            )
            return uid, image_id, None
        except ImageError as fault:
            if self.strict:
                raise ImageError(fault.kind, f"image {uid!r}: {fault}") from fault
            return uid, None, fault.kind


_NEEDED = "CREATE TABLE needed AS SELECT image_0 AS uid FROM votes UNION SELECT image_1 FROM votes"
_UNSEEN = "SELECT uid FROM needed WHERE uid NOT IN (SELECT uid FROM stored) "


def byte_columns(log: Log, mapping: Mapping) -> list[tuple[str, str]]:
    """Give the (id column, bytes column) pairs that this log has."""
    roles = (("image_0", "bytes_0"), ("image_1", "bytes_1"), ("image", "bytes"))
    pairs = [(mapping.columns.get(uid), mapping.columns.get(encoded)) for uid, encoded in roles]
    return [(uid, encoded) for uid, encoded in pairs if uid and encoded and encoded in log.columns]


def _inside(root: Path, file: str) -> Path | None:
    """The file under its folder; None for a path that leads out of it: a log must not read the disk."""
    clean = Path(os.path.normpath(file))
    return None if clean.is_absolute() or clean.parts[:1] == ("..",) else root / clean
