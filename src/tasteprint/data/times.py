"""Times as logs write them: calendars, seconds to nanoseconds since 1970, days of a spreadsheet; never a wrong century.

Enters: the texts of one column, in the DuckDB table `raw`. Leaves: how this column writes times, as SQL that reads one.
Does not know: votes.

What a number counts, and whether the day or the month comes first, is decided over the whole column.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from tasteprint.data.duck import text

FIRST_YEAR, LAST_YEAR = 1990, 2100
"""Nobody chose between pictures on a screen before; what seems to be later is another unit."""

NO_TIME = r"|nan|nat|null|none|n/a|na|\\n|0000[-:/.]00[-:/.]00.*"
"""What stands where there is no time."""

_DAY, _FIRST, _END = 86_400, 631_152_000, 4_133_980_800
"""Seconds of a day, and from 1970 to the beginning of 1990 and of 2101."""

_EXCEL = 25_569
"""Days from a spreadsheet's day 0, 1899-12-30, to 1970."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts: its plausible range, and SQL that makes a time of it."""

    name: str
    first: float
    end: float
    sql: str


def _digits(form: str) -> str:
    return f"try_strptime({{}}, {text(form)})"


def _since_1970(name: str, a_second: float) -> Unit:
    # In decimals: a double does not hold nanoseconds.
    micros = f"CAST({{}} AS DECIMAL(38, 9)) * {1e6 / a_second:.3f}"
    return Unit(name, _FIRST * a_second, _END * a_second, f"make_timestamp(CAST(round({micros}) AS BIGINT))")


UNITS = (
    _since_1970("seconds since 1970", 1.0),
    _since_1970("milliseconds since 1970", 1e3),
    _since_1970("microseconds since 1970", 1e6),
    _since_1970("nanoseconds since 1970", 1e9),
    Unit(
        "days of a spreadsheet",
        _FIRST / _DAY + _EXCEL,
        _END / _DAY + _EXCEL,
        f"make_timestamp(CAST(round((CAST({{}} AS DOUBLE) - {_EXCEL}) * {_DAY}) AS BIGINT) * 1000000)",
    ),
    Unit("dates written YYYYMMDD", 19900101.0, 21001232.0, _digits("%Y%m%d")),
    Unit("times written YYYYMMDDhhmmss", 19900101000000.0, 21001232000000.0, _digits("%Y%m%d%H%M%S")),
)
"""Their ranges do not overlap."""

_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMS = (
    "%Y:%m:%d %H:%M:%S",  # EXIF
    "%Y:%m:%d %H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S.%f %z",
    "%a, %d %b %Y %H:%M:%S %z",  # RFC 5322
    "%a, %d %b %Y %H:%M:%S %Z",
    "%d %b %Y %H:%M:%S %z",
    "%Y%m%dT%H%M%SZ",
    *(f"%d.%m.%Y{clock}" for clock in _CLOCKS),
)
_SLASHED = r"([0-9]{1,2})[-/]([0-9]{1,2})[-/][0-9]{4}.*"
_NUMBER = r"[0-9]+([.,][0-9]*)?"


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How one column writes times: the unit of its numbers, and which of two slashed numbers is the day."""

    unit: Unit | None
    day_first: bool | None

    def sql(self, column: str) -> str:
        """SQL: the time of a text, in UTC, or NULL for one that is none, not understood, or out of all reason."""
        clean = _clean(column)
        date = _no_comma(clean)
        calendar = f"coalesce(TRY_CAST({date} AS TIMESTAMPTZ), try_strptime({date}, {self._forms()}))"
        time = (
            f"CASE WHEN {_is_none(clean)} THEN NULL WHEN {_is_number(clean)} THEN {self._number(clean)} "
            f"ELSE CAST({calendar} AS TIMESTAMP) END"
        )
        begin, end = f"TIMESTAMP '{FIRST_YEAR}-01-01'", f"TIMESTAMP '{LAST_YEAR + 1}-01-01'"
        return f"CASE WHEN ({time}) >= {begin} AND ({time}) < {end} THEN ({time}) END"

    def _number(self, clean: str) -> str:
        if self.unit is None:
            return "NULL"
        clean = f"replace({clean}, ',', '.')"
        number = f"TRY_CAST({clean} AS DOUBLE)"
        plausible = f"{number} >= {self.unit.first} AND {number} < {self.unit.end}"
        return f"CASE WHEN {plausible} THEN CAST({self.unit.sql.format(clean)} AS TIMESTAMP) END"

    def _forms(self) -> str:
        slashed = () if self.day_first is None else ("%d/%m/%Y",) if self.day_first else ("%m/%d/%Y",)
        more = [form.replace("/", mark) + clock for form in slashed for mark in "/-" for clock in _CLOCKS]
        return f"[{', '.join(map(text, (*_FORMS, *more)))}]"


def _clean(column: str) -> str:
    return f"trim({column}, ' \t\r\n\u00a0')"


def _no_comma(clean: str) -> str:
    """Without the comma that some put between date and clock."""
    return f"regexp_replace({clean}, '^([0-9./-]+), *', '\\1 ')"


def _is_number(clean: str) -> str:
    return f"regexp_full_match({clean}, {text(_NUMBER)})"


def _is_none(clean: str) -> str:
    return f"regexp_full_match(lower({clean}), {text(NO_TIME)})"


def is_no_time(column: str) -> str:
    """SQL: whether a text says that there is no time."""
    return f"({column} IS NULL OR {_is_none(_clean(column))})"


def time_form(connection: duckdb.DuckDBPyConnection) -> TimeForm:
    """Decide how the column `time_text` of `raw` writes times, by the rows that count.

    A number counts what most of the numbers plausibly count. The day comes first where some row can be read in no other
    way, and none only the other way round; nothing is decided where both can be meant everywhere.
    """
    clean = _clean("time_text")
    counted = ", ".join(f"count(*) FILTER (n >= {unit.first} AND n < {unit.end})" for unit in UNITS)
    days, months = "max(TRY_CAST(first AS INT))", "max(TRY_CAST(second AS INT))"
    row = connection.execute(
        f"SELECT {days}, {months}, bool_or(halves), {counted} FROM (SELECT "
        f"CASE WHEN {_is_number(clean)} THEN TRY_CAST(replace({clean}, ',', '.') AS DOUBLE) END AS n, "
        f"regexp_extract({clean}, '^{_SLASHED}$', 1) AS first, regexp_extract({clean}, '^{_SLASHED}$', 2) AS second, "
        f"regexp_matches({clean}, '^[0-9]+/.*[AaPp][Mm]$') AS halves "
        "FROM raw WHERE reason IS NULL AND time_text IS NOT NULL)"
    ).fetchone()
    assert row is not None
    first, second, halves, *counts = row
    most = max(counts)
    unit = UNITS[counts.index(most)] if most else None
    return TimeForm(unit, _day_first(first or 0, second or 0, bool(halves)))


def _day_first(first: int, second: int, halves: bool) -> bool | None:
    """From the largest of the first and of the second numbers; a clock of twice twelve hours is American."""
    if (first > 12) != (second > 12):
        return first > 12
    return False if halves and first <= 12 else None
