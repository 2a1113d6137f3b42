"""Labels and ratings as logs write them: numbers in either decimal mark, stars, "4/5", words that a mapping knows.

Enters: the texts of one column, in the DuckDB table `raw`, and a mapping. Leaves: how this column writes numbers, as
SQL that reads one. Does not know: which rows become votes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from tasteprint.data.duck import text
from tasteprint.data.mapping import Mapping

NO_VALUE = ("", "nan", "null", "none", "n/a", "#n/a", "na", "nat", "\\n")
"""Words for nothing, in small letters, unless a mapping knows them."""

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?"
_WITH_COMMA = r"[+-]?[0-9]+,[0-9]+"
_WITH_THOUSANDS = r"[+-]?[0-9]{1,3}(,[0-9]{3})+"
_STARS = "[★⭐]+[☆✩]*"
_FRACTION = r"([0-9]+(?:\.[0-9]+)?) ?/ ?([0-9]+)"


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How one column writes numbers: whether a comma is the decimal mark, and of how many each "4/5" is."""

    comma: bool
    out_of: int | None

    def sql(self, column: str) -> str:
        """SQL: the number of a text, as a label has it, or NULL for one that is none."""
        word = _word(column)
        number = f"replace({word}, ',', '.')" if self.comma else word
        return (
            f"CASE WHEN regexp_full_match({number}, {text(_NUMBER)}) THEN TRY_CAST({number} AS DOUBLE) "
            f"WHEN {word} IN ('true', 'false') THEN CAST({word} = 'true' AS DOUBLE) END"
        )

    def rating_sql(self, column: str) -> str:
        """SQL: the number of a text, written in digits, in stars, or as a share of a scale; or NULL."""
        word, stars = _word(column), text(_STARS)
        given, scale = (f"regexp_extract({word}, {text(f'^{_FRACTION}$')}, {place})" for place in (1, 2))
        return (
            f"CASE WHEN regexp_full_match({word}, {stars}) THEN CAST(length(translate({word}, '☆✩', '')) AS DOUBLE) "
            f"WHEN {scale} = '{self.out_of}' THEN TRY_CAST({given} AS DOUBLE) ELSE {self.sql(column)} END"
        )


def number_form(connection: duckdb.DuckDBPyConnection) -> NumberForm:
    """Decide how the column `value_text` of `raw` writes numbers, by the rows that count.

    A comma is the decimal mark where no row has a point for one, and not every comma could set thousands apart. "4/5"
    is understood where all are of the same number.
    """
    word = _word("value_text")
    row = connection.execute(
        f"SELECT coalesce(bool_or(regexp_full_match({word}, {text(_WITH_COMMA)}) AND NOT "
        f"regexp_full_match({word}, {text(_WITH_THOUSANDS)})), false), "
        f"coalesce(bool_or(regexp_full_match({word}, {text('[+-]?[0-9]*[.][0-9]+')})), false), "
        f"min(of), max(of) FROM (SELECT value_text, TRY_CAST(nullif(regexp_extract({word}, '^{_FRACTION}$', 2), '') "
        "AS INTEGER) AS of FROM raw WHERE reason IS NULL)"
    ).fetchone()
    assert row is not None
    comma, point, least, most = row
    return NumberForm(comma and not point, least if least == most else None)


def value_sql(mapping: Mapping, form: NumberForm) -> str:
    """SQL: label_0 or the rating in `value_text`, or NULL for what is none."""
    if mapping.labels:
        word = _word("value_text", mapping)
        cases = " ".join(f"WHEN {text(label)} THEN {value!r}" for label, value in mapping.labels.items())
        numbers = " ".join(
            f"WHEN {float(n)!r} THEN {mapping.labels[n]!r}" for n in filter(_is_number, mapping.labels)
        )
        other = (
            f"ELSE CASE TRY_CAST({word} AS DOUBLE) {numbers} END" if numbers else ""
        )  # 1.0 where 1 is known
        return f"CAST(CASE {word} {cases} {other} END AS DOUBLE)"
    number = form.sql("value_text") if mapping.kind == "votes" else form.rating_sql("value_text")
    if not mapping.rejected:
        return number
    return f"CASE WHEN {_among(mapping.rejected, number)} THEN {mapping.scale[0] - 1!r} ELSE {number} END"


def no_value_sql(mapping: Mapping) -> str:
    """SQL: the reason for which `value_text` says nothing, or NULL where it says something."""
    empty = ", ".join(text(word) for word in NO_VALUE if word not in mapping.labels)
    unrated = f"WHEN {_among(mapping.unrated, NumberForm(False, None).sql('value_text'))} THEN 'unrated' "
    return (
        f"CASE {unrated if mapping.unrated else ''}"
        f"WHEN value_text IS NULL OR {_word('value_text', mapping)} IN ({empty}) THEN 'no label' END"
    )


def wrong_value_sql(mapping: Mapping) -> str:
    """SQL: whether `value`, which `value_sql` gave, is not one that this kind of log may have."""
    if mapping.kind == "votes":
        return "value IS NULL OR value NOT IN (0, 0.5, 1)"
    if not mapping.scale or mapping.labels:
        return "value IS NULL OR NOT isfinite(value)"
    least, most = mapping.scale
    rejected = f" AND value <> {least - 1!r}" if mapping.rejected else ""
    return f"value IS NULL OR NOT isfinite(value) OR NOT (value BETWEEN {least!r} AND {most!r}){rejected}"


def expected_value(mapping: Mapping) -> str:
    """What a sentence expects of a label or a rating, and what to do."""
    if mapping.kind == "votes":
        what = "1 (first preferred), 0 (second) or 0.5 (tie)"
    elif mapping.scale and not mapping.labels:
        return (
            f"{mapping.scale[0]:g} to {mapping.scale[1]:g}: correct it, or state another scale, or what is unrated or "
            "rejected, in the mapping"
        )
    else:
        what = "a number"
    return f"{what}: map it under [labels] of the mapping, or leave it out by a filter"


def _word(column: str, mapping: Mapping | None = None) -> str:
    """A text in small letters without the spaces around it, which a mapping's own words may have."""
    word = f"lower(trim({column}, ' \t\r\n\u00a0'))"
    spaced = [label for label in mapping.labels if label != label.strip()] if mapping else []
    if not spaced:
        return word
    return (
        f"CASE WHEN lower({column}) IN ({', '.join(map(text, spaced))}) THEN lower({column}) ELSE {word} END"
    )


def _among(words: tuple[str, ...], number: str) -> str:
    listed = ", ".join(map(text, words))
    numbers = [repr(float(word)) for word in words if _is_number(word)]
    same = f" OR {number} IN ({', '.join(numbers)})" if numbers else ""
    return f"({_word('value_text')} IN ({listed}){same})"


def _is_number(word: str) -> bool:
    return re.fullmatch("[+-]?[0-9]{1,15}([.][0-9]{1,15})?", word) is not None
