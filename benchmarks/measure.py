"""How a piece of work is measured: seconds, peak memory, operations.

Enters: functions without arguments; repeats. Leaves: numbers; figures. Does not know: models, what the functions do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from ctypes import CDLL
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from tasteprint.evaluate.results import Figure

Run = Callable[[], Any]


def seconds(run: Run) -> float:
    """Time one run, the device's queue included."""
    _wait()
    started = time.perf_counter()
    run()
    _wait()
    return time.perf_counter() - started


def peak_bytes(run: Run) -> int:
    """Measure by how much memory grows while something runs; 0 where the system does not tell."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not reset.exists():
        return 0
    CDLL(None).malloc_trim(0)  # what was freed stays with the process otherwise, and hides the growth
    reset.write_text("5")  # forget the peak so far
    before = _kilobytes("VmRSS", status)
    run()
    return 1024 * (_kilobytes("VmHWM", status) - before)


def peak_allocated(run: Run) -> int:
    """Measure by how much tensors grow while something runs on the processor: every allocation and every release.

    Not the scratch memory of libraries and not what the allocator keeps, which `peak_bytes` has in it; so it is the
    same in every repeat.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        run()
    results: Any = watched.profiler
    events = [event for event in results.kineto_results.events() if event.name() == "[memory]"]
    grown = accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(grown, default=0)


def one(name: str, value: float) -> Figure:
    """What was measured once, or is the same every time."""
    return Figure(name, float(value), float(value), float(value), 1)


def spread(name: str, values: Sequence[float]) -> Figure:
    """The median of repeats, the smallest and the largest."""
    return Figure(name, median(values), min(values), max(values), len(values))


def operations(run: Run) -> int:
    """Count the floating-point operations of matrix products, convolutions and attention in one run."""
    counter = FlopCounterMode(display=False, custom_mapping=_ATTENTION)
    # Which module an operation belongs to is not asked, and its hooks fail on views made without gradients.
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]  # only `parents` is asked
    with counter:
        run()
    return counter.get_total_flops()


class _NoModules(nullcontext[None]):
    parents = frozenset({"Global"})


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Measure operations a second of a large matrix product, the best of five."""
    side = 2048 if device == "cpu" else 8192
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    seconds(lambda: left @ right)
    return 2 * side**3 / min(seconds(lambda: left @ right) for _ in range(5))


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _kilobytes(name: str, status: Path) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text())
    return int(found[1]) if found else 0


def _forward(query: Any, key: Any, value: Any, dropout: float = 0.0, causal: bool = False, **_: Any) -> int:
    """Attention on the processor, which torch does not count; a causal one does half."""
    return sdpa_flop_count(query, key, value) // (2 if causal else 1)


def _backward(
    grad: Any, query: Any, key: Any, value: Any, out: Any, sums: Any, dropout: float, causal: bool, **_: Any
) -> int:
    """The scores again and four products where forward has two: two and a half times as many."""
    return 5 * _forward(query, key, value, dropout, causal) // 2


_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}
