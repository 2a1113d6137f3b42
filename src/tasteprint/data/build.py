"""A log becomes a dataset: a folder of votes.parquet, images/ and, last of all, summary.json.

Enters: a log, a mapping, the settings. Leaves: the folder; complete exactly when summary.json is there.
Does not know: models, histories.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections import Counter
from pathlib import Path

import duckdb

from tasteprint.config import DataConfig
from tasteprint.data import duck
from tasteprint.data.clean import drop_doubtful, drop_rows
from tasteprint.data.histories import split_users
from tasteprint.data.images import ImageStore
from tasteprint.data.intake import Intake, Progress, byte_columns
from tasteprint.data.logs import Log, find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.summary import SPLITS, Count, Summary
from tasteprint.data.votes import COLUMNS, stage_votes

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
    try:
        with (
            duck.connect(out / WORK) as connection,
            duck.plain_errors("building the dataset", "expected a table that this mapping fits: check both"),
        ):
            summary = _built(connection, str(log), out, mapping, config, seed, strict, images, progress)
    finally:
        _empty(out / WORK)
    (out / WORK).rmdir()
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
    (out / WORK).mkdir(parents=True, exist_ok=True)
    _empty(out / WORK)
    if complete:
        (out / "summary.json").unlink()  # first, so that no moment shows a mixture as complete
        (out / "votes.parquet").unlink(missing_ok=True)
        shutil.rmtree(out / "images", ignore_errors=True)


def _empty(work: Path) -> None:
    shutil.rmtree(work)
    work.mkdir()


def _built(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    out: Path,
    mapping: Mapping,
    config: DataConfig,
    seed: int,
    strict: bool,
    images: Path | None,
    progress: Progress,
) -> Summary:
    log = find_log(connection, source)
    progress("reading the log", 0, 1)
    rows, dropped = stage_votes(connection, log, mapping)
    if config.temporal:
        dropped["no time, in temporal mode"] += drop_rows(connection, "created_at IS NULL")
    dropped += drop_doubtful(connection, config.min_liked)
    located = mapping.with_images(images)
    bad: dict[str, int] = {}
    if has_images := _has_images(log, located):
        Intake(connection, ImageStore(out / "images"), strict, progress).run(log, located, _root(source))
        bad = _use_content_ids(connection, dropped)
        dropped += drop_doubtful(connection, config.min_liked)
    splits = _write_votes(connection, out, config, seed)
    summary = Summary(
        splits, rows, dict(sorted((+dropped).items())), bad, has_images, Path(source).name,
        dataclasses.asdict(mapping), dataclasses.asdict(config), seed, _version(),
    )  # fmt: skip
    _place(out, "summary.json", summary.to_json())
    return Summary.from_json(summary.to_json())  # as a reader of the file gets it


def _has_images(log: Log, mapping: Mapping) -> bool:
    place = mapping.images.place
    return bool(byte_columns(log, mapping)) if place == "bytes" else place != "none"


def _root(source: str) -> Path:
    return Path(source) if Path(source).is_dir() else Path(source).parent


def _use_content_ids(connection: duckdb.DuckDBPyConnection, dropped: Counter[str]) -> dict[str, int]:
    """Name images by their content; drop the votes of bad ones; give the number of bad ones by fault."""
    by_fault = "SELECT fault, count(*) FROM stored WHERE fault IS NOT NULL GROUP BY 1 ORDER BY 1"
    bad = dict(connection.execute(by_fault).fetchall())
    for fault in bad:
        of_fault = f"(SELECT uid FROM stored WHERE fault = {duck.text(fault)})"
        dropped[fault] += drop_rows(connection, f"image_0 IN {of_fault} OR image_1 IN {of_fault}")
    for side in ("image_0", "image_1"):
        connection.execute(f"UPDATE votes SET {side} = stored.image_id FROM stored WHERE uid = {side}")
    return bad


def _write_votes(
    connection: duckdb.DuckDBPyConnection, out: Path, config: DataConfig, seed: int
) -> dict[str, Count]:
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
    aside = out / WORK / "votes.parquet"
    connection.execute(f"COPY ({_SORTED}) TO {duck.text(str(aside))} (FORMAT parquet, ROW_GROUP_SIZE 16384)")
    aside.replace(out / "votes.parquet")
    return {split: _count(connection, split) for split in SPLITS}


_SORTED = f"""
SELECT {", ".join(COLUMNS)}, split FROM votes JOIN splits USING (user_id)
ORDER BY user_id, created_at NULLS LAST, ranking_id NULLS LAST, prompt, image_0, image_1, label_0"""


def _count(connection: duckdb.DuckDBPyConnection, split: str) -> Count:
    kept = f"FROM votes JOIN splits USING (user_id) WHERE split = {duck.text(split)}"
    return Count(
        users=duck.count(connection, f"SELECT count(*) FROM splits WHERE split = {duck.text(split)}"),
        images=duck.count(
            connection, f"SELECT count(*) FROM (SELECT image_0 {kept} UNION SELECT image_1 {kept})"
        ),
        votes=duck.count(connection, f"SELECT count(*) {kept}"),
        ties=duck.count(connection, f"SELECT count(*) {kept} AND label_0 = 0.5"),
    )


def _place(out: Path, name: str, text: str) -> None:
    aside = out / WORK / name
    aside.write_text(text, "utf-8")
    os.sync()  # one flush for all the files before the one that declares them whole
    aside.replace(out / name)


def _version() -> str:
    from tasteprint import __version__

    return __version__
