"""How much memory and time large logs take: a CSV whose last rows are written otherwise, a Parquet row group of images.

    python -m benchmarks.big_tables [rows] [megabytes]

Each is read in a process of its own; DuckDB's reader stands beside, told the dialect that it would have to guess.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = ("user_id", "prompt", "image_0", "image_1", "label_0", "created_at", "ranking_id")
ODD = 1000
"""Rows at the end whose prompts are quoted, with commas, quotes and line ends inside."""


def make_csv(folder: Path, rows: int) -> None:
    """Write synthetic votes; the last thousand prompts are the first that are quoted."""
    path = folder / "votes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for n in range(rows):
            prompt = f"subject {n % 5000}" if n < rows - ODD else f'a "blue" fish, {n}\nin the sea'
            user, images = f"u{n * 7919 % (rows // 150 + 1)}", (f"{n:08x}.png", f"{n + rows:08x}.png")
            writer.writerow((user, prompt, *images, n % 2, "2026-03-01T10:00:00", n))
    print(f"{path.stat().st_size / 1e6:,.0f} MB of CSV", flush=True)


def make_images(folder: Path, megabytes: int) -> None:
    """Write one row group of incompressible images of 500 KB."""
    ids = [f"{n:05d}" for n in range(2 * megabytes)]
    rows = pa.table({"id": ids, "bytes": [os.urandom(500_000) for _ in ids]})
    pq.write_table(rows, folder / "images.parquet", row_group_size=len(ids), compression="none")


def read_rows(path: Path) -> str:
    """Read a log as a build does."""
    from tasteprint.data.logs import find_log

    rows = odd = 0
    for batch in find_log(path).require(COLUMNS, "").batches(COLUMNS):
        rows += batch.num_rows
        odd += pc.sum(pc.ends_with(batch["prompt"], "\nin the sea")).as_py() or 0
    return f"{rows:,} rows, {odd:,} of them odd"


def read_rows_by_duckdb(path: Path) -> str:
    """Read the same by DuckDB into a table on disk, in the memory that a build allows it."""
    dialect = (
        "all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false"
    )
    columns = "columns = {" + ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS) + "}"
    with duckdb.connect(f"{path}.duckdb", config={"memory_limit": "256MB", "threads": 2}) as connection:
        connection.execute(f"CREATE TABLE t AS FROM read_csv('{path}', {dialect}, {columns})")
        found = connection.execute(
            "SELECT count(*), count(*) FILTER (prompt LIKE '%in the sea') FROM t"
        ).fetchone()
    assert found is not None
    return f"{found[0]:,} rows, {found[1]:,} of them odd"


def build(path: Path) -> str:
    """Build a dataset without images."""
    from tasteprint.config import DataConfig
    from tasteprint.data.build import build as build_dataset
    from tasteprint.data.mapping import load_mapping

    return build_dataset(path, path.with_suffix(".data"), load_mapping("votes"), DataConfig(), 0).sentence()


def read_images(path: Path) -> str:
    """Read every image."""
    from tasteprint.data.logs import find_log

    sizes = [len(image) for _, image in find_log(path).images("id", "bytes")]
    return f"{len(sizes):,} images of {sum(sizes) / 1e6:,.0f} MB"


WORKS: dict[str, Callable[[Path], str]] = {
    work.__name__: work for work in (read_rows_by_duckdb, read_rows, build, read_images)
}

MAKES: dict[str, Callable[[Path, int], None]] = {make.__name__: make for make in (make_csv, make_images)}


def measure(work: str, path: Path) -> None:
    """Do one work, and print the seconds and the peak of this process."""
    started = time.perf_counter()
    found = WORKS[work](path)
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak = used.ru_utime + used.ru_stime, _peak()
    print(
        f"{work}: {found}; {seconds:.0f} s, {cpu:.0f} s of processor time, peak {peak:,.0f} MiB", flush=True
    )


def _peak() -> float:
    """MiB of this process alone: `ru_maxrss` counts what its parent held before it."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Make the logs here, read each in a fresh process."""
    if len(sys.argv) == 4 and sys.argv[1] in WORKS:
        measure(sys.argv[1], Path(sys.argv[2]) / sys.argv[3])
        return
    if len(sys.argv) == 4 and sys.argv[1] in MAKES:
        MAKES[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
        return
    sizes = (*sys.argv[1:], *("10000000", "400")[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        for make, size in zip(MAKES, sizes, strict=True):
            subprocess.run([sys.executable, __file__, make, folder, size], check=True)
        for work in WORKS:
            name = "images.parquet" if work == "read_images" else "votes.csv"
            subprocess.run([sys.executable, __file__, work, folder, name], check=True)


if __name__ == "__main__":
    main()
