"""The objects of a JSON text, read one by one; numbers keep the form in which they are written.

Enters: a `Place` and its encoding. Leaves: objects with the lines that they begin on. Does not know: columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any, NamedTuple

from tasteprint.data.tables.encodings import BLOCK, LONGEST_LINE, open_text
from tasteprint.data.tables.places import Place


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Element(NamedTuple):
    """An object and the line that it begins on, from 1."""

    value: dict[str, Any]
    line: int


def elements(place: Place, encoding: str) -> Iterator[Element]:
    """Read the objects of a text: one after the other, or in one array. ValueError, with the line, for the rest."""
    with open_text(place, encoding) as text:
        yield from _Reader(place.name, text).elements()


def cell_text(value: Any) -> str | None:
    """A value as a cell: text and numbers as they are written, true and false, null as None, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(value)


def _json(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(key, ensure_ascii=False, allow_nan=False)}: {_json(one)}"
                for key, one in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"has the key {twice!r} twice; expected it once: delete one")
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=Number, parse_float=Number, parse_constant=Number, strict=False
)
_SPACE = re.compile(r"[\s\ufeff]*")


class _Reader:
    def __init__(self, name: str, text: TextIOWrapper) -> None:
        self.name, self.text = name, text
        self.buffer, self.at, self.line, self.counted = "", 0, 1, 0
        self.ended = False

    def elements(self) -> Iterator[Element]:
        array = self._next() == "["
        self.at += array
        while (mark := self._next()) and not (array and mark == "]"):
            yield self._element()
            if array and self._next() == ",":
                self.at += 1
            elif array and self._next() != "]":
                raise self._fault(
                    "ends before its array does; expected a comma or a bracket", "fetch it again"
                )
        self.at += bool(array)
        if array and self._next():
            raise self._fault("goes on behind its array; expected nothing more", "delete the rest")

    def _next(self) -> str:
        """The next letter that is no space; nothing at the end."""
        while True:
            found = _SPACE.match(self.buffer, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.buffer) or not self._more():
                return self.buffer[self.at : self.at + 1]

    def _element(self) -> Element:
        while True:
            try:
                value, end = _DECODER.raw_decode(self.buffer, self.at)
                break
            except json.JSONDecodeError as error:
                cut = error.pos > len(self.buffer) - 16 or error.msg.startswith("Unterminated")
                if not (cut and self._more()):
                    raise self._fault(f"is no JSON ({error.msg})", "correct it") from error
            except RecursionError as error:
                raise self._fault("is nested too deeply; expected a row", "unnest it") from error
            except ValueError as error:
                raise self._fault(*str(error).rsplit(": ", 1)) from error
        if not isinstance(value, dict):
            raise self._fault(
                'is no object; expected one a row, as {"user_id": ...}', "export the rows as objects"
            )
        line = self._line()
        self.at = end
        return Element(value, line)

    def _line(self) -> int:
        self.line += self.buffer.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

    def _more(self) -> bool:
        """Read on, as much as is held; what was passed is let go."""
        self._line()
        held = self.buffer[self.at :]
        if len(held) > LONGEST_LINE:
            raise self._fault(f"is longer than {LONGEST_LINE:,} letters; expected a row", "name another file")
        more = self.text.read(max(BLOCK, len(held)))
        self.buffer, self.at, self.counted = held + more, 0, 0
        return bool(more)

    def _fault(self, got: str, remedy: str) -> ValueError:
        expected = "" if "; expected" in got else "; expected an object a row"
        return ValueError(f"line {self._line()} of {self.name!r} {got}{expected}: {remedy}.")
