"""Numbers of the command line: each has a least and a most, said in the help and in the sentence that refuses.

Enters: an option's help and bounds. Leaves: typer's option. Does not know: commands.
"""

from __future__ import annotations

from typing import Any, no_type_check

import typer

SEEDS = 2**32 - 1
"""The largest seed that every generator of random numbers takes."""


def number_option(help: str, least: int | float, most: int | float) -> Any:
    """An option for a number from `least` to `most`, both included; ValueError, before the command, for any other."""

    @no_type_check  # typer names a class here of which what it gives is no instance
    def check(param: typer.CallbackParam, value: int | float | None) -> int | float | None:
        if value is not None and not least <= value <= most:
            name = (param.name or "number").replace("_", "-")
            raise ValueError(f"{name} is {value}; expected {_range(least, most)}: correct it.")
        return value

    return typer.Option(help=f"{help} {_range(least, most).capitalize()}.", callback=check)


def _range(least: int | float, most: int | float) -> str:
    return f"{least:,} to {most:,}"
