"""Ground floor: models that other libraries load, without their traceback and without weights drawn at random.

Enters: a call of a library; what it says that it found. Leaves: its result, or one sentence. Does not know: libraries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def library_faults(what: str, expected: str) -> Iterator[None]:
    """Turn whatever a library raises over files that others wrote into a ValueError of one sentence."""
    try:
        yield
    except MemoryError:
        raise
    except (
        Exception
    ) as fault:  # of broken files libraries raise what they stumble over: KeyError, TypeError, ...
        if type(fault).__name__ == "OutOfMemoryError":  # torch's own; not the file's fault
            raise
        raise ValueError(
            f"{what} could not be read ({brief(fault)}); expected {expected}: fetch it again or name another."
        ) from fault


def require_whole(found: Mapping[str, Any], left_over: bool = False, unread: str = "\0") -> None:
    """ValueError where a library's loading info tells of weights that are missing or of another shape: it drew them at
    random.

    Names that begin with `unread` may be missing. With `left_over`, weights of layers that the config does not have
    are refused as well.
    """
    absent = {*found["missing_keys"], *(row[0] for row in found.get("mismatched_keys", ()))}
    missing = sorted(key for key in absent if not key.startswith(unread))
    if missing:
        raise ValueError(f"it has no fitting weights for {_named(missing)}")
    strange = sorted(key for key in found["unexpected_keys"] if key.endswith((".weight", ".bias")))
    if left_over and strange:
        raise ValueError(f"it has weights for {_named(strange)}, which config.json does not name")


def brief(fault: BaseException) -> str:
    """The first line of what a fault says, or its kind."""
    return (str(fault).strip() or type(fault).__name__).splitlines()[0].rstrip(".:")[:200]


def _named(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} others" if len(names) > 1 else "")
