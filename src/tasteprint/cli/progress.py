"""What a person sees while a command works: one bar on a terminal, and no messages of the libraries.

Enters: how much of what is done. Leaves: a bar on standard error, gone at the end; a word on what is kept when a person
stops it. Does not know: what is done.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def progress_bar(unit: str = "it") -> Iterator[Callable[[str, int, int], None]]:
    """Give a bar, shown only on a terminal, that moves by calling it with (what, done, total).

    It shows `unit`s a second and the time left.
    """
    from tqdm.auto import tqdm

    with tqdm(
        total=0,
        leave=False,
        disable=None,
        dynamic_ncols=True,
        miniters=1,
        unit=f" {unit}" if unit != "it" else unit,
    ) as bar:

        def move(what: str, done: int, total: int) -> None:
            bar.set_description_str(what, refresh=False)
            if done < bar.n or total != bar.total:
                bar.reset(total)
            bar.update(done - bar.n)

        yield move


@contextmanager
def kept_when_stopped(kept: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a bar of pictures; a person who stops it is told how many were looked at, and whether they are kept."""
    done = total = 0

    def note(what: str, now: int, of: int) -> None:
        nonlocal done, total
        done, total = now, of
        move(what, now, of)

    try:
        with progress_bar("pictures") as move:
            yield note
    except KeyboardInterrupt as stop:
        if not total:
            raise
        then = (
            "all but the last few are kept, and the same command goes on from there"
            if kept
            else "none is kept"
        )
        raise KeyboardInterrupt(f"stopped after {done:,} of {total:,} pictures; {then}.") from stop


def quiet_libraries() -> None:
    """Turn off what transformers and diffusers print while they load; errors are still raised, and warnings said."""
    warnings.showwarning = _said
    from transformers.utils import logging

    logging.set_verbosity_error()  # "the fast image processor needs torchvision": the slow one is meant
    logging.disable_progress_bar()
    with suppress(ImportError):  # that diffusers is missing is for the generator to say
        from diffusers.utils import logging as diffusers_logging

        diffusers_logging.set_verbosity_error()
        diffusers_logging.disable_progress_bar()


def _said(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as a sentence, without the place in the code that gave it."""
    print(f"tasteprint: {message}", file=file or sys.stderr)
