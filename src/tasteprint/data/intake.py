"""The images of the votes into the store: each once, whatever they came from.

Enters: the DuckDB table `votes` with the log's own image ids, and where the images are. Leaves: the tables `located`
(uid, file, fault, path) and `stored` (uid, image_id, fault), and votes that name images by their content.
Does not know: the splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from tasteprint.data.duck import count, load_rows, name, plain_errors, text
from tasteprint.data.exclusions import Exclusions
from tasteprint.data.faults import NO_MEMORY
from tasteprint.data.images import ImageError, ImageStore
from tasteprint.data.logs import Log, find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.picture_paths import FAULTS, MISSING, SEVERAL, TWO_PICTURES, PictureFolder

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

BATCH = 64
"""Images fetched at once: some 10 MB of JPEG."""

ENCODED = {"image_0": "bytes_0", "image_1": "bytes_1", "image": "bytes"}
"""By the role of an image's id, the role of its bytes."""

Item = tuple[str, bytes | Path | ImageError]
Noted = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Intake:
    """The working database, the log whose votes are staged there, and the folder at which its images' paths begin."""

    connection: duckdb.DuckDBPyConnection
    log: Log
    mapping: Mapping
    root: Path

    @property
    def has_images(self) -> bool:
        """Whether there are images at all, or ids only."""
        place = self.mapping.images.place
        return bool(self._byte_columns()) if place == "bytes" else place != "none"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the images."""
        absent = self.mapping.images.place == "bytes" and not self.has_images
        return ("the log has no images; the dataset holds their ids only",) if absent else ()

    def run(self, store: ImageStore, strict: bool, progress: Progress) -> dict[str, list[str]]:
        """Store each image that the votes show and note its content id; give the bad ones by kind of fault.

        In strict mode the first bad image raises ImageError instead; too little memory does so always.
        """
        store.sweep()
        self.connection.execute(_NEEDED)
        self.connection.execute(_STORED)
        total = count(self.connection, "SELECT count(*) FROM needed")
        for batch in self._sources():
            self._insert("stored", [_stored(store, strict, uid, source) for uid, source in batch])
            progress("images", count(self.connection, "SELECT count(*) FROM stored"), total)
        absent = ImageError(MISSING, "the log gives neither bytes nor a file for it; expected one: add it.")
        unseen = self.connection.execute(f"{_UNSEEN} ORDER BY uid").fetchall()
        self._insert("stored", [_stored(store, strict, uid, absent) for (uid,) in unseen])
        store.sweep()
        return dict(self.connection.execute(_FAULTS).fetchall())

    def drop_bad(self, exclusions: Exclusions, bad: dict[str, list[str]]) -> None:
        """Delete the votes that show an image of these faults, then name the images by their content."""
        for fault in bad:
            of_fault = f"(SELECT uid FROM stored WHERE fault = {text(fault)})"
            which = f"CASE WHEN image_0 IN {of_fault} THEN image_0 ELSE image_1 END"
            exclusions.drop(fault, f"image_0 IN {of_fault} OR image_1 IN {of_fault}", "image", which)
        for side in ("image_0", "image_1"):
            self.connection.execute(f"UPDATE votes SET {side} = image_id FROM stored WHERE uid = {side}")

    def _sources(self) -> Iterator[list[Item]]:
        return self._from_bytes() if self.mapping.images.place == "bytes" else self._from_files()

    def _from_bytes(self) -> Iterator[list[Item]]:
        for images, encoded in self._byte_columns():
            items = self.log.images(images, encoded)
            while batch := list(islice(items, BATCH)):
                yield self._new(batch)

    def _new(self, batch: list[tuple[str, bytes]]) -> list[Item]:
        """Those of these that the votes show and that are not stored yet, and faults where an id has two pictures."""
        found = self.connection.execute(_KNOWN, [[uid for uid, _ in batch]]).fetchall()
        contents: dict[str, str | None] = {uid: image_id for uid, image_id, fault in found if fault is None}
        new: dict[str, bytes | Path | ImageError] = {}
        for uid, data in batch:
            if uid not in contents:
                continue
            content = hashlib.sha256(data).hexdigest()
            if contents[uid] is None:
                contents[uid], new[uid] = content, data
            elif contents[uid] != content:
                new[uid] = ImageError(TWO_PICTURES, FAULTS[TWO_PICTURES])
        return list(new.items())

    def _byte_columns(self) -> list[tuple[str, str]]:
        """The (id column, bytes column) pairs that the files of the log have: all that the mapping names, or none.

        ValueError where it names none, or some of them are not there and must be.
        """
        roles = [(uid, encoded) for uid, encoded in ENCODED.items() if encoded in self.mapping.columns]
        columns, optional = self.mapping.columns, self.mapping.optional
        pairs = [(columns[uid], columns[encoded]) for uid, encoded in roles]
        there = [self.log.has_bytes(encoded) for _, encoded in pairs]
        lacking = [encoded for (_, encoded), has in zip(roles, there, strict=True) if not has]
        if not roles or (lacking and (any(there) or not set(lacking) <= set(optional))):
            got = (
                f"no bytes in column {columns[lacking[0]]!r}"
                if lacking
                else "no column of bytes in the mapping"
            )
            raise ValueError(
                f"log {self.log.files[0]!r} has {got}, where the mapping says that the images are; expected one for "
                f"each of {', '.join(encoded for _, encoded in roles) or 'bytes_0, bytes_1'}: name it with --column, "
                "or say by --images where the pictures are."
            )
        return [] if lacking else pairs

    def _from_files(self) -> Iterator[list[Item]]:
        """All are located before the first is read: that several paths fit one file shows only then."""
        folder, cells = self._cells()
        pictures = PictureFolder(folder)
        self.connection.execute(_LOCATED)
        for batch in self._batches(cells):
            found = [(uid, pictures.locate(cell)) for uid, cell in batch]
            self._insert(
                "located",
                [
                    (uid, str(one.file) if one.file else None, one.fault or None, one.end)
                    for uid, one in found
                ],
            )
        self.connection.execute(_SHARED, [SEVERAL])
        for batch in self._batches("SELECT uid, file, fault FROM located ORDER BY uid"):
            yield [
                (uid, ImageError(fault, FAULTS[fault]) if fault else Path(file)) for uid, file, fault in batch
            ]

    def _cells(self) -> tuple[Path, str]:
        """The folder of the images, and SQL for each image id with the text that names its file."""
        images = self.mapping.images
        if images.place == "paths":
            return self.root / images.folder, "SELECT uid, uid FROM needed ORDER BY uid"
        path, columns = self.root / images.table, (images.id, images.file)
        table = find_log(path).require(columns, "name the columns under [images] of the mapping")
        load_rows(self.connection, "files", table.batches(columns))
        key, file = map(name, columns)
        sql = (
            f"SELECT uid, min({file}) AS file FROM needed JOIN files ON {key} = uid "
            "GROUP BY uid HAVING file <> '' ORDER BY uid"
        )
        return (path if path.is_dir() else path.parent), sql

    def _batches(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        # A cursor of its own: the connection writes meanwhile.
        with (
            self.connection.cursor() as cursor,
            plain_errors("reading the images", "expected a readable log"),
        ):
            cursor.execute(sql)
            while batch := cursor.fetchmany(BATCH):
                yield batch

    def _insert(self, table: str, rows: Sequence[tuple[str | None, ...]]) -> None:
        if rows:
            unnested = ", ".join(f"unnest(${place})" for place in range(1, len(rows[0]) + 1))
            columns = [list(column) for column in zip(*rows, strict=True)]
            self.connection.execute(f"INSERT OR REPLACE INTO {table} SELECT {unnested}", columns)


_NEEDED = "CREATE TABLE needed AS SELECT image_0 AS uid FROM votes UNION SELECT image_1 FROM votes"
_LOCATED = "CREATE TABLE located (uid VARCHAR PRIMARY KEY, file VARCHAR, fault VARCHAR, path VARCHAR)"
_SHARED = """
UPDATE located SET fault = $1 WHERE path <> '' AND file IN (
  SELECT file FROM located WHERE path <> '' AND file IS NOT NULL GROUP BY file HAVING count(DISTINCT path) > 1)"""
_STORED = "CREATE TABLE stored (uid VARCHAR PRIMARY KEY, image_id VARCHAR, fault VARCHAR)"
_UNSEEN = "SELECT uid FROM needed WHERE uid NOT IN (SELECT uid FROM stored)"
_KNOWN = """
SELECT uid, image_id, fault FROM needed LEFT JOIN stored USING (uid) WHERE uid IN (SELECT unnest($1))"""
_FAULTS = "SELECT fault, list(uid ORDER BY uid) FROM stored WHERE fault IS NOT NULL GROUP BY 1 ORDER BY 1"


def _stored(store: ImageStore, strict: bool, uid: str, source: bytes | Path | ImageError) -> Noted:
    try:
        if isinstance(source, ImageError):
            raise source
        return uid, store.add_bytes(source) if isinstance(source, bytes) else store.add_file(source), None
    except MemoryError as error:  # of reading the file; decoders tell their own
        sentence = f"image {uid!r} needs more memory than there is; expected room for it: end other programs."
        raise ImageError(NO_MEMORY, sentence) from error
    except ImageError as fault:
        if strict or fault.kind == NO_MEMORY:  # with more memory the data would be others
            raise ImageError(fault.kind, f"image {uid!r}: {fault}") from fault
        return uid, None, fault.kind
