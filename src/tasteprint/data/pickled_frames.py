"""A pickled pandas frame as columns of numbers, text, bytes and lists of these, without pandas and without trust.

Enters: a file. Leaves: its columns by name. Does not know: what they mean.

A pickle is a program that may name any function of any library and call it. This reader knows the few names that a
frame consists of, gives each a stand-in that only holds what it is given, and refuses a file that names anything else.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from tasteprint.loading import brief

PLAIN = "biufSU"
"""Kinds of numpy's types that are read: truth values, numbers, bytes, text."""


def read_pickled_frame(path: Path) -> dict[str, list[Any]]:
    """Read a frame that pandas 1 or 2 pickled; every column has as many entries. ValueError for anything else."""
    try:
        with path.open("rb") as file:
            frame = _FrameReader(file).load()
        return frame.columns()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError) as fault:
        raise ValueError(
            f"{str(path)!r} could not be read ({brief(fault)}); expected a pickled pandas frame of numbers, text, "
            "bytes and lists, and nothing that could be run: export the table as Parquet where it was made."
        ) from fault


class Frame:
    """A DataFrame: its state has the blocks under `_mgr`, or `_data` before pandas 1."""

    def __setstate__(self, state: Any) -> None:
        """Keep the blocks."""
        self.blocks = state.get("_mgr", state.get("_data"))

    def columns(self) -> dict[str, list[Any]]:
        """Give the values of each column, in the frame's order."""
        names = [str(name) for name in self.blocks.axes[0]]
        values = {
            name: row
            for block in self.blocks.blocks
            for name, row in zip(_places(block.placement, names), block.rows(), strict=True)
        }
        return {name: values[name] for name in names}


class Blocks:
    """A BlockManager: made of blocks and axes, or given both as a state."""

    def __init__(self, blocks: Sequence[Any] = (), axes: Sequence[Any] = (), *more: Any) -> None:
        """Keep both."""
        self.blocks, self.axes = blocks, axes

    def __setstate__(self, state: Any) -> None:
        """Keep both."""
        said = state[3]["0.14.1"]
        self.axes = said["axes"]
        self.blocks = [Block(block["values"], block["mgr_locs"]) for block in said["blocks"]]


class Block:
    """Some columns of one type: rows of an array, and which columns they are."""

    def __init__(self, values: Any, placement: Any, *more: Any) -> None:
        """Keep both."""
        self.values, self.placement = values, placement

    def rows(self) -> list[list[Any]]:
        """Give a list a column."""
        return [list(row) for row in _plain(self.values)]


class Array:
    """An ndarray before and after its state."""

    def __init__(self, *arguments: Any) -> None:
        """Begin empty, as numpy does."""
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        """Take shape and data."""
        _, shape, kind, fortran, data = state
        self.value = _array(shape, kind.name, bool(fortran), data)


class Kind:
    """A dtype, by its name."""

    def __init__(self, name: Any, *more: Any) -> None:
        """Keep the name."""
        self.name = str(name)

    def __setstate__(self, state: Any) -> None:
        """Take the order of bytes."""
        self.name = state[1] + self.name if state[1] in ("<", ">") else self.name


def _index(kind: Any, said: Any) -> Any:
    return range(said["start"], said["stop"], said["step"]) if "start" in said else _plain(said["data"])


def _buffer(data: Any, kind: Any, shape: Any, order: Any = "C") -> Any:
    return SimpleNamespace(value=_array(shape, kind.name, order == "F", bytes(data)))


def _scalar(kind: Any, data: Any) -> Any:
    return _array((), kind.name, False, data).item()


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    return str(text).encode("latin1")


KNOWN: dict[tuple[str, str], Any] = {
    ("pandas.core.frame", "DataFrame"): Frame,
    ("pandas.core.internals.managers", "BlockManager"): Blocks,
    ("pandas._libs.internals", "_unpickle_block"): Block,
    ("pandas.core.internals.blocks", "new_block"): Block,
    ("pandas.core.indexes.base", "_new_Index"): _index,
    ("pandas.core.indexes.base", "Index"): "Index",
    ("pandas.core.indexes.range", "RangeIndex"): "RangeIndex",
    ("pandas.core.indexes.numeric", "Int64Index"): "Int64Index",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): Kind,
    ("numpy.core.multiarray", "_reconstruct"): Array,
    ("numpy._core.multiarray", "_reconstruct"): Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _buffer,
    ("numpy._core.numeric", "_frombuffer"): _buffer,
    ("builtins", "slice"): slice,
    ("__builtin__", "slice"): slice,
    ("_codecs", "encode"): _encoded,
}
"""By module and name, what stands for it: it holds what it is given, or is a word where only the name counts."""


class _FrameReader(pickle.Unpickler):
    """Looks names up in `KNOWN`, and copies what it finds: a file sets attributes, which must not outlive it."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._copies: dict[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self._copies.setdefault((module, name), _copied(KNOWN[module, name]))

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside")


def _copied(known: Any) -> Any:
    if isinstance(known, type) and known is not slice:
        return type(known.__name__, (known,), {})
    return partial(known) if isinstance(known, FunctionType) else known


def _array(shape: Any, kind: str, fortran: bool, data: Any) -> Any:
    """Numbers from bytes; a list of objects, by rows, as it is."""
    if kind.lstrip("<>|=") in ("O", "O8"):
        if len(data) != np.prod(shape, dtype=int):
            raise ValueError("an array has another number of entries than its shape says")
        flat = np.empty(len(data), object)
        flat[:] = [_plain(value) for value in data]
        return flat.reshape(shape, order="F" if fortran else "C")
    if np.dtype(kind).kind not in PLAIN:
        raise ValueError(f"an array is of the type {kind}")
    return np.frombuffer(data, np.dtype(kind)).reshape(shape, order="F" if fortran else "C")


def _plain(value: Any) -> Any:
    """Take a value out of its stand-in; lists and tuples whole."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    inside = getattr(value, "value", value)
    return inside.tolist() if isinstance(inside, np.ndarray) else inside


def _places(placement: Any, names: list[str]) -> list[str]:
    if isinstance(placement, slice):
        return names[placement]
    return [names[place] for place in _plain(placement)]
