"""Parquet: typed columns as text, and encoded images as bytes, a few rows at a time.

Enters: a `Place`. Leaves: its columns, its rows with their numbers, its images. Does not know: what the columns mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from tasteprint.data.tables.elements import cell_text
from tasteprint.data.tables.parquet_types import Part, find, holds_bytes, leaf_paths, text_type
from tasteprint.data.tables.paths import ABSENT, unroll
from tasteprint.data.tables.table import LINE, Table, text_batch

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS, IMAGES = 2048, 16
"""Rows of text, and of images, that are decoded at once."""

BUFFER = 1 << 20
"""Bytes of a column read at once: a row group is never read whole."""


@dataclass(frozen=True)
class ParquetTable(Table):
    """A Parquet file."""

    kind: ClassVar[str] = "Parquet"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns; of nested ones, the paths of what they hold."""
        return tuple(path for field in self._schema for path in leaf_paths(field.name, field.type))

    @cached_property
    def _schema(self) -> pa.Schema:
        with self._open() as file:
            return file.schema_arrow

    def _find(self, column: str) -> Part | None:
        try:
            return find(self._schema, column)
        except ValueError as error:
            raise ValueError(f"{self.name!r} {error}.") from error

    def has(self, column: str) -> bool:
        """Whether there is a column of this name or at this path."""
        return self._find(column) is not None

    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The columns as text: numbers with all their digits, times in ISO form; lists make several rows.

        ValueError for a damaged file, and for bytes that are no text.
        """
        found = {column: place for column in columns if (place := self._find(column))}
        if all(place.flat for place in found.values()):
            yield from self._flat(columns, found)
            return
        rows = self._rows(columns, ROWS)
        while chunk := list(islice(rows, ROWS)):
            cells = zip(*(row for row, _ in chunk), strict=True)
            across = [[None if cell is ABSENT else cell_text(cell) for cell in column] for column in cells]
            yield text_batch(columns, across, [line for _, line in chunk])

    def _flat(self, columns: Sequence[str], found: dict[str, Part]) -> Iterator[pa.RecordBatch]:
        """Plain columns, without making a row of them."""
        import pyarrow as pa

        line = 1
        for batch in self._read(found, ROWS):
            rows = batch.num_rows
            nothing = pa.nulls(rows, pa.string())
            texts = {name: self._text(name, batch[name]) for name in batch.schema.names}
            cells = [texts[found[column].read] if column in found else nothing for column in columns]
            yield pa.record_batch([*cells, pa.array(range(line, line + rows), pa.int64())], [*columns, LINE])
            line += rows

    def _rows(
        self, columns: Sequence[str], size: int, keep_bytes: bool = False
    ) -> Iterator[tuple[list[Any], int]]:
        """Nested rows made flat, each with its number."""
        found = {column: place for column in columns if (place := self._find(column))}
        line = 0
        for batch in self._read(found, size):
            names = batch.schema.names
            values = [self._text(name, batch[name], keep_bytes).to_pylist() for name in names]
            for row in zip(*values, strict=True):
                line += 1
                try:
                    flat = unroll(dict(zip(names, row, strict=True)), columns)
                except ValueError as error:
                    raise ValueError(f"row {line} of {self.name!r} {error}.") from error
                yield from ((cells, line) for cells in flat)

    def _read(self, found: dict[str, Part], size: int) -> Iterator[pa.RecordBatch]:
        with self._open() as file:
            read = sorted({place.read for place in found.values()})
            yield from file.iter_batches(size, columns=read, use_threads=False)

    def _text(self, name: str, column: pa.Array, keep_bytes: bool = False) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            return pc.cast(column, text_type(column.type, keep_bytes))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ValueError(
                f"column {name!r} of {self.name!r} holds {column.type}, which is no text; "
                "expected text, numbers or times: map another column."
            ) from error

    def images(self, ids: str, encoded: str) -> Iterator[tuple[str, bytes]]:
        """Each row's id and encoded image, where it has both. ValueError as for `batches` and `require_bytes`."""
        self.require_bytes(encoded)
        for row, _ in self._rows((ids, encoded), IMAGES, keep_bytes=True):
            uid, image = row
            image = image.get("bytes") if isinstance(image, dict) else image
            if uid is not ABSENT and uid is not None and isinstance(image, bytes):
                yield cell_text(uid) or "", image

    def has_bytes(self, column: str) -> bool:
        """Whether the column holds bytes, or structs of bytes and a path."""
        found = self._find(column)
        return found is not None and holds_bytes(found.type)

    def require_bytes(self, column: str) -> None:
        """ValueError unless the column holds bytes, or structs of bytes and a path.

        Text in it names no file that would be read, and is no image either.
        """
        found = self._find(column)
        if not self.has_bytes(column):
            raise ValueError(
                f"column {column!r} of {self.name!r} holds {found and found.type}; expected the bytes of images: "
                "map a column of bytes, or save the images as files."
            )

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.place.path, buffer_size=BUFFER, pre_buffer=False) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            first = str(error).strip().splitlines()[0]
            raise ValueError(
                f"reading {self.name!r} as Parquet could not be done ({first}); expected a whole file: fetch it again."
            ) from error
