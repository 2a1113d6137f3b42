"""Ground floor: tensors on disk, sealed as they are written, whole and finite as they are read.

Enters: tensors and a path, or a safetensors file of any origin. Leaves: the file; its metadata and tensors, or one
sentence. Does not know: what the tensors are of.

The seal is the CRC-32 of the whole file with the seal's own eight digits at zero, in the file's metadata. It notices
flipped bits, cuts and blocks that were written over; it is no signature.
"""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tasteprint.checksums import read_object, refuse_pointer
from tasteprint.files import json_text, write_bytes
from tasteprint.loading import brief

if TYPE_CHECKING:
    from torch import Tensor

UNSAID = {"_name_or_path", "transformers_version", "dtype", "torch_dtype"}
"""Entries of a config.json on which no score depends."""

SEAL = "checksum"
_BLANK = b"0" * 8
_MARK = b'"checksum":"'
"""How the seal begins in a header; inside any other entry its quotes are escaped."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Write tensors of any device as safetensors; with `about`, its metadata, sealed. See `files.write_bytes`.

    A file without `about` is one of a folder that has checksums. ValueError where a value is not finite.
    """
    write_bytes(path, tensors_as_bytes(str(path), tensors, about))


def tensors_as_bytes(
    what: str, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None
) -> bytes:
    """Give the bytes of the file that `write_tensors` writes; `what` names them in a fault."""
    from safetensors.torch import save

    require_finite(what, tensors)
    bare = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    return save(bare) if about is None else _sealed(save(bare, {**about, SEAL: _BLANK.decode()}))


def read_tensors(
    source: Path | bytes, what: str = "weights in safetensors"
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read metadata and tensors of a file or of its bytes; where they bear a seal, only if it holds.

    ValueError where the file is not there, no safetensors (the sentence says that `what` was expected), damaged, or
    holds values that are not finite.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load

    where = "a print in memory" if isinstance(source, bytes) else str(source)
    if not isinstance(source, bytes):
        refuse_pointer(source)
    try:
        if isinstance(source, bytes):
            tensors = load(source)
            about = _metadata(source)
        else:
            with safe_open(source, "pt") as file:
                about = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as fault:
        raise ValueError(
            f"{where} could not be read ({brief(fault)}); expected {what}, whole: save or fetch it again."
        ) from fault
    if SEAL in about:
        _require_seal(source, about[SEAL])
    require_finite(where, tensors)
    return about, tensors


def files_fingerprint(folder: Path) -> str:
    """Name the weights in a folder and their config, 64 hex digits, whatever they are loaded as or parted into.

    Up to 64 values of each tensor, evenly spread; training changes nearly every one.
    """
    from safetensors import safe_open

    config = read_object(folder / "config.json")
    said = {name: config[name] for name in sorted(config.keys() - UNSAID)}
    digest = sha256(json_text(said, None).encode())
    rows: dict[str, bytes] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                flat = file.get_tensor(name).reshape(-1)
                picked = flat[:: max(1, len(flat) // 64)].float().numpy()
                rows[name] = f"{name} {file.get_slice(name).get_shape()}".encode() + picked.tobytes()
    for name in sorted(rows):
        digest.update(rows[name])
    return digest.hexdigest()


def require_finite(what: str, tensors: Mapping[str, Tensor]) -> None:
    """ValueError where a tensor of `what` holds NaN or infinity."""
    for name, value in tensors.items():
        # A sum is not finite where one value is not, and costs a tenth of looking at each.
        if (
            value.is_floating_point()
            and not value.detach().float().sum().isfinite()
            and not value.isfinite().all()
        ):
            raise ValueError(
                f"{what} holds values in {name!r} that are not finite; expected numbers: fetch it again, or learn "
                "again at a lower rate."
            )


def require_floats(files: Iterable[Path], state: Mapping[str, Tensor]) -> None:
    """ValueError where a file holds whole numbers for a weight that is none: a library would cast them."""
    from safetensors import safe_open

    for path in files:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                whole = file.get_slice(name).get_dtype().startswith(("I", "U", "BOOL"))
                if whole and name in state and state[name].is_floating_point():
                    raise ValueError(
                        f"{path} holds {name!r} in whole numbers; expected floats: fetch it again."
                    )


def require_fit(what: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """ValueError unless the same tensors are there, in the same shapes, floats for floats."""
    missing, strange = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or strange:
        fault = (
            f"has no {_named(missing)}" if missing else f"holds {_named(strange)}, which the model has not"
        )
        raise ValueError(
            f"{what} {fault}; expected the {len(expected)} tensors of the model that its settings describe: "
            "save or fetch it again."
        )
    for name, like in expected.items():
        got = found[name]
        if got.shape != like.shape or got.is_floating_point() != like.is_floating_point():
            raise ValueError(
                f"{what} holds {name!r} of shape {tuple(got.shape)} in {_kind(got)}; expected "
                f"{tuple(like.shape)} in {_kind(like)}: the settings beside it are another model's, save it again."
            )


def _named(names: list[str]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} others" if len(names) > 1 else "")


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _metadata(whole: bytes) -> dict[str, str]:
    """Of bytes that are safetensors: their header is JSON, as long as the first eight bytes say."""
    about: dict[str, str] = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")]).get(
        "__metadata__", {}
    )
    return about


def _require_seal(source: Path | bytes, seal: str) -> None:
    if isinstance(source, bytes):
        found = _seal(source, source.find(_MARK) + len(_MARK))
    else:
        with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            found = _seal(whole, whole.find(_MARK) + len(_MARK))
    if found != seal.encode():
        raise ValueError(
            f"{'a print in memory' if isinstance(source, bytes) else source} is not as it was written: its checksum "
            "differs; expected the same bytes: copy or fetch it again, or save it again."
        )


def _sealed(whole: bytes) -> bytes:
    place = whole.index(_MARK) + len(_MARK)
    return whole[:place] + _seal(whole, place) + whole[place + len(_BLANK) :]


def _seal(whole: bytes | mmap.mmap, place: int) -> bytes:
    """CRC-32 of the bytes with the eight at `place` taken for zeros, in hexadecimal."""
    with memoryview(whole) as seen, seen[:place] as before, seen[place + len(_BLANK) :] as after:
        return f"{zlib.crc32(after, zlib.crc32(_BLANK, zlib.crc32(before))):08x}".encode()
