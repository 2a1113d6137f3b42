"""Types of Parquet columns: what stands at a path, what is text, what is bytes.

Enters: a schema. Leaves: columns found in it, types of text in the same form. Does not know: files, rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tasteprint.data.tables.paths import key_of

if TYPE_CHECKING:
    import pyarrow as pa


class Part(NamedTuple):
    """What a column's name or path leads to: the part of the file to read, its type, whether it is a plain column."""

    read: str
    type: pa.DataType
    flat: bool


def find(schema: pa.Schema, column: str) -> Part | None:
    """Find a column by its name, or what stands at a path. ValueError where a name could mean several."""
    first = key_of(dict.fromkeys(schema.names), column)
    if first is None:
        return None
    read, rest = first
    kind, flat, above_lists = schema.field(read).type, not rest, True
    while rest:
        if is_list(kind) and (step := re.match(r"\[[0-9]*\]", rest)):
            kind, rest, above_lists = kind.value_type, rest[step.end() :], False
        elif is_struct(kind) and (key := key_of({field.name: None for field in kind}, rest)):
            kind, rest = kind.field(key[0]).type, key[1]
            read = f"{read}.{key[0]}" if above_lists else read
        else:
            return None
    return Part(read, kind, flat)


def is_struct(kind: pa.DataType) -> bool:
    """Whether values have named parts."""
    import pyarrow.types as types

    return bool(types.is_struct(kind))


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists of any form."""
    import pyarrow.types as types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether values are bytes of any length."""
    import pyarrow.types as types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether values are bytes, or have a part "bytes" that is."""
    return is_bytes(kind.field("bytes").type if is_struct(kind) and "bytes" in names_of(kind) else kind)


def names_of(kind: pa.DataType) -> list[str]:
    """The names of a struct's parts."""
    return [field.name for field in kind]


def text_type(kind: pa.DataType, keep_bytes: bool = False) -> pa.DataType:
    """The type of the same values as text: lists and structs keep their form, and bytes if they are to."""
    import pyarrow as pa

    if is_struct(kind):
        return pa.struct([(field.name, text_type(field.type, keep_bytes)) for field in kind])
    if is_list(kind):
        return pa.list_(text_type(kind.value_type, keep_bytes))
    return kind if keep_bytes and is_bytes(kind) else pa.string()


def leaf_paths(name: str, kind: pa.DataType) -> list[str]:
    """The paths of all that a column holds; an image's bytes and path are one."""
    if is_struct(kind) and not holds_bytes(kind):
        return [path for field in kind for path in leaf_paths(f"{name}.{field.name}", field.type)]
    return leaf_paths(f"{name}[]", kind.value_type) if is_list(kind) else [name]
