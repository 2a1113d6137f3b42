"""Parquet: typed columns as text, and encoded images as bytes, a few rows at a time.

Enters: a `Place`. Leaves: its columns, its rows with their numbers, its images. Does not know: what the columns mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from tasteprint.data.tables.names import place_of
from tasteprint.data.tables.table import LINE, Table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS, IMAGES = 16384, 16
"""Rows of text, and of images, that are decoded at once."""

BUFFER = 1 << 20
"""Bytes of a column read at once: a row group is never read whole."""


@dataclass(frozen=True)
class ParquetTable(Table):
    """A Parquet file."""

    kind: ClassVar[str] = "Parquet"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self._schema.names)

    @cached_property
    def _schema(self) -> pa.Schema:
        with self._open() as file:
            return file.schema_arrow

    def has(self, column: str) -> bool:
        """Whether there is a column of this name."""
        return place_of(self.columns, column) is not None

    def batches(self, columns: Sequence[str], required: Collection[str]) -> Iterator[pa.RecordBatch]:
        """The columns as text: numbers with all their digits, times in ISO form. ValueError for damaged files."""
        import pyarrow as pa

        known = {
            column: self.columns[at]
            for column in columns
            if (at := place_of(self.columns, column)) is not None
        }
        line = 1
        with self._open() as file:
            for batch in file.iter_batches(ROWS, columns=sorted(set(known.values())), use_threads=False):
                rows = batch.num_rows
                cells = [
                    column_text(batch[known[column]]) if column in known else pa.nulls(rows, pa.string())
                    for column in columns
                ]
                lines = pa.array(range(line, line + rows), pa.int64())
                yield pa.record_batch([*cells, lines], [*columns, LINE])
                line += rows

    def images(self, ids: str, encoded: str) -> Iterator[tuple[str, bytes]]:
        """Each row's id and encoded image, where it has both."""
        names = [
            self.columns[at] for name in (ids, encoded) if (at := place_of(self.columns, name)) is not None
        ]
        with self._open() as file:
            for batch in file.iter_batches(IMAGES, columns=names, use_threads=False):
                images = batch[names[1]]
                if _is_struct(images.type):
                    images = images.field("bytes")
                for uid, image in zip(column_text(batch[names[0]]), images, strict=True):
                    if uid.is_valid and image.is_valid:
                        yield uid.as_py(), image.as_py()

    def require_bytes(self, column: str) -> None:
        """ValueError unless the column holds bytes, or structs of bytes and a path: text never names a file to read."""
        import pyarrow.types as types

        kind = self._schema.field(self.columns[place_of(self.columns, column) or 0]).type
        held = kind.field("bytes").type if _is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
        if not (types.is_binary(held) or types.is_large_binary(held) or types.is_binary_view(held)):
            raise ValueError(
                f"column {column!r} of {self.name!r} holds {kind}; expected the bytes of images: "
                "map a column of bytes, or save the images as files."
            )

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.place.path, buffer_size=BUFFER, pre_buffer=False) as file:
                yield file
        except pa.ArrowException as error:
            first = str(error).strip().splitlines()[0]
            raise ValueError(
                f"reading {self.name!r} as Parquet could not be done ({first}); expected a whole file: fetch it again."
            ) from error


def _is_struct(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return bool(types.is_struct(kind))


def column_text(column: pa.Array) -> pa.Array:
    """A column as text, null where there is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(column, pa.string())
