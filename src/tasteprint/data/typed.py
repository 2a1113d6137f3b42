"""Texts to values: the table `typed`, or the sentence about the first row that is not understood.

Enters: the DuckDB table `raw` of texts, its log and its mapping. Leaves: the table `typed` of the rows that count:
`value` (label_0, or the rating; a like is 1, a dislike 0), times, numbers, splits; and notes on how they were read.
Does not know: what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from tasteprint.data.duck import count, text
from tasteprint.data.exclusions import place
from tasteprint.data.left_out import shown
from tasteprint.data.logs import Log
from tasteprint.data.mapping import REQUIRED, Mapping
from tasteprint.data.times import FIRST_YEAR, LAST_YEAR, UNITS, TimeForm, is_no_time, time_form
from tasteprint.data.values import (
    NO_VALUE,
    NumberForm,
    expected_value,
    number_form,
    value_sql,
    wrong_value_sql,
)

_WHOLE = r"[+-]?[0-9]+([.,]0*)?"


def type_rows(connection: duckdb.DuckDBPyConnection, log: Log, mapping: Mapping) -> tuple[str, ...]:
    """Fill `typed` from the rows of `raw` that have no reason to be left out; give notes for the user.

    How the column writes times and numbers is decided over all of these rows. ValueError naming the first row with a
    label, a rating, a time, a ranking id or a split that is not understood.
    """
    typing = _Typing(connection, log, mapping, time_form(connection), number_form(connection))
    connection.execute(f"CREATE TABLE typed AS {typing.sql()}")
    typing.refuse_faults()
    return tuple(typing.notes())


@dataclass(frozen=True, slots=True)
class _Typing:
    connection: duckdb.DuckDBPyConnection
    log: Log
    mapping: Mapping
    times: TimeForm
    numbers: NumberForm

    def sql(self) -> str:
        words = " ".join(
            f"WHEN {text(word)} THEN {text(split)}" for word, split in self.mapping.splits.items()
        )
        digits = "regexp_extract(trim(ranking_text), '^[+-]?[0-9]+')"
        whole = f"regexp_full_match(trim(ranking_text), {text(_WHOLE)})"
        values = (
            f"{value_sql(self.mapping, self.numbers)} AS value, {self.times.sql('time_text')} AS created_at, "
            f"CASE WHEN {whole} THEN TRY_CAST({digits} AS BIGINT) END AS ranking_id, "
            f"CASE lower(trim(split_text)) {words} END AS split"
        )
        faults = " ".join(f"WHEN {wrong} THEN {text(column)}" for column, wrong in self._wrong().items())
        texts = " ".join(f"WHEN {text(column)} THEN {column}" for column in self._wrong())
        images = "image" if self.mapping.kind == "ratings" else "image_0, image_1"
        return (
            f"SELECT user_id, prompt, {images}, value, created_at, ranking_id, split, _file, _line, fault, "
            f"CASE fault {texts} END AS shown FROM (SELECT *, CASE {faults} END AS fault FROM "
            f"(SELECT *, {values} FROM raw WHERE reason IS NULL))"
        )

    def _wrong(self) -> dict[str, str]:
        """By column of texts, the SQL condition under which what was read from it will not do."""
        nothing = f"IN ({', '.join(map(text, NO_VALUE))})"
        return {
            "value_text": wrong_value_sql(self.mapping),
            "time_text": f"created_at IS NULL AND NOT {is_no_time('time_text')}",
            "ranking_text": f"ranking_id IS NULL AND lower(trim(coalesce(ranking_text, ''))) NOT {nothing}",
            "split_text": f"split IS NULL AND lower(trim(coalesce(split_text, ''))) NOT {nothing}",
        }

    def refuse_faults(self) -> None:
        found = self.connection.execute(
            "SELECT fault, shown, _file, _line FROM typed WHERE fault IS NOT NULL ORDER BY _file, _line LIMIT 1"
        ).fetchone()
        if found is None:
            return
        fault, value, file, line = found
        rows = count(
            self.connection,
            f"SELECT count(*) FROM typed WHERE fault = {text(fault)} AND shown = {text(value)}",
        )
        role, expected = self._expected()[fault]
        source = f"column {self.mapping.columns[role]!r}" if role in self.mapping.columns else "the constants"
        raise ValueError(
            f"{place(self.log, file, line)}: {role} is {shown(value)} in {rows:,} rows of {source}; "
            f"expected {expected}."
        )

    def _expected(self) -> dict[str, tuple[str, str]]:
        """By column of texts, its role, and what a sentence expects of it."""
        counted = self.times.unit.name if self.times.unit else "seconds to nanoseconds since 1970"
        return {
            "value_text": (REQUIRED[self.mapping.kind][-1], expected_value(self.mapping)),
            "time_text": (
                "created_at",
                f"a date as 2026-03-01, or {counted}, between {FIRST_YEAR} and {LAST_YEAR}: correct it, or map no "
                "created_at (--column created_at=)",
            ),
            "ranking_text": (
                "ranking_id",
                "a whole number: map another column, or none (--column ranking_id=)",
            ),
            "split_text": (
                "split",
                f"one of {', '.join(self.mapping.splits)}: name it under [splits] of the mapping",
            ),
        }

    def notes(self) -> Iterator[str]:
        """What a person should know of how the texts were read."""
        if self.times.unit not in (None, UNITS[0]):
            yield f"created_at is read as {self.times.unit.name}"
        if self.times.day_first is not None:
            yield f"created_at is read with the {'day' if self.times.day_first else 'month'} first"
        if self.numbers.comma and not self.mapping.labels:
            yield f"the comma in {REQUIRED[self.mapping.kind][-1]} is read as the decimal mark"
        timeless = self.connection.execute(
            "SELECT count(*), min((_file, _line)), arg_min(time_text, (_file, _line)) FROM raw "
            f"WHERE reason IS NULL AND trim(time_text) <> '' AND {is_no_time('time_text')}"
        ).fetchone()
        if timeless and timeless[0]:
            rows, at, word = timeless
            yield f"{rows:,} rows have no time, as {shown(word)} in {place(self.log, *at)}"
        alike = self.connection.execute(
            "SELECT min(user_id), max(user_id) FROM typed GROUP BY trim(user_id) HAVING count(DISTINCT user_id) > 1 "
            "ORDER BY 1 LIMIT 1"
        ).fetchone()
        if alike is not None:
            yield f"users {shown(alike[0])} and {shown(alike[1])} differ by blanks alone, and are taken for two people"
