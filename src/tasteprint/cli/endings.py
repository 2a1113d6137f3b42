"""How a command ends that does not end well: the one place where a fault becomes a sentence and an exit code.

Enters: whatever a command raised. Leaves: a sentence on standard error and an exit code; for a fault of our own, the
traceback in a file. Does not know: commands.

    0    done
    1    a fault of tasteprint itself: where its traceback is kept, and how to report it
    2    something given cannot be used, or the machine is short of something: what, and what to do
    130  stopped by Ctrl-C
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import tasteprint
from tasteprint.data.faults import tells_of_memory
from tasteprint.library.names import plain

OURS, YOURS, STOPPED = 1, 2, 130

LIBRARIES = ("torch", "transformers", "duckdb", "pillow", "numpy")

DEBUG = "TASTEPRINT_DEBUG"
"""With this set in the environment, every fault is raised as it is."""

PACKAGE = Path(tasteprint.__file__).parent


@contextmanager
def told() -> Iterator[None]:
    """Run a command; whatever it raises ends the process with a sentence and an exit code."""
    _print_any_name()
    with _interrupts() as interrupts:
        try:
            yield
        except SystemExit as end:
            if end.code == STOPPED:  # of Ctrl-C, which typer turns into this
                _end(STOPPED, _said_when_stopped(end))
            raise
        except (
            BaseException
        ) as fault:  # the outermost place: nothing is behind it but the interpreter's traceback
            if os.environ.get(DEBUG):
                raise
            if interrupts or isinstance(
                fault, KeyboardInterrupt
            ):  # which libraries turn into faults of their own
                _end(STOPPED, _said_when_stopped(fault))
            code, words = _words(fault)
            _end(code, plain(words) if code == YOURS else words)  # which may quote a file's own bytes


def _words(fault: BaseException) -> tuple[int, str]:
    """Exit code and sentence of a fault."""
    if tells_of_memory(fault):
        return (
            YOURS,
            f"there is not enough memory ({_brief(fault)}); expected more: end other programs, or ask for less.",
        )
    if isinstance(fault, OSError):
        return YOURS, _of_system(fault)
    if isinstance(fault, ValueError) and _is_raised_here(fault):
        return YOURS, str(fault)
    return OURS, _report(fault)


def _of_system(fault: OSError) -> str:
    """Our own are sentences already; the system's say what happened, and mostly to which file."""
    if not fault.strerror:
        return str(fault)
    if fault.filename is None:
        return (
            f"reading or writing failed ({fault.strerror}); expected files on a disk that works and has room: free "
            "some, or name others."
        )
    return (
        f"{os.fsdecode(fault.filename)!r} cannot be used ({fault.strerror}); expected a file or folder that is there "
        "and that you may use: correct the name or its permissions."
    )


def _is_raised_here(fault: BaseException) -> bool:
    """Whether tasteprint itself raised it, and so meant it; a library's own ValueError should have been foreseen."""
    last = traceback.extract_tb(fault.__traceback__)[-1:]
    return bool(last) and Path(last[0].filename).is_relative_to(PACKAGE)


def _report(fault: BaseException) -> str:
    from tasteprint.provenance import code_digest, versions  # takes longer than all else here

    whole = "".join(traceback.format_exception(fault))
    about = {
        "build": code_digest(),
        "python": platform.python_version(),
        "system": platform.platform(),
        **versions(*LIBRARIES),
    }
    text = f"tasteprint {sys.argv[1:]!r}\n{about}\n\n{whole}"
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            errors="backslashreplace",
            prefix="tasteprint-",
            suffix=".txt",
            delete=False,
        ) as file:
            file.write(text)
    except OSError:
        return f"{text}\nthis is a fault of tasteprint, not yours; please report the lines above at {_address()}."
    return (
        f"this is a fault of tasteprint, not yours ({_brief(fault)}); what happened is in {file.name}: please look it "
        f"through and report it at {_address()}."
    )


def _address() -> str:
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        addresses = metadata("tasteprint").get_all("Project-URL") or []
    except PackageNotFoundError:
        addresses = []
    named = dict(one.split(", ", 1) for one in addresses)
    return named.get("Issues", "the project's page of issues")


def _brief(fault: BaseException) -> str:
    said = str(fault).strip().splitlines()
    return f"{type(fault).__name__}: {said[0][:200]}" if said else type(fault).__name__


def _said_when_stopped(fault: BaseException | None) -> str:
    """What a command had to say as it was stopped, if anything."""
    while fault is not None and not (isinstance(fault, KeyboardInterrupt) and fault.args):
        fault = fault.__cause__ or fault.__context__
    return str(fault or "stopped; the same command can be given again.")


def _end(code: int, words: str) -> None:
    print(f"tasteprint: {words}", file=sys.stderr)
    sys.exit(code)


def _print_any_name() -> None:
    """Let names of files that are not UTF-8, and languages that a terminal lacks, be printed in some form."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Note every Ctrl-C, and let it do what it does."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # ignored, as under nohup, or another's
        yield noted
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
