"""Ground floor: the tensors that come with the package, as they came.

Enters: a file's name in `weights/`. Leaves: its tensors, if its bytes are those that were packed.
Does not know: whose they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.checksums import CHECKSUMS, file_checksum, read_object
from tasteprint.files import write_json
from tasteprint.hub import WEIGHTS
from tasteprint.tensor_files import read_tensors

if TYPE_CHECKING:
    from torch import Tensor


def bundled_tensors(name: str) -> dict[str, Tensor]:
    """Read a file whose checksum is packed beside it. ValueError where it is damaged or missing."""
    path = WEIGHTS / name
    if not path.is_file() or file_checksum(path) != read_object(WEIGHTS / CHECKSUMS).get(name):
        raise ValueError(
            f"{path} is not the file that the package brings; expected its bytes: install tasteprint again."
        )
    return read_tensors(path)[1]


def note_bundled(path: Path) -> None:
    """Write the checksum of a new file into the list beside it."""
    listed = path.parent / CHECKSUMS
    sums = read_object(listed) if listed.is_file() else {}
    write_json(listed, {**sums, path.name: file_checksum(path)})
