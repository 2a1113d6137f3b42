"""How much memory a build of a million votes takes: synthetic rows in the exact Pick-a-Pic v2 columns.

    python -m benchmarks.million_votes [rows]

The rows are made and built in processes of their own; the peak resident memory is that of the build alone.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

USERS_PER_ROW = 1 / 150


def make(path: Path, rows: int) -> None:
    """Write synthetic votes of the edition without images; the users' activity is skewed as in real logs."""
    users = max(1, int(rows * USERS_PER_ROW))
    with duckdb.connect(config={"memory_limit": "512MB"}) as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(f"""COPY (
          SELECT true AS are_different, uuid()::VARCHAR AS best_image_uid,
            'a prompt about subject number ' || (i % 50000) || ', highly detailed, by someone' AS caption,
            make_timestamp_ns(1664582400000000000 + i * 31000000000) AS created_at,
            random() < 0.98 AS has_label,
            md5(i::VARCHAR) AS image_0_uid, 'https://example.org/' || i AS image_0_url,
            md5((-i - 1)::VARCHAR) AS image_1_uid, 'https://example.org/' || -i AS image_1_url,
            [0.0, 0.5, 1.0][1 + (hash(i) % 3)::INT] AS label_0, 1 - label_0 AS label_1,
            'model-a' AS model_0, 'model-b' AS model_1, i AS ranking_id,
            floor({users} * random() * random())::BIGINT AS user_id,
            4::BIGINT AS num_example_per_prompt, i AS __index_level_0__
          FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)""")


def build(log: Path, out: Path) -> None:
    """Build, and print the seconds and the peak of this process."""
    from tasteprint.config import DataConfig
    from tasteprint.data.build import build as build_dataset
    from tasteprint.data.mapping import load_mapping

    started = time.perf_counter()
    summary = build_dataset(log, out, load_mapping("pickapic"), DataConfig(), 0)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(summary.sentence())
    print(f"{summary.rows:,} rows, left out {summary.dropped}: {seconds:.1f} s, peak {peak:,.0f} MiB")


def main() -> None:
    """Make the log here, build it in a fresh process."""
    if len(sys.argv) == 4 and sys.argv[1] == "build":
        build(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder, "votes.parquet"), Path(folder, "dataset")
        make(log, rows)
        subprocess.run([sys.executable, __file__, "build", str(log), str(out)], check=True)


if __name__ == "__main__":
    main()
