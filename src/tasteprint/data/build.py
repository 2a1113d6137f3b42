"""A log becomes a dataset: a folder of votes.parquet, images/ and, last of all, summary.json.

Enters: a log, a mapping, the settings. Leaves: the folder; complete exactly when summary.json is there.
Does not know: models, histories.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tasteprint.config import DataConfig
from tasteprint.data import duck
from tasteprint.data.dataset import Summary, count_splits
from tasteprint.data.histories import split_users
from tasteprint.data.images import ImageStore
from tasteprint.data.intake import Intake, Progress
from tasteprint.data.logs import find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.votes import COLUMNS, drop_doubtful, require_columns, stage_votes
from tasteprint.files import whole, write_bytes
from tasteprint.provenance import version

WORK = ".work"
"""The working folder inside the dataset; its presence marks a build that has not ended."""


def _silent(what: str, done: int, total: int) -> None:
    pass


def build(
    log: str | Path,
    out: str | Path,
    mapping: Mapping,
    config: DataConfig,
    seed: int,
    strict: bool = False,
    force: bool = False,
    images: Path | None = None,
    progress: Progress = _silent,
) -> Summary:
    """Build a dataset in the folder `out`.

    A row with a bad image is left out and counted by the kind of fault; with `strict` it ends the build.
    `images` says where the images are in place of the mapping: a folder of files named by the ids, or a CSV
    table. An interrupted build is completed by running it again: images already stored are not decoded again,
    all else is redone. ValueError for a bad log, or a folder that holds a dataset (`force` replaces it) or
    anything else; OSError for a full disk.
    """
    out = Path(out)
    _prepare(out, force)
    with _working(out) as connection:
        progress("reading the log", 0, 1)
        found = require_columns(find_log(log), mapping)
        rows, dropped = stage_votes(connection, found, mapping)
        dropped += drop_doubtful(connection, config)
        intake = Intake(connection, found, mapping.with_images(images), _root(Path(log)))
        bad = intake.run(ImageStore(out / "images"), strict, progress) if intake.has_images else {}
        dropped += intake.drop_bad(bad) + drop_doubtful(connection, config)
        _write_votes(connection, out, config, seed)
        summary = Summary.from_json(
            Summary(
                splits=count_splits(connection),
                rows=rows,
                dropped=dict(sorted(dropped.items())),
                bad_images=bad,
                has_images=intake.has_images,
                log=Path(log).name,
                mapping=dataclasses.asdict(mapping),
                settings=dataclasses.asdict(config),
                seed=seed,
                version=version(),
            ).to_json()
        )
        os.sync()  # one flush for every file before the one that declares them whole
        write_bytes(out / "summary.json", summary.to_json().encode(), out / WORK)
    return summary


def _prepare(out: Path, force: bool) -> None:
    found = {item.name for item in out.iterdir()} if out.is_dir() else set()
    complete = "summary.json" in found
    if complete and not force:
        raise ValueError(
            f"{str(out)!r} holds a dataset; expected a new folder: choose another, or give --force."
        )
    if found and not complete and WORK not in found:
        raise ValueError(f"{str(out)!r} holds other files; expected a new or empty folder: choose another.")
    shutil.rmtree(out / WORK, ignore_errors=True)
    (out / WORK).mkdir(parents=True)
    if complete:
        (out / "summary.json").unlink()  # first, so that no moment shows a mixture as complete
        (out / "votes.parquet").unlink(missing_ok=True)
        shutil.rmtree(out / "images", ignore_errors=True)


@contextmanager
def _working(out: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working database. After a failure its space is freed and the mark stays beside what was stored."""
    try:
        with (
            duck.plain_errors("building the dataset", "expected a table that this mapping fits: check both"),
            duck.connect(out / WORK) as connection,
        ):
            yield connection
    finally:
        shutil.rmtree(out / WORK, ignore_errors=True)
        if not (out / "summary.json").exists():
            _mark_or_vanish(out)


def _mark_or_vanish(out: Path) -> None:
    if any(out.iterdir()):
        (out / WORK).mkdir()
    else:
        out.rmdir()


def _root(log: Path) -> Path:
    return log if log.is_dir() else log.parent


def _write_votes(connection: duckdb.DuckDBPyConnection, out: Path, config: DataConfig, seed: int) -> None:
    users = [row[0] for row in connection.execute("SELECT DISTINCT user_id FROM votes").fetchall()]
    if not users:
        raise ValueError(
            f"no user has {config.min_liked} unique liked images; expected at least one: "
            "check the mapping, or lower --min-liked."
        )
    splits = split_users(users, config.validation, config.test, seed)
    connection.execute(
        "CREATE TABLE splits AS SELECT unnest($1) AS user_id, unnest($2) AS split",
        [list(splits), list(splits.values())],
    )
    with whole(out / "votes.parquet", out / WORK) as part:
        connection.execute(
            f"COPY ({_SORTED}) TO {duck.text(str(part))} (FORMAT parquet, ROW_GROUP_SIZE 16384)"
        )


_SORTED = f"""
SELECT {", ".join(COLUMNS)}, split FROM votes JOIN splits USING (user_id)
ORDER BY user_id, created_at NULLS LAST, ranking_id NULLS LAST, prompt, image_0, image_1, label_0"""
