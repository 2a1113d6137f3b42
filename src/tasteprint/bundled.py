"""Ground floor: the tensors that come with the package, as they came.

Enters: a file's name in `weights/`. Leaves: its tensors, if its bytes are those that were packed.
Does not know: whose they are.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.checksums import CHECKSUMS, file_checksum, read_object
from tasteprint.files import write_json
from tasteprint.hub import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor


def bundled_tensors(name: str) -> dict[str, Tensor]:
    """Read a file whose checksum is packed beside it. ValueError where it is damaged or missing."""
    from safetensors.torch import load

    path = WEIGHTS / name
    data = path.read_bytes() if path.is_file() else b""
    if f"{zlib.crc32(data):08x}" != read_object(WEIGHTS / CHECKSUMS).get(name):
        raise ValueError(
            f"{path} is not the file that the package brings; expected its bytes: install tasteprint again."
        )
    return load(data)


def note_bundled(path: Path) -> None:
    """Write the checksum of a new file into the list beside it."""
    listed = path.parent / CHECKSUMS
    sums = read_object(listed) if listed.is_file() else {}
    write_json(listed, {**sums, path.name: file_checksum(path)})
