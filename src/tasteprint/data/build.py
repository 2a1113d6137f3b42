"""A log becomes a dataset: a folder of votes.parquet, images/ and, last of all, summary.json.

Enters: a log, a mapping, the settings. Leaves: the folder; complete exactly when summary.json is there.
Does not know: models, histories.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tasteprint.config import DataConfig
from tasteprint.data import duck
from tasteprint.data.dataset import Count, Summary, count_splits
from tasteprint.data.duck import count
from tasteprint.data.histories import split_users
from tasteprint.data.images import ImageStore
from tasteprint.data.intake import Intake, Progress
from tasteprint.data.logs import find_log
from tasteprint.data.mapping import Mapping
from tasteprint.data.successor import recover, succeed, successor
from tasteprint.data.votes import COLUMNS, Staged, require_columns, stage_votes
from tasteprint.files import disk_error, whole, write_bytes
from tasteprint.locks import held, is_lock
from tasteprint.provenance import version

WORK = ".work"
"""The working folder inside the dataset; its presence marks a build that has not ended."""

NAMED = 20
"""Bad images of one kind that a summary names."""


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
    all else is redone. With `force` a dataset that is there is replaced, by a rename of the finished new one; until
    then it stays as it is, and a build that fails leaves it so.

    ValueError for a bad log, a folder in which another process builds, or one that holds a dataset or anything else;
    OSError for a full disk, or too little memory.
    """
    out = Path(out)
    task = _Build(log, mapping.with_images(images), config, seed, strict, progress)
    with held(out):
        with _told(f"preparing folder {str(out)!r}"):
            place = _prepared(out, force)
        with _working(place, keep=place == out) as connection:
            summary = task.run(connection, place)
        if place != out:
            succeed(out)
    return summary


@dataclass(frozen=True, slots=True)
class _Build:
    """What is built of what."""

    log: str | Path
    mapping: Mapping
    config: DataConfig
    seed: int
    strict: bool
    progress: Progress

    def run(self, connection: duckdb.DuckDBPyConnection, out: Path) -> Summary:
        """Write the dataset's files, last of all the summary."""
        self.progress("reading the log", 0, 1)
        found = require_columns(find_log(self.log, self.mapping.source), self.mapping)
        staged = stage_votes(connection, found, self.mapping)
        staged.exclusions.drop_doubtful(self.config)
        intake = Intake(connection, found, self.mapping, _root(Path(self.log)))
        bad = {}
        if intake.has_images:
            bad = intake.run(ImageStore(out / "images"), self.strict, self.progress)
            intake.drop_bad(staged.exclusions, bad)
            staged.exclusions.drop_doubtful(self.config)
        if not count(connection, "SELECT count(*) FROM votes"):
            raise staged.exclusions.left_out.nothing_left(staged.rows, self.config.min_liked)
        _write_votes(connection, out, self.config, self.seed, staged.has_splits)
        summary = self._summary(staged, intake, bad, count_splits(connection)).to_json()
        os.sync()  # one flush for every file before the one that declares them whole
        write_bytes(out / "summary.json", summary.encode(), out / WORK)
        return Summary.from_json(summary)

    def _summary(
        self, staged: Staged, intake: Intake, bad: dict[str, list[str]], splits: dict[str, Count]
    ) -> Summary:
        left_out = staged.exclusions.left_out
        return Summary(
            splits=splits,
            rows=staged.rows,
            dropped=dict(sorted(left_out.counts.items())),
            bad_images={kind: len(names) for kind, names in bad.items()},
            has_images=intake.has_images,
            log=Path(self.log).name,
            mapping=dataclasses.asdict(self.mapping),
            settings=dataclasses.asdict(self.config),
            seed=self.seed,
            version=version(),
            examples=dict(sorted(left_out.examples.items())),
            unread={kind: names[:NAMED] for kind, names in bad.items()},
            notes=[*intake.log.notes, *staged.notes, *intake.notes],
        )


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(what, error.strerror or str(error), error.errno) from error


def _prepared(out: Path, force: bool) -> Path:
    """The folder to build in: `out`, or, where that is to be replaced, one beside it."""
    recover(out)
    found = {item.name for item in out.iterdir() if not is_lock(item)} if out.is_dir() else set()
    complete = "summary.json" in found
    if complete and not force:
        raise ValueError(
            f"{str(out)!r} holds a dataset; expected a new folder: choose another, or give --force."
        )
    if found and not complete and WORK not in found:
        raise ValueError(f"{str(out)!r} holds other files; expected a new or empty folder: choose another.")
    place = successor(out) if complete else out
    (place / "summary.json").unlink(missing_ok=True)  # of a successor that was finished as it was killed
    shutil.rmtree(place / WORK, ignore_errors=True)
    (place / WORK).mkdir(parents=True)
    return place


@contextmanager
def _working(out: Path, keep: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working database. After a failure its space is freed, and the mark stays beside what was stored.

    Without `keep` only a person's interruption leaves what was stored: a failed replacement leaves nothing.
    """
    try:
        with (
            duck.plain_errors("building the dataset", "expected a table that this mapping fits: check both"),
            duck.connect(out / WORK) as connection,
        ):
            yield connection
    except Exception:
        if not keep:
            shutil.rmtree(out, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(out / WORK, ignore_errors=True)
        if out.is_dir() and not (out / "summary.json").exists():
            _mark_or_vanish(out)


def _mark_or_vanish(out: Path) -> None:
    with suppress(OSError):  # of a disk that is full or gone, which has been told already
        if any(not is_lock(item) for item in out.iterdir()):
            (out / WORK).mkdir()
        else:
            out.rmdir()


def _root(log: Path) -> Path:
    return log if log.is_dir() else log.parent


def _write_votes(
    connection: duckdb.DuckDBPyConnection, out: Path, config: DataConfig, seed: int, given: bool
) -> None:
    users = "SELECT DISTINCT user_id FROM votes"
    if given:
        connection.execute(
            f"CREATE TABLE splits AS SELECT user_id, split FROM given SEMI JOIN ({users}) USING (user_id)"
        )
    else:
        splits = _drawn_splits([user for (user,) in connection.execute(users).fetchall()], config, seed)
        connection.execute(
            "CREATE TABLE splits AS SELECT unnest($1) AS user_id, unnest($2) AS split",
            [list(splits), list(splits.values())],
        )
    with whole(out / "votes.parquet", out / WORK) as part:
        connection.execute(
            f"COPY ({_SORTED}) TO {duck.text(str(part))} (FORMAT parquet, ROW_GROUP_SIZE 16384)"
        )


def _drawn_splits(users: list[str], config: DataConfig, seed: int) -> dict[str, str]:
    splits = split_users(users, config.validation, config.test, seed)
    if "train" not in splits.values():
        raise ValueError(
            f"the shares validation {config.validation} and test {config.test} of {len(users):,} users leave nobody "
            "to train on; expected at least one: lower them, or give --constant split=test for people to test on alone."
        )
    return splits


_SORTED = f"""
SELECT {", ".join(COLUMNS)}, split FROM votes JOIN splits USING (user_id)
ORDER BY user_id, created_at NULLS LAST, ranking_id NULLS LAST, prompt, image_0, image_1, label_0"""
