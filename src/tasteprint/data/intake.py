"""The images of the votes into the store: each once, whatever they came from.

Enters: the DuckDB table `votes` with the log's own image ids, and where the images are. Leaves: the table
`stored` (uid, image_id, fault). Does not know: the splits.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import duckdb

from tasteprint.data.duck import IMAGE_MEMORY_LIMIT, count, name, plain_errors, text
from tasteprint.data.faults import NO_MEMORY
from tasteprint.data.images import ImageError, ImageStore
from tasteprint.data.logs import Log, find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.votes import drop_rows

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

BATCH = 64
"""Images fetched at once: some 10 MB of JPEG."""

Item = tuple[str, bytes | Path | None]
Noted = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Intake:
    """The working database, the log whose votes are staged there, and where its images are."""

    connection: duckdb.DuckDBPyConnection
    log: Log
    mapping: Mapping
    root: Path

    @property
    def has_images(self) -> bool:
        """Whether there are images at all, or ids only."""
        place = self.mapping.images.place
        return bool(self._byte_columns()) if place == "bytes" else place != "none"

    def run(self, store: ImageStore, strict: bool, progress: Progress) -> dict[str, int]:
        """Store each image that the votes show and note its content id; give the bad ones by kind of fault.

        In strict mode the first bad image raises ImageError instead; too little memory does so always.
        """
        store.sweep()
        self.connection.execute(_NEEDED)
        self.connection.execute(_STORED)
        total = count(self.connection, "SELECT count(*) FROM needed")
        for batch in self._sources():
            self._note([_stored(store, strict, uid, source) for uid, source in batch])
            progress("images", count(self.connection, "SELECT count(*) FROM stored"), total)
        unseen = self.connection.execute(_UNSEEN).fetchall()
        self._note([_stored(store, strict, uid, None) for (uid,) in unseen])
        store.sweep()
        return dict(self.connection.execute(_FAULTS).fetchall())

    def drop_bad(self, bad: Iterable[str]) -> Counter[str]:
        """Delete the votes that show an image of these faults, then name the images by their content."""
        dropped: Counter[str] = Counter()
        for fault in bad:
            of_fault = f"(SELECT uid FROM stored WHERE fault = {text(fault)})"
            dropped[fault] = drop_rows(self.connection, f"image_0 IN {of_fault} OR image_1 IN {of_fault}")
        if self.has_images:
            for side in ("image_0", "image_1"):
                self.connection.execute(f"UPDATE votes SET {side} = image_id FROM stored WHERE uid = {side}")
        return +dropped

    def _sources(self) -> Iterator[list[Item]]:
        return self._from_bytes() if self.mapping.images.place == "bytes" else self._from_files()

    def _from_bytes(self) -> Iterator[list[Item]]:
        # One shard and one column at a time: DuckDB holds whole row groups of encoded images.
        self.connection.execute(f"SET memory_limit = '{IMAGE_MEMORY_LIMIT}'")
        for file, (images, encoded) in product(self.log.files, self._byte_columns()):
            uid = f"CAST({name(images)} AS VARCHAR)"
            yield from self._batches(
                f"SELECT {uid}, {name(encoded)} FROM {self.log.scan((file,))} "
                f"WHERE {name(encoded)} IS NOT NULL AND {uid} IN ({_UNSEEN})"
            )

    def _byte_columns(self) -> list[tuple[str, str]]:
        """The (id column, bytes column) pairs that every file of the log has."""
        roles = (("image_0", "bytes_0"), ("image_1", "bytes_1"), ("image", "bytes"))
        columns = self.mapping.columns
        pairs = [(columns.get(uid, ""), columns.get(encoded, "")) for uid, encoded in roles]
        return [pair for pair in pairs if all(pair[1] in table for table in self.log.tables)]

    def _from_files(self) -> Iterator[list[Item]]:
        images, folder = self.mapping.images, self.root
        sql = "SELECT uid, uid FROM needed ORDER BY uid"
        if images.place == "table":
            table = find_log(self.connection, self.root / images.table)
            folder = table.files[0].parent
            table.require((images.id, images.file), "name the columns under [images] of the mapping")
            key, file = (f"CAST({name(column)} AS VARCHAR)" for column in (images.id, images.file))
            sql = (
                f"SELECT uid, min({file}) AS file FROM needed JOIN {table.scan()} ON {key} = uid "
                "GROUP BY uid HAVING file IS NOT NULL ORDER BY uid"
            )
        for batch in self._batches(sql):
            yield [(uid, _inside(folder, str(path))) for uid, path in batch]

    def _batches(self, sql: str) -> Iterator[list[Item]]:
        # A cursor of its own: the connection writes to `stored` meanwhile.
        with (
            self.connection.cursor() as cursor,
            plain_errors("reading the images", "expected a readable log"),
        ):
            cursor.execute(sql)
            while batch := cursor.fetchmany(BATCH):
                yield batch

    def _note(self, rows: list[Noted]) -> None:
        columns = [[row[place] for row in rows] for place in range(3)]
        self.connection.execute(
            "INSERT OR IGNORE INTO stored SELECT unnest($1), unnest($2), unnest($3)", columns
        )


_NEEDED = "CREATE TABLE needed AS SELECT image_0 AS uid FROM votes UNION SELECT image_1 FROM votes"
_STORED = "CREATE TABLE stored (uid VARCHAR PRIMARY KEY, image_id VARCHAR, fault VARCHAR)"
_UNSEEN = "SELECT uid FROM needed WHERE uid NOT IN (SELECT uid FROM stored)"
_FAULTS = "SELECT fault, count(*) FROM stored WHERE fault IS NOT NULL GROUP BY 1 ORDER BY 1"


def _stored(store: ImageStore, strict: bool, uid: str, source: bytes | Path | None) -> Noted:
    try:
        if source is None:
            sentence = "the log gives neither bytes nor a file inside its folder; expected one: add it."
            raise ImageError("image missing", sentence)
        return uid, store.add_bytes(source) if isinstance(source, bytes) else store.add_file(source), None
    except ImageError as fault:
        if strict or fault.kind == NO_MEMORY:  # with more memory the data would be others
            raise ImageError(fault.kind, f"image {uid!r}: {fault}") from fault
        return uid, None, fault.kind


def _inside(root: Path, file: str) -> Path | None:
    """The file under its folder; None for a path that leads out of it: a log must not read the disk."""
    clean = Path(os.path.normpath(file))
    return None if clean.is_absolute() or clean.parts[:1] == ("..",) else root / clean
