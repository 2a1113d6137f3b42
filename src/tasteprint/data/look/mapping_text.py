"""A mapping as TOML, to be corrected by hand: what `load_mapping` reads again.

Enters: a `Mapping`, remarks. Leaves: text. Does not know: logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import asdict
from typing import Any

from tasteprint.data.mapping import Mapping

_FIRST = ("optional", "prompt", "min_gap", "scale", "unrated", "rejected")
_SECTIONS = ("source", "columns", "constants", "labels", "splits", "images")


def mapping_toml(mapping: Mapping, about: Sequence[str] = (), why: Table[str, str] | None = None) -> str:
    """Write a mapping; `about` are lines of comment at the top, `why` comments on roles. Each is of one line."""
    return "\n".join(_lines(mapping, about, why or {})) + "\n"


def _lines(mapping: Mapping, about: Sequence[str], why: Table[str, str]) -> Iterator[str]:
    said, plain = asdict(mapping), asdict(Mapping(mapping.kind, mapping.columns, constants=mapping.constants))
    yield from (f"# {line}" for line in about)
    yield f"kind = {_value(mapping.kind)}"
    shown = [
        key for key in _FIRST if said[key] != plain[key] or (key == "min_gap" and mapping.kind == "ratings")
    ]
    yield from (f"{key} = {_value(said[key])}" for key in shown)
    for section in _SECTIONS:
        if said[section] and (said[section] != plain[section] or section in ("columns", "constants")):
            yield from ("", f"[{section}]")
            yield from _pairs(said[section], why if section in ("columns", "constants") else {})
    for item in said["filters"]:
        yield from ("", "[[filters]]")
        yield from _pairs(item, {})


def _pairs(table: Table[str, Any], why: Table[str, str]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{_key(key)} = {_value(value)}" + (f"  # {why[key]}" if key in why else "")


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else _string(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    return _string(str(value))


def _string(text: str) -> str:
    """A basic string; what it may not hold as it is, escaped."""
    return '"' + "".join(map(_letter, text)) + '"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return letter if " " <= letter != "\x7f" else f"\\u{ord(letter):04x}"
