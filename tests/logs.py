"""Small logs and pictures for the tests of `tasteprint.data`."""

from __future__ import annotations

import csv
import io
import random
import subprocess
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from PIL import Image

from tasteprint.data import duck
from tasteprint.data.logs import find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.votes import COLUMNS, require_columns, stage_votes
from tasteprint.types import Vote

CALISTA = Path(__file__).parents[2] / "shared" / "data" / "calista_webpages"
needs_calista = pytest.mark.skipif(
    not (CALISTA / "choices.csv").is_file(), reason="the real log shared/data/calista_webpages is not here"
)


def picture(number: int, format: str = "PNG") -> bytes:
    """A small picture that no other number gives."""
    image = Image.new("RGB", (8, 6), (number * 6 % 256, number * 6 // 256 * 20, 77))
    return encoded(image, format)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def write_csv(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(users: int, votes: int, images: int = 60, seed: int = 0) -> list[dict]:
    """Rows with the columns of the vote table, one second apart."""
    rng = random.Random(seed)
    rows = []
    for user in range(users):
        for number in range(votes):
            first, second = rng.sample(range(images), 2)
            rows.append(
                {
                    "user_id": f"user{user:03d}",
                    "prompt": f"prompt {number % 3}",
                    "image_0": f"{first}.png",
                    "image_1": f"{second}.png",
                    "label_0": rng.choice([0, 1]),
                    "created_at": f"2023-01-{1 + user % 28:02d} 00:{number // 60:02d}:{number % 60:02d}",
                    "ranking_id": user * 1000 + number,
                }
            )
    return rows


def write_pictures(folder: Path, images: int = 60) -> None:
    for number in range(images):
        (folder / f"{number}.png").write_bytes(picture(number))


def staged(tmp_path: Path, source: str | Path, mapping: Mapping) -> tuple[list[Vote], Counter[str]]:
    """The votes that a log gives, sorted, and the rows left out."""
    work = tmp_path / "work"
    work.mkdir()
    with duck.connect(work) as connection:
        log = require_columns(find_log(source, mapping.source), mapping)
        dropped = stage_votes(connection, log, mapping).exclusions.left_out.counts
        rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM votes ORDER BY ALL").fetchall()
    return [Vote(*row) for row in rows], dropped


def write_parquet(path: Path, select: str, **parameters: object) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS {select}", parameters or None)
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 200 KB, grown by calling `grow`; skipped where mounting is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
