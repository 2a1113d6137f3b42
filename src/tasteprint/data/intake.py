"""The images of the votes into the store: each once, whatever they came from.

Enters: the DuckDB table `votes` with the log's own image ids, and where the images are. Leaves: the table
`stored` (uid, image_id, fault). Does not know: the splits.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from tasteprint.data.duck import count, load_rows, name, plain_errors, text
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
        for images, encoded in self._byte_columns():
            items: Iterator[Item] = self.log.images(images, encoded)
            while batch := list(islice(items, BATCH)):
                new = self._unseen([uid for uid, _ in batch])
                yield [item for item in batch if item[0] in new]

    def _unseen(self, uids: list[str]) -> set[str]:
        """Those of these that the votes show and that are not stored yet."""
        found = self.connection.execute(f"{_UNSEEN} AND uid IN (SELECT unnest($1))", [uids]).fetchall()
        return {uid for (uid,) in found}

    def _byte_columns(self) -> list[tuple[str, str]]:
        """The (id column, bytes column) pairs that the files of the log have."""
        roles = (("image_0", "bytes_0"), ("image_1", "bytes_1"), ("image", "bytes"))
        columns = self.mapping.columns
        pairs = [(columns[uid], columns[encoded]) for uid, encoded in roles if encoded in columns]
        return [pair for pair in pairs if self.log.has_bytes(pair[1])]

    def _from_files(self) -> Iterator[list[Item]]:
        images, folder = self.mapping.images, self.root
        sql = "SELECT uid, uid FROM needed ORDER BY uid"
        if images.place == "table":
            path, columns = self.root / images.table, (images.id, images.file)
            table = find_log(path).require(columns, "name the columns under [images] of the mapping")
            folder = path if path.is_dir() else path.parent
            load_rows(self.connection, "files", table.batches(columns))
            key, file = map(name, columns)
            sql = (
                f"SELECT uid, min({file}) AS file FROM needed JOIN files ON {key} = uid "
                "GROUP BY uid HAVING file <> '' ORDER BY uid"
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
