"""Ground floor: frozen dataclasses that check what they are made of, and refuse it in one sentence.

Enters: a class of annotated fields. Leaves: the same as a frozen dataclass, checked by pydantic when it is made.
Does not know: what the fields mean.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

T = TypeVar("T")

Switch = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Positive = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
"""Counts of what takes time, a little each: steps, votes, people."""
SizeOrNone = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Size = Annotated[int, Field(strict=True, ge=1, le=10_000)]
"""Counts of what takes memory at once."""
Amount = Annotated[float, Field(strict=True, ge=0, le=1e6)]
"""A finite number of at least 0: a weight, a limit."""
Rate = Annotated[float, Field(strict=True, ge=0, le=1000)]
"""A step size; 0 leaves everything as it is."""
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Fraction = Annotated[float, Field(strict=True, ge=0, lt=1)]
"""A share that never is all."""
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
"""What every generator of random numbers takes, numpy's old one too."""
Name = Annotated[str, Field(strict=True, min_length=1)]
Nested = Annotated[T, Field(strict=False)]
"""A class that is made from a table, or a tuple that is made from a list."""

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

EXPECTED = {
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "greater_than": "a number above {gt}",
    "less_than": "a number below {lt}",
    "string_too_short": "a name",
    "literal_error": "one of {expected}",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a section of settings",
    "dataclass_type": "a section of settings",
}
"""What was expected, by pydantic's kind of error; its own words serve for all others."""


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def checked(root: str = "") -> Callable[[type[T]], type[T]]:
    """Make a class a frozen dataclass whose `root` is named in errors; `asdict` and `replace` work, and check too.

    A value of another type, a number that is not finite or out of its field's range, and a name that is no field raise
    ValueError in one sentence. Tables are taken for nested classes, lists for tuples and whole numbers for the floats
    below; bare `int`, `float` and `bool` would convert words and each other.
    """

    def decorate(cls: type[T]) -> type[T]:
        made: Any = dataclass(
            frozen=True, slots=True, config=ConfigDict(extra="forbid", allow_inf_nan=False)
        )(cls)
        build = made.__init__

        @wraps(build)
        def __init__(self: T, *values: Any, **named: Any) -> None:  # noqa: N807
            try:
                build(self, *values, **named)
            except ValidationError as fault:
                raise ValueError(_sentence(_first(fault), made, root)) from fault

        made.__init__ = __init__
        return made

    return decorate


def _first(fault: ValidationError) -> ErrorDetails:
    """A name that is no field explains one that is missing."""
    return min(fault.errors(), key=lambda error: error["type"] != "unexpected_keyword_argument")


def _sentence(fault: ErrorDetails, kind: Any, root: str) -> str:
    *section, name = fault["loc"] or ("",)
    where = ".".join(str(part) for part in (root, *section) if part != "")
    if fault["type"] == "value_error":  # raised by the class's own check
        return str(fault["ctx"]["error"])
    if fault["type"] == "unexpected_keyword_argument":
        known = ", ".join(_within(kind, section).__pydantic_fields__)
        return f"{where or kind.__name__} has no setting {name!r}; expected one of {known}: correct it."
    if fault["type"] == "missing":
        return f"{where or kind.__name__} has no {name!r}; expected one: add it."
    words = EXPECTED.get(
        fault["type"], fault["msg"].removeprefix("Input should be ").replace("a valid ", "a ")
    )
    bounds = {name: _digits(value) for name, value in fault.get("ctx", {}).items()}
    expected = words.format(**bounds).replace(" or '", ", '").replace("'", "")
    return f"{where}{'.' if where else ''}{name} is {fault['input']!r}; expected {expected}: correct it."


def _digits(value: Any) -> str:
    """A bound as people write it: 1,000,000 and 0.5."""
    whole = isinstance(value, int | float) and value == int(value)
    return f"{int(value):,}" if whole else str(value)


def _within(kind: Any, path: list[str | int]) -> Any:
    """The class of the section to which a path leads; numbers in it count the members of a tuple."""
    for step in path:
        kind = get_args(kind)[0] if isinstance(step, int) else kind.__pydantic_fields__[step].annotation
    return kind
