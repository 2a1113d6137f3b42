"""A process that reads pictures for another, so that a decoder that crashes or never comes back costs one picture.

Enters: requests, a line of JSON each. Leaves: readings, a line of JSON and the pixels each. Does not know: when a
reading is late, who asks. It is started as a program and not by multiprocessing, which would run a user's script
again in it; it loads no torch, so it starts in a fifth of a second and is small. No pickles: hostile pictures are
decoded here.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

import numpy as np

from tasteprint.library.reading import Reading, ReadRequest, read_picture

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tasteprint.library.reader_process import serve; serve()"
)


class ReaderProcess:
    """Reads by a process, which is started when it is needed, and again after it died; one thread's, but for `kill`."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[IO[bytes], ...] = ()
        self._startable = True

    def start(self) -> None:
        """Have a process that is ready to read, if one can be started."""
        if not self._process and self._startable:
            self._start()

    def read(self, request: ReadRequest) -> Reading:
        """Have one file read; where no process could be started, read it here."""
        if not self._process:
            return read_picture(request)
        try:
            requests, answers = self._streams
            _send(requests, vars(request))
            return parse_reading(answers)
        except (EOFError, OSError, ValueError):
            self.close()
            died = "ended the process that read it; expected a picture that can be decoded in the memory there is"
            return Reading(fault=f"{request.path!r} {died}: leave it out.")

    def kill(self) -> None:
        """End the process whatever it does; may be called by another thread, whose `read` then comes back."""
        if process := self._process:
            process.kill()

    def close(self) -> None:
        """End the process and leave nothing of it."""
        process, self._process = self._process, None
        if process:
            process.kill()
            for stream in self._streams:
                with suppress(OSError):
                    stream.close()
            with suppress(subprocess.TimeoutExpired):  # one that waits for a drive in the kernel
                process.wait(1.0)

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path, allow_nan=False)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the process that asks, and its end ends this one
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
            self._streams = tuple(filter(None, (self._process.stdin, self._process.stdout)))
            parse_reading(self._streams[1])  # its first word
        except (EOFError, OSError, ValueError):
            self._startable = False
            self.close()


def serve() -> None:
    """Answer requests on standard input with readings on standard output, until whoever asks is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints is no answer
    waiting: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_listen, args=(sys.stdin.buffer, waiting), daemon=True).start()
    write_reading(answers, Reading())
    while True:
        write_reading(answers, read_picture(_request(waiting.get())))


def write_reading(stream: IO[bytes], reading: Reading) -> None:
    """Write a reading as a line of JSON and the pixels after it."""
    about: dict[str, Any] = {key: value for key, value in vars(reading).items() if key != "pixels"}
    if reading.pixels is None:
        return _send(stream, about)
    return _send(stream, {**about, "shape": reading.pixels.shape}, reading.pixels.tobytes())


def parse_reading(stream: IO[bytes]) -> Reading:
    """Read back what `write_reading` wrote; EOFError where the stream ends before."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    about = json.loads(line)
    shape, notes = about.pop("shape", None), tuple(about.pop("notes"))
    if shape is None:
        return Reading(**about, notes=notes)
    data = stream.read(math.prod(shape))
    if len(data) != math.prod(shape):
        raise EOFError
    return Reading(**about, notes=notes, pixels=np.frombuffer(data, np.uint8).reshape(shape))


def _request(line: bytes) -> ReadRequest:
    asked = json.loads(line)
    return ReadRequest(asked["place"], asked["path"], asked["side"], tuple(asked["known"]))


def _send(stream: IO[bytes], about: dict[str, Any], data: bytes = b"") -> None:
    stream.write(json.dumps(about, allow_nan=False).encode() + b"\n" + data)
    stream.flush()


def _listen(requests: IO[bytes], waiting: SimpleQueue[bytes]) -> None:
    """End at once when whoever asks is gone, even while the main thread waits for a drive."""
    for line in requests:
        waiting.put(line)
    os._exit(0)
