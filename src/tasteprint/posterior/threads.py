"""How many threads small matrices are worth: one.

Enters: nothing. Leaves: torch on one thread for as long as a body runs. Does not know: what is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Small matrices gain a seventh from a second thread, and lose severalfold where another process wants its core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
